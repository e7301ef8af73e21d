"""Reads every probe on its own schedule and hands the rows to the store, for as long as its caller goes on.

Deadlines are multiples of the period on the monotonic clock, so that lateness never adds up; how late each row was read
is a column of it. Owns no loop that could not be another's: the orchestrator asks ``next_deadline_s`` how long it
may wait for its children and then calls ``tick``. A probe that fails leaves a blank row and, once, an event.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, Protocol

from harness.errors import ProbeError
from harness.model import Column, ColumnKind, Event, EventName, Identity, Unit
from harness.probes.base import Gone, PartialReading, Probe, Reading
from harness.store.schema import ProbeInfo

LATENESS_COLUMN = Column(
    "lateness_ms", Unit.MILLISECONDS, ColumnKind.GAUGE, "how long after its time on the schedule this row was read"
)
OOM_KILLS_COLUMN = "oom_kills_count"
GAP_PERIODS = 3.0
"""An interval between two rows above so many periods is a gap."""
_MIN_SPACING_S = 0.002
"""Rows are stored to the millisecond and must differ."""
_TOGETHER_S = 0.001
"""What is due within so little is read at the same waking, which costs more than several readings."""
_POLL_S = 0.05
"""How often a reading under way in its own thread is looked for."""

_CLOSE_S = 2.0
"""How long the end of a run waits for a reading under way."""


class Sink(Protocol):
    """What the sampler writes to (``harness.store.writer.RunWriter``)."""

    def sample(self, probe_name: str, t_s: float, reading: Reading, read_ms: float) -> None: ...

    def event(self, event: Event) -> None: ...


def boottime_s() -> float:
    """A clock that goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Result(NamedTuple):
    """One reading, or why there is none; ``started_s`` on the sampler's clock. Made every tick: cheap to make."""

    started_s: float
    boottime_s: float
    lateness_s: float
    read_s: float
    reading: Reading
    error: Exception | None
    identity: Identity | None


@dataclass(slots=True)
class _State:
    """What the sampler remembers of one probe. Times are on its clock."""

    probe: Probe
    deadline_s: float
    worker: _Worker | None
    last_t_s: float = -math.inf
    last_boottime_s: float | None = None
    trouble: str | None = None
    trouble_since_s: float = 0.0
    identity: Identity | None = None
    oom_kills_count: float | None = None
    gone: bool = False


def describe(probe: Probe) -> ProbeInfo:
    """``probe`` as the manifest has it: with the columns that the sampler adds."""
    return ProbeInfo(probe.name, probe.role, probe.period_s, probe.identity(), (*probe.columns, LATENESS_COLUMN))


