"""One run in time: samples, stores, starts a target again where that is asked for, and ends everything in order.

Owns the only loop of a run. It waits in one ``select`` for the next sample, the load's events, the end of any child and
the user's signals, so nothing here sleeps, polls or needs a thread.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StoreError, TargetError
from harness.model import EndReason, Event, EventName
from harness.orchestrate.container_watch import ContainerWatch
from harness.orchestrate.early_stop import Judge, SoFar
from harness.orchestrate.event_pipe import EventPipe
from harness.orchestrate.interrupts import Interrupts
from harness.orchestrate.load_tail import LoadTail, LoadTotals
from harness.orchestrate.restarts import Restarts
from harness.orchestrate.services import Service, Services
from harness.orchestrate.standing import Witness
from harness.probes.base import Reading
from harness.sampler import Sampler
from harness.store.schema import LOAD_FILE
from harness.store.writer import RunWriter

TARGET_PROBE = "target"
LOG_CHECK_PERIOD_S = 2.0


@dataclass(frozen=True, slots=True)
class Tick:
    """What an observer is told after each sample; ``memory_bytes`` is the primary metric's last value."""

    t_s: float
    memory_bytes: float | None
    new_events: tuple[Event, ...]
    run_dir: Path
    load: LoadTotals
    so_far: SoFar | None = None


Observer = Callable[[Tick], None]


class Tap:
    """The run's writer, with an ear on the primary metric."""

    def __init__(self, writer: RunWriter) -> None:
        self._writer = writer
        self._probe, _, self._column = (writer.manifest.primary or ".").partition(".")
        self.primary_value: float | None = None

    def sample(self, probe_name: str, t_s: float, reading: Reading, read_ms: float) -> None:
        if probe_name == self._probe:
            self.primary_value = reading.get(self._column)
        self._writer.sample(probe_name, t_s, reading, read_ms)

    def event(self, event: Event) -> None:
        self._writer.event(event)


@dataclass(frozen=True, slots=True)
class Cast:
    """The children of a run by what their end means."""

    load: Service | None
    target: Service | None
    mock: Service | None


