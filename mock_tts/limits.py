"""Concurrency and credits of the account: plain counters, no waiting and no clock."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

LATE_S = 1.0
"""How much later than it said somebody may ask for a slot without losing its turn."""


@dataclass(slots=True)
class Slots:
    """Requests that generate at this moment, by group of models, and those waiting for a slot, first come first served.

    Who waits holds a ticket, any object of its own, and asks again now and then. Who has not asked for long, because
    its client reads nothing, say, keeps nobody else waiting.
    """

    active: Counter[str] = field(default_factory=Counter)
    _queues: dict[str, dict[object, tuple[int, float]]] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        return sum(map(len, self._queues.values()))

    def try_enter(self, group: str, limit: int | None, now_s: float, ticket: object = None) -> bool:
        """Takes a slot of ``group`` unless all ``limit`` are taken or others came before; None is no limit. Whoever
        got in with a ``ticket`` waits no more."""
        if limit is not None and (self.active[group] >= limit or not self._is_turn(group, now_s, ticket)):
            return False
        self.give_up(group, ticket)
        self.active[group] += 1
        return True

    def wait(self, group: str, limit: int, ticket: object, again_s: float) -> None:
        """Puts ``ticket`` behind those that wait already, or leaves it in its place; it asks again at ``again_s``."""
        self._queues.setdefault(group, {})[ticket] = limit, again_s + LATE_S

    def give_up(self, group: str, ticket: object) -> None:
        """Takes ``ticket`` out of the queue if it is there."""
        self._queues.get(group, {}).pop(ticket, None)

    def leave(self, group: str) -> None:
        """Gives a slot back."""
        self.active[group] -= 1

    def _is_turn(self, group: str, now_s: float, ticket: object) -> bool:
        """Whether nobody before ``ticket`` could take the slot that is free: limits differ where faults set them."""
        for other, (limit, until_s) in self._queues.get(group, {}).items():
            if other is ticket:
                return True
            if self.active[group] < limit and now_s <= until_s:
                return False
        return True


@dataclass(slots=True)
class Credits:
    """Credits of the account; ``limit`` None never runs out."""

    limit: int | None
    used: int = 0

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)

    def spend(self, credits: int) -> bool:
        """Takes ``credits`` if there are as many; says whether there were."""
        if self.limit is not None and self.used + credits > self.limit:
            return False
        self.used += credits
        return True


TOKEN_LIFE_S = 15 * 60.0
MAX_TOKENS = 10_000


@dataclass(slots=True)
class Tokens:
    """Single-use tokens: good for 15 minutes and once. Those that are used up are still known."""

    _issued: OrderedDict[str, float | None] = field(default_factory=OrderedDict)

    def issue(self, token: str, now_s: float, speaks: bool = True) -> None:
        """Makes ``token`` known, and good if it ``speaks``; the oldest are forgotten when there are very many."""
        self._issued[token] = now_s if speaks else None
        if len(self._issued) > MAX_TOKENS:
            self._issued.popitem(last=False)

    def is_known(self, token: str) -> bool:
        """Whether ``token`` was issued here."""
        return token in self._issued

    def consume(self, token: str, now_s: float) -> bool:
        """Whether ``token`` is good; afterwards it is not."""
        issued_s = self._issued.get(token)
        if issued_s is None:
            return False
        self._issued[token] = None
        return now_s - issued_s <= TOKEN_LIFE_S
