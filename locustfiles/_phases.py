"""Plays the phases of a load plan: arrivals on their schedule, drains, true idle.

The schedule is a pure function of the plan, so several processes can share it: each takes every n-th arrival, and all
together make exactly those that one alone would have made.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gevent
from gevent.pool import Group

from harness.model.load import ArrivalModel, LoadPlan, Phase, Spacing
from locustfiles._tally import Tally
from locustfiles._voice import Conversation, Query, Turn, ending_of, hold_stream, posts_of
from locustfiles._wire import Site, StepFailed

DRAIN_TIMEOUT = "drain_timeout"
"""A failure: the target had its time to finish, and did not."""

REOPEN_AFTER_S = 1.0
"""Between losing a stream that is held open while idle and opening it again."""


@dataclass(frozen=True, slots=True)
class Share:
    """This process's part of the arrivals: those whose number leaves ``index`` when divided by ``count``."""

    index: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """One query of the schedule, due ``due_s`` after the start of the load; ``kind_number`` counts within its kind."""

    number: int
    kind_number: int
    kind: str
    due_s: float


class Schedule:
    """All arrivals of a plan, phase by phase, without holding them."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._number = 0
        self._of_kind: Counter[str] = Counter()

    def arrivals(self, phase: Phase) -> Iterator[Arrival]:
        """The arrivals of ``phase`` in order; phases are to be asked for in the plan's order, each to its end."""
        rng = random.Random(f"arrivals {self._plan.seed} {phase.phase}")
        kinds = list(phase.kinds)
        at = 0.0
        for index in range(phase.queries_count):
            if index % len(kinds) == 0:
                rng.shuffle(kinds)
            at = self._next(at, index, phase.queries_count, rng)
            kind = kinds[index % len(kinds)]
            yield Arrival(self._number, self._of_kind[kind], kind, phase.start_s + at * phase.length_s)
            self._number += 1
            self._of_kind[kind] += 1

    def _next(self, at: float, index: int, count: int, rng: random.Random) -> float:
        """Where in its phase (0 to 1) the next arrival lies.

        Poisson arrivals of a known number are that many uniform places in order; the next of those that are left is
        drawn as their minimum, so none has to be kept.
        """
        if self._plan.arrivals.spacing is Spacing.CONSTANT:
            return (index + 0.5) / count
        left: float = rng.random() ** (1 / (count - index))
        return at + (1 - at) * (1 - left)


class Player:
    """Plays one process's share of a plan against the backend.

    ``report_drained`` is called with a phase's number as soon as none of its conversations is in flight.
    """

    def __init__(
        self,
        plan: LoadPlan,
        share: Share,
        started_s: float,
        run_name: str,
        tally: Tally,
        report_drained: Callable[[int], None],
        on_turn: Callable[[Turn], None] | None = None,
    ) -> None:
        self._plan = plan
        self._share = share
        self._started_s = started_s
        self._run_name = run_name
        self._tally = tally
        self._report_drained = report_drained
        self._on_turn = on_turn
        self._site = Site(plan.backend.base_url, plan.backend.headers)
        self._schedule = Schedule(plan)
        self._in_flight = Group()
        self._held = Group()

    def play(self) -> None:
        """Returns when the plan has been played and nothing is in flight."""
        for number in range(self._share.index, self._plan.idle_streams_count, self._share.count):
            self._held.spawn(self._hold_stream, number)
        for number, phase in enumerate(self._plan.phases):
            if phase.is_idle:
                self._site.close_idle()
            elif self._plan.arrivals.model is ArrivalModel.OPEN:
                self._drive_open(phase)
            else:
                self._drive_closed(number, phase)
            self._sleep_until(phase.end_s)
            if not phase.is_idle:
                self._drain()
            self._report_drained(number)
        self._held.kill(StepFailed("over"), block=True, timeout=2.0)

    def abandon(self, name: str) -> None:
        """Ends every conversation in flight at once, each counted under ``name``."""
        self._in_flight.kill(StepFailed(name), block=True, timeout=2.0)

    def _sleep_until(self, at_s: float) -> None:
        gevent.sleep(max(self._started_s + at_s - time.monotonic(), 0.0))

    def _drive_open(self, phase: Phase) -> None:
        """Starts conversations when they are due, whatever the earlier ones do."""
        for arrival in self._schedule.arrivals(phase):
            if arrival.number % self._share.count != self._share.index:
                continue
            self._sleep_until(arrival.due_s)
            if len(self._in_flight) >= self._plan.max_in_flight_count:
                self._tally.dropped(arrival.kind)
                continue
            self._in_flight.spawn(self._converse, arrival)

    def _drive_closed(self, number: int, phase: Phase) -> None:
        """Users who each wait for their answer, think, and ask again until the phase ends."""
        for user in range(self._share.index, self._plan.arrivals.users_count, self._share.count):
            self._in_flight.spawn(self._user, number, user, phase)

    def _user(self, phase_number: int, user: int, phase: Phase) -> None:
        rng = random.Random(f"user {self._plan.seed} {phase.phase} {user}")
        end_s = self._started_s + phase.end_s
        users_count = self._plan.arrivals.users_count
        turn_number = 0
        while True:
            gevent.sleep(min(rng.expovariate(1 / self._plan.arrivals.think_s), max(end_s - time.monotonic(), 0.0)))
            if time.monotonic() >= end_s:
                return
            kind = phase.kinds[(user + turn_number) % len(phase.kinds)]
            number = ((phase_number << 24) + turn_number) * users_count + user
            self._converse(Arrival(number, user + turn_number, kind, time.monotonic() - self._started_s))
            turn_number += 1

    def _converse(self, arrival: Arrival) -> None:
        due_s = self._started_s + arrival.due_s
        lateness_s = time.monotonic() - due_s
        if lateness_s > self._plan.max_lateness_s:
            self._tally.dropped(arrival.kind)
            return
        query = Query(
            arrival.number,
            arrival.kind,
            ending_of(arrival.kind, arrival.kind_number, self._plan.endings),
            posts_of(arrival.kind, arrival.kind_number, self._plan.bursts),
            due_s,
        )
        conversation = Conversation(query, self._plan, self._site, self._run_name, gevent.sleep)
        self._tally.started(arrival.kind, lateness_s)
        try:
            conversation.run()
        except StepFailed:
            pass  # recorded in the turn, counted below under its name
        finally:
            self._tally.ended(conversation.turn)
            if self._on_turn is not None:
                self._on_turn(conversation.turn)

    def _hold_stream(self, number: int) -> None:
        """Keeps a stream open on which nothing is asked, until the load is over; opens it again when it is lost."""
        until_s = self._started_s + self._plan.duration_s
        dialogue = f"{self._run_name}-idle-{number}"
        while True:
            try:
                hold_stream(self._site, self._plan.backend, dialogue, until_s)
            except StepFailed as failure:
                if failure.name == "over" or time.monotonic() >= until_s:
                    return
                self._tally.failed_outside(f"idle_{failure.name}")
            gevent.sleep(REOPEN_AFTER_S)

    def _drain(self) -> None:
        """Waits for the conversations in flight; what has not ended after the time-out is ended."""
        self._in_flight.join(timeout=self._plan.drain_timeout_s)
        if len(self._in_flight):
            self.abandon(DRAIN_TIMEOUT)