@dataclass(slots=True)
class Session:
    """A run that has begun: everything is started and the directory is open.

    ``deadline_s`` counts from the load's first phase, which may take ``longest_wait_s`` to come; without a load from
    the start.
    """

    writer: RunWriter
    sampler: Sampler
    tap: Tap
    services: Services
    cast: Cast
    interrupts: Interrupts
    events: EventPipe
    started_s: float
    deadline_s: float | None
    observer: Observer
    longest_wait_s: float = 0.0
    restarts: Restarts | None = None
    judge: Judge | None = None
    watch: ContainerWatch | None = None
    witness: Witness | None = None
    _load_begun_s: float | None = None

    def play(self) -> EndReason:
        """Runs to the end and writes ``end.json``. Children are still alive afterwards, their owner stops them.

        Where nothing can be written any more, everything is still ended in order. Raises StoreError when not even
        ``end.json`` could be: the folder is gone, or may not be written any more.
        """
        reasons: list[EndReason] = []
        steps: tuple[Callable[[], None], ...] = (
            lambda: reasons.append(self._loop()),
            self._stop_load,
            self._pass_on_last,
            self.sampler.close,
        )
        for step in steps:
            try:
                step()
            except StoreError:
                reasons.insert(0, EndReason.DISK_FULL)
        self.writer.end(reasons[0], self._now_s())
        return reasons[0]

    def _stop_load(self) -> None:
        """It writes load.csv, whose rows end.json counts."""
        if self.cast.load is not None:
            self.services.stop_one(self.cast.load)

    def _pass_on_last(self) -> None:
        self._pass_on_events()
        self._pass_on_watched(last=True)
        self._pass_on_witnessed(last=True)

    def _loop(self) -> EndReason:
        with selectors.DefaultSelector() as selector:
            for source in (self.interrupts, self.events):
                selector.register(source, selectors.EVENT_READ)
            self._watch_children(selector)
            next_log_check_s = 0.0
            load_tail = LoadTail(self.writer.path / LOAD_FILE)
            while True:
                selector.select(max(0.0, self.sampler.next_deadline_s() - time.monotonic()))
                new_events = self._pass_on_events()
                self.sampler.tick()
                found = self._hear_judge()
                self.observer(
                    Tick(self._now_s(), self.tap.primary_value, new_events, self.writer.path, load_tail.totals(), found)
                )
                reason = self._end_reason(selector)
                if reason is not None:
                    return reason
                if self._now_s() >= next_log_check_s:
                    next_log_check_s = self._now_s() + LOG_CHECK_PERIOD_S
                    self._pass_on_witnessed()
                    self.services.rotate_logs()
                    self._pass_on_watched()

    def _hear_judge(self) -> SoFar | None:
        if self.judge is None:
            return None
        self.judge.listen()
        return self.judge.so_far

    def _watch_children(self, selector: selectors.BaseSelector) -> None:
        for service in (self.cast.load, self.cast.target, self.cast.mock):
            if service is not None:
                selector.register(service.pidfd, selectors.EVENT_READ)

    def _end_reason(self, selector: selectors.BaseSelector) -> EndReason | None:
        load, target, mock = self.cast.load, self.cast.target, self.cast.mock
        if self.interrupts.seen is not None:
            return EndReason.INTERRUPTED
        if target is not None and target.exit_code() is not None and not self._restarted(target, selector):
            self._note(f"the target ended with code {target.exit_code()}: {target.last_lines()}")
            return EndReason.TARGET_DIED
        if mock is not None and mock.exit_code() is not None:
            self._note(f"the mock ended with code {mock.exit_code()}: {mock.last_lines()}")
            return EndReason.MOCK_FAILED
        if load is not None and load.exit_code() is not None:
            if load.exit_code() == 0:
                return EndReason.COMPLETED
            self._note(f"the load ended with code {load.exit_code()}: {load.last_lines()}")
            return EndReason.GENERATOR_FAILED
        if target is None and TARGET_PROBE in self.sampler.gone:
            self._note("the target has ended")
            return EndReason.TARGET_DIED
        if self.judge is not None and self.judge.wants_stop:
            return EndReason.EARLY_STOP
        return self._at_deadline() if self._is_over() else None

    def _is_over(self) -> bool:
        if self.deadline_s is None:
            return False
        begins_s = self.longest_wait_s if self._load_begun_s is None else self._load_begun_s
        return self._now_s() >= begins_s + self.deadline_s

    def _at_deadline(self) -> EndReason:
        """Without a load the deadline is the plan; with one it is the time by which the load must have ended itself."""
        if self.cast.load is None:
            return EndReason.COMPLETED
        self._note(f"the load was still running at {self._now_s():.0f} s, long after its plan had ended")
        return EndReason.GENERATOR_FAILED

    def _restarted(self, target: Service, selector: selectors.BaseSelector) -> bool:
        if self.restarts is None:
            return False
        refusal = self.restarts.refusal(target.exit_code())
        if refusal is not None:
            self._note(refusal)
            return False
        selector.unregister(target.pidfd)
        self._note(f"the target ended with code {target.exit_code()} and is started again: {target.last_lines()}")
        self.services.discard(target)
        try:
            again = self.restarts.start()
        except TargetError as error:  # its program is gone, say: the run still ends in order
            self._note(str(error))
            return False
        self.cast = Cast(self.cast.load, again, self.cast.mock)
        selector.register(again.pidfd, selectors.EVENT_READ)
        return True

    def _pass_on_events(self) -> tuple[Event, ...]:
        events = tuple(self.events.drain())
        for event in events:
            self.writer.event(event)
            if self._load_begun_s is None and event.event == EventName.PHASE_START:
                self._load_begun_s = event.t_s
            if self.witness is not None and event.event == EventName.DRAIN_END:
                self.witness.drained(self._now_s())
        return events

    def _pass_on_witnessed(self, *, last: bool = False) -> None:
        if self.witness is not None:
            for event in (self.witness.finish if last else self.witness.poll)(self._now_s()):
                self.writer.event(event)

    def _pass_on_watched(self, *, last: bool = False) -> None:
        if self.watch is not None:
            for event in (self.watch.finish if last else self.watch.poll)(self._now_s()):
                self.writer.event(event)

    def _note(self, text: str) -> None:
        self.writer.event(Event(self._now_s(), EventName.NOTE, {"text": text[:2000]}))

    def _now_s(self) -> float:
        return time.monotonic() - self.started_s
