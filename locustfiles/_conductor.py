"""What only one process does: says when phases begin and end, notices a saturated generator, and ends the load.

Events go as JSON lines to the descriptor that the harness has handed down; the harness alone writes ``events.jsonl``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import gevent.os
from gevent.event import Event

from harness.model import EventName
from harness.model.load import LoadPlan, Phase
from locustfiles._poll import poll_now
from locustfiles._recorder import LoadFile, Recorder
from locustfiles._tally import KINDS_LIMIT, OTHER, Report

CPU_LIMIT_PERCENT = 90.0
CPU_READINGS_COUNT = 2
"""Locust reads the CPU every 5 s: this many readings in a row over the limit are 10 s of it."""

DROPPED_LIMIT_SHARE = 0.01

LATENESS_LIMIT_MS = 500.0
"""At the 99th percentile of starts. Half of what makes an arrival count as dropped."""

LATENESS_LEAST_COUNT = 100
"""Fewer starts have no 99th percentile."""

DRAIN_GRACE_S = 5.0
"""On top of the drain's own time-out, for the last report to arrive."""


STOPPED_EARLY = (
    "the load ended with code 1: it was stopped before its plan was played, by the locustfile itself, "
    "on Locust's page, or because its last worker had gone"
)
"""Begins as the harness's own note on a load that failed, of which the first counts."""


class EventPipe:
    """Writes events for the harness; without a descriptor, or once the harness has gone, to nobody."""

    def __init__(self, descriptor: int | None, clock: Callable[[], float]) -> None:
        self._descriptor = descriptor
        self._clock = clock
        if descriptor is not None:
            gevent.os.make_nonblocking(descriptor)

    def now_s(self) -> float:
        """The time that events have, on the run's clock."""
        return self._clock()

    def write(self, event: EventName, **fields: Any) -> None:
        """One line; waits for a slow reader without holding up the load."""
        if self._descriptor is None:
            return
        line = json.dumps({"t_s": round(self.now_s(), 3), "event": event.value, **fields}) + "\n"
        left = line.encode()
        try:
            while left:
                left = left[gevent.os.nb_write(self._descriptor, left) :]
        except OSError:
            self._descriptor = None  # the harness has gone; the watch on this pipe ends the process


