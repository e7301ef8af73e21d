"""Concurrency and credits of the account: plain counters, no waiting and no clock."""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Slots:
    """Requests that generate at this moment, by group of models, and those waiting for a slot."""

    active: Counter[str] = field(default_factory=Counter)
    waiting: int = 0

    def try_enter(self, group: str, limit: int | None) -> bool:
        """Takes a slot of ``group`` unless all ``limit`` are taken; None is no limit."""
        if limit is not None and self.active[group] >= limit:
            return False
        self.active[group] += 1
        return True

    def leave(self, group: str) -> None:
        """Gives a slot back."""
        self.active[group] -= 1


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