class Sampler:
    """Samples ``probes`` into ``sink``; ``t_s`` is ``clock`` less ``started_s``. Raises StoreError from the sink.

    ``boottime`` is the clock that suspends show on; ``on_event`` also gets each event that is stored.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        sink: Sink,
        *,
        started_s: float,
        clock: Callable[[], float] = time.monotonic,
        boottime: Callable[[], float] = boottime_s,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._sink = sink
        self._started_s = started_s
        self._clock = clock
        self._boottime = boottime
        self._on_event = on_event
        now_s = clock()
        self._states = {
            probe.name: _State(
                probe=probe,
                deadline_s=now_s,
                worker=_Worker(probe, self._read) if probe.waits else None,
                identity=probe.identity(),
            )
            for probe in probes
        }

    @property
    def gone(self) -> frozenset[str]:
        """The names of the probes whose process has ended."""
        return frozenset(name for name, state in self._states.items() if state.gone)

    def identity(self, probe_name: str) -> Identity | None:
        """Who the probe's last reading was of."""
        return self._states[probe_name].identity

    def next_deadline_s(self) -> float:
        """When ``tick`` has something to do next, on the clock's scale; may lie in the past."""
        deadline_s = math.inf
        for state in self._states.values():
            busy = state.worker is not None and state.worker.busy
            deadline_s = min(deadline_s, self._clock() + _POLL_S if busy else state.deadline_s)
        return deadline_s

    def tick(self) -> None:
        """Reads every probe that is due; does nothing when none is. Late rows are read once, never made up for."""
        for state in self._states.values():
            if state.worker is not None:
                for result in state.worker.results():
                    self._store(state, result)
            now_s = self._clock()
            if now_s < state.deadline_s - _TOGETHER_S:
                continue
            lateness_s = max(0.0, now_s - state.deadline_s)
            state.deadline_s = _next_deadline_s(state.deadline_s, state.probe.period_s, now_s)
            if state.worker is None:
                self._store(state, self._read(state.probe, lateness_s))
            elif not state.worker.busy:
                state.worker.ask(lateness_s)

    def run(self, until: Callable[[], bool], wait: Callable[[float], None]) -> None:
        """Ticks until ``until()``, asked between ticks; ``wait`` takes seconds and may return early."""
        while not until():
            wait(max(0.0, self.next_deadline_s() - self._clock()))
            self.tick()

    def close(self) -> None:
        """Stores the readings still under way, stops the threads and closes the probes."""
        try:
            for state in self._states.values():
                if state.worker is not None:
                    for result in state.worker.close():
                        self._store(state, result)
                    if state.worker.busy:  # it has no row, and without an event the file would just stop
                        self._event(self._clock() - self._started_s, EventName.PROBE_ERROR, _unended(state.probe))
        finally:
            for state in self._states.values():
                state.probe.close()

    def _read(self, probe: Probe, lateness_s: float) -> _Result:
        started_s, boot_s = self._clock(), self._boottime()
        reading: Reading = {}
        error: Exception | None = None
        try:
            reading = probe.read()
        except PartialReading as partial:
            reading, error = partial.reading, partial
        except Exception as failure:  # a probe's own mistake must not end a run of days; the event names it
            error = failure
        identity = None if error is not None and not reading else probe.identity()
        return _Result(started_s, boot_s, lateness_s, self._clock() - started_s, reading, error, identity)

    def _store(self, state: _State, result: _Result) -> None:
        t_s = max(result.started_s - self._started_s, state.last_t_s + _MIN_SPACING_S / 2)
        self._note_gap(state, t_s, result)
        if result.error is not None or state.trouble is not None:
            self._note_trouble(state, t_s, result.error)
        if result.identity != state.identity:
            self._note_restart(state, t_s, result.identity)
        if OOM_KILLS_COLUMN in result.reading:
            self._note_oom_kills(state, t_s, result.reading)
        row = {**result.reading, LATENESS_COLUMN.name: round(result.lateness_s * 1000, 3)}
        self._sink.sample(state.probe.name, t_s, row, result.read_s * 1000)
        state.last_t_s = t_s
        state.last_boottime_s = result.boottime_s

    def _note_gap(self, state: _State, t_s: float, result: _Result) -> None:
        """A gap by the clock that suspends show on, so that a laptop's night is one."""
        if state.last_boottime_s is None:
            return
        length_s = result.boottime_s - state.last_boottime_s
        if length_s <= GAP_PERIODS * state.probe.period_s:
            return
        suspended_s = length_s - (t_s - state.last_t_s)
        fields: dict[str, Any] = {"length_s": round(length_s, 3), "probe": state.probe.name}
        if suspended_s > 1.0:
            fields["suspended_s"] = round(suspended_s, 3)
        self._event(t_s, EventName.GAP, fields)

    def _note_trouble(self, state: _State, t_s: float, error: Exception | None) -> None:
        """One event when trouble begins or changes and one note when it is over; never one a row."""
        trouble = None if error is None else _reason(error)
        state.gone = isinstance(error, Gone)
        if trouble == state.trouble:
            return
        if trouble is not None:
            if state.trouble is None:
                state.trouble_since_s = t_s
            self._event(t_s, EventName.PROBE_ERROR, {"probe": state.probe.name, "reason": trouble})
        else:
            lasted_s = t_s - state.trouble_since_s
            text = f"probe {state.probe.name} reads again after {lasted_s:.1f} s"
            self._event(t_s, EventName.NOTE, {"text": text, "probe": state.probe.name})
        state.trouble = trouble

    def _note_restart(self, state: _State, t_s: float, identity: Identity | None) -> None:
        if identity is None:
            return
        if state.identity is not None:
            fields: Mapping[str, Any] = {
                "probe": state.probe.name,
                "old": state.identity.to_json(),
                "new": identity.to_json(),
                "planned": False,  # nobody plans one; a maker of runs by other means may
            }
            self._event(t_s, EventName.RESTART, fields)
            state.oom_kills_count = None
        state.identity = identity

    def _note_oom_kills(self, state: _State, t_s: float, reading: Reading) -> None:
        count = reading.get(OOM_KILLS_COLUMN)
        if count is None:
            return
        known = state.oom_kills_count
        if known is not None and count > known:
            self._event(t_s, EventName.OOM_KILL, {"probe": state.probe.name, "count": count - known})
        state.oom_kills_count = count

    def _event(self, t_s: float, name: EventName, fields: Mapping[str, Any]) -> None:
        event = Event(t_s, name.value, dict(fields))
        self._sink.event(event)
        if self._on_event is not None:
            self._on_event(event)


class _Worker:
    """Reads one probe in a thread of its own, one reading at a time."""

    def __init__(self, probe: Probe, read: Callable[[Probe, float], _Result]) -> None:
        self.busy = False
        self._asked: SimpleQueue[float | None] = SimpleQueue()
        self._answers: SimpleQueue[_Result] = SimpleQueue()
        # A daemon: a server that never answers must not keep the harness from ending.
        self._thread = Thread(target=self._work, args=(probe, read), name=f"probe-{probe.name}", daemon=True)
        self._thread.start()

    def ask(self, lateness_s: float) -> None:
        self.busy = True
        self._asked.put(lateness_s)

    def results(self) -> list[_Result]:
        """The reading that has ended since, if any."""
        if not self.busy or self._answers.empty():
            return []
        self.busy = False
        return [self._answers.get()]

    def close(self) -> list[_Result]:
        """Waits a moment for the reading under way and gives it."""
        self._asked.put(None)
        self._thread.join(timeout=_CLOSE_S)
        return self.results()

    def _work(self, probe: Probe, read: Callable[[Probe, float], _Result]) -> None:
        while (lateness_s := self._asked.get()) is not None:
            self._answers.put(read(probe, lateness_s))


def _next_deadline_s(deadline_s: float, period_s: float, now_s: float) -> float:
    """The first multiple of the period after ``now_s``, counted from the deadline that has just passed."""
    missed = math.floor((now_s + _MIN_SPACING_S - deadline_s) / period_s)
    return deadline_s + period_s * (missed + 1)


def _unended(probe: Probe) -> Mapping[str, str]:
    return {"probe": probe.name, "reason": "expected the last reading to end, found no end of it"}


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ProbeError) else f"unexpected {type(error).__name__}: {error}"