class Conductor:
    """The load as a whole. ``run`` returns when it has been played, or nobody is left to play it."""

    def __init__(
        self, plan: LoadPlan, clients: Sequence[str], load_file: LoadFile, events: EventPipe, started_s: float
    ) -> None:
        self._plan = plan
        self._events = events
        self._started_s = started_s
        self._clients_count = len(clients)
        begins_s = events.now_s() + started_s - time.monotonic()
        self._recorder = Recorder(load_file, clients, begins_s, plan.row_period_s)
        self._news = Event()
        self._hot: dict[str, int] = {}
        self._said: set[str] = set()
        self._closed = False

    def take(self, client: str, report: Report) -> None:
        """Takes in what a playing process reports."""
        if self._closed:
            return
        self._recorder.add(client, report)
        if report.cpu_percent is not None:
            self.watch_cpu(client, report.cpu_percent)
        self._watch_starts()
        for lost in self._recorder.give_up_lost():
            self.lose(lost)
        self._news.set()

    def lose(self, client: str) -> None:
        """Goes on without a process that has died; its arrivals are not made, so the run cannot be valid."""
        self._recorder.give_up(client)
        self._saturated(f"worker {client} of {self._clients_count} stopped reporting: its arrivals were not made")
        self._news.set()

    def run(self) -> bool:
        """Whether at least one process has played the plan to its end."""
        for number, phase in enumerate(self._plan.phases):
            self._wait_until(phase.start_s)
            self._phase(EventName.PHASE_START, phase)
            self._wait_until(phase.end_s)
            self._phase(EventName.PHASE_END, phase)
            if not phase.is_idle:
                self._drain(number, phase)
        last_s = self._plan.duration_s + self._plan.drain_timeout_s + DRAIN_GRACE_S
        self._wait_for(lambda: self._recorder.has_finished, last_s)
        played = self._recorder.has_finished and bool(self._recorder.clients)
        self.close()
        return played

    def note_stopped_early(self) -> None:
        """Says why the load will end with an error: the log's end will be Locust's table."""
        self._events.write(EventName.NOTE, text=STOPPED_EARLY)

    def wait_finished(self, timeout_s: float) -> None:
        """Returns when every process has sent its last report, or when ``timeout_s`` have passed."""
        self._wait_for(lambda: self._recorder.has_finished, time.monotonic() - self._started_s + timeout_s)

    def close(self) -> None:
        """Writes the last rows and the sum of what was measured; calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        self._recorder.finish()
        self._events.write(EventName.NOTE, text=self._summary_text(), load=self._summary())

    def _drain(self, number: int, phase: Phase) -> None:
        self._events.write(EventName.DRAIN_START, phase=phase.phase, cycle=phase.cycle)
        until_s = phase.end_s + self._plan.drain_timeout_s + DRAIN_GRACE_S
        self._wait_for(lambda: self._recorder.has_drained(number), until_s)
        self._events.write(EventName.DRAIN_END, phase=phase.phase, cycle=phase.cycle)

    def _phase(self, event: EventName, phase: Phase) -> None:
        self._events.write(event, phase=phase.phase, kind=phase.kind, cycle=phase.cycle)

    def _wait_until(self, at_s: float) -> None:
        gevent.sleep(max(self._started_s + at_s - time.monotonic(), 0.0))

    def _wait_for(self, condition: Callable[[], bool], until_s: float) -> None:
        while not condition():
            left_s = self._started_s + until_s - time.monotonic()
            if left_s <= 0:
                return
            self._news.clear()
            self._news.wait(timeout=left_s)

    def watch_cpu(self, client: str, cpu_percent: float) -> None:
        """Takes one of Locust's readings of a process's CPU, in percent of one core."""
        self._hot[client] = self._hot.get(client, 0) + 1 if cpu_percent > CPU_LIMIT_PERCENT else 0
        if self._hot[client] == CPU_READINGS_COUNT:
            self._saturated(f"CPU of the load generator over {CPU_LIMIT_PERCENT:.0f} % for 10 s; use --workers")

    def _watch_starts(self) -> None:
        recorder = self._recorder
        due_count = recorder.started_count + recorder.dropped_count
        if due_count < LATENESS_LEAST_COUNT:
            return
        if recorder.dropped_count > DROPPED_LIMIT_SHARE * due_count:
            self._saturated(
                f"{recorder.dropped_count} of {due_count} arrivals were dropped: the load could not be started in time",
                "arrivals were dropped",
            )
        late_ms = recorder.lateness.quantile_ms(0.99)
        if late_ms is not None and late_ms > LATENESS_LIMIT_MS:
            self._saturated(f"one start in a hundred was {late_ms:.0f} ms late or more", "starts were late")

    def _saturated(self, reason: str, sort: str | None = None) -> None:
        """Says each sort of saturation once: one is enough to make the run invalid."""
        if (sort or reason) not in self._said:
            self._said.add(sort or reason)
            self._events.write(EventName.GENERATOR_SATURATED, reason=reason)

    def _summary(self) -> dict[str, Any]:
        recorder = self._recorder
        return {
            "started_count": recorder.started_count,
            "posts_count": recorder.posts_count,
            "dropped_count": recorder.dropped_count,
            "failed_count": recorder.failed_count,
            "stopped_count": recorder.stopped_count,
            "failures": recorder.failures,
            "forbidden_count": recorder.forbidden_count,
            "lateness_p99_ms": recorder.lateness.quantile_ms(0.99),
            "first_event_p95_ms": recorder.first_events.quantile_ms(0.95),
            "widest_gap_p95_ms": recorder.gaps.quantile_ms(0.95),
        }

    def _summary_text(self) -> str:
        recorder = self._recorder
        failed = ", ".join(f"{name} {count}" for name, count in sorted(recorder.failures.items())) or "none"
        late_ms = recorder.lateness.quantile_ms(0.99)
        late = "" if late_ms is None else f"; 99 % of starts within {late_ms:.1f} ms of their time"
        stopped = f"; {recorder.stopped_count} were in flight when the load was stopped" * bool(recorder.stopped_count)
        forbidden = f"; {recorder.forbidden_count} answers carried what they must not" * bool(recorder.forbidden_count)
        lumped = f"; kinds after the first {KINDS_LIMIT} are one, {OTHER!r}: give requests a name without ids"
        many = lumped * recorder.kinds.are_too_many
        return f"load: {recorder.started_count} queries; failures: {failed}{stopped}{late}{forbidden}{many}"


def harness_has_gone(descriptor: int) -> bool:
    """Whether the reading end of the events' pipe is closed."""
    return poll_now(descriptor, 0) != 0  # asked for nothing, only errors and hang-ups are told
