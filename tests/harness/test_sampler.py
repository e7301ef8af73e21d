"""The sampler, on a clock of the test's own."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

import pytest

from harness import sampler
from harness.errors import ProbeError, StoreError
from harness.model import Column, ColumnKind, Event, Identity, ProcessIdentity, Role, Unit
from harness.probes.base import Gone, PartialReading, Probe, Reading
from harness.sampler import LATENESS_COLUMN, Sampler, describe

RSS = Column("rss_bytes", Unit.BYTES, ColumnKind.GAUGE, "resident memory")


class Clock:
    """Time that passes only when someone waits or works."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.suspended_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def boottime(self) -> float:
        return self.now_s + self.suspended_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


class FakeProbe:
    """Gives out what the test has laid ready, then zeros' successor 1."""

    columns = (RSS,)
    waits = False

    def __init__(self, name: str = "target", period_s: float = 1.0) -> None:
        self.name = name
        self.role = Role.TARGET
        self.period_s = period_s
        self.answers: list[Reading | Exception | Callable[[], Reading]] = []
        self.who: Identity | None = ProcessIdentity(1, 1.0)
        self.closed = 0

    def check(self) -> str | None:
        return None

    def identity(self) -> Identity | None:
        return self.who

    def read(self) -> Reading:
        answer = self.answers.pop(0) if self.answers else {"rss_bytes": 1}
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    def close(self) -> None:
        self.closed += 1


class Sink:
    """Keeps what the sampler writes."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, Reading, float]] = []
        self.events: list[Event] = []

    def sample(self, probe_name: str, t_s: float, reading: Reading, read_ms: float) -> None:
        self.rows.append((probe_name, t_s, reading, read_ms))

    def event(self, event: Event) -> None:
        self.events.append(event)


class Bench:
    """A sampler with everything around it."""

    def __init__(self, *probes: Probe) -> None:
        self.clock = Clock()
        self.sink = Sink()
        self.sampler = Sampler(
            probes, self.sink, started_s=self.clock.now_s, clock=self.clock, boottime=self.clock.boottime
        )

    def run_for(self, seconds: float) -> None:
        end_s = self.clock.now_s + seconds
        self.sampler.run(lambda: self.sampler.next_deadline_s() > end_s, self.clock.wait)

    @property
    def events(self) -> list[tuple[str, dict[str, object]]]:
        return [(event.event, event.fields) for event in self.sink.events]


def times(bench: Bench, name: str = "target") -> list[float]:
    return [round(t_s, 3) for probe_name, t_s, _, _ in bench.sink.rows if probe_name == name]


def lateness(bench: Bench) -> Sequence[object]:
    return [reading[LATENESS_COLUMN.name] for _, _, reading, _ in bench.sink.rows]


def test_each_probe_has_its_own_period() -> None:
    """Two schedules run side by side."""
    bench = Bench(FakeProbe("fast", 0.5), FakeProbe("slow", 2.0))
    bench.run_for(4.0)

    assert times(bench, "fast") == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
    assert times(bench, "slow") == [0.0, 2.0, 4.0]


def test_lateness_does_not_add_up() -> None:
    """Ten thousand readings that each begin 20 ms late are 20 ms late at the end too."""
    bench = Bench(FakeProbe(period_s=0.05))
    ends = iter(range(10_001))
    bench.sampler.run(lambda: next(ends) == 10_000, lambda seconds: bench.clock.wait(seconds + 0.02))

    assert times(bench)[-1] == pytest.approx(9_999 * 0.05 + 0.02)
    assert lateness(bench)[-1] == pytest.approx(20.0, abs=0.01)


def test_ten_thousand_late_ticks_keep_to_the_schedule() -> None:
    """At 20 Hz, each late by chance, some by more than a period: every row less its lateness is on the schedule."""
    chance = random.Random(6)
    bench = Bench(FakeProbe(period_s=0.05))
    ends = iter(range(10_001))
    bench.sampler.run(
        lambda: next(ends) == 10_000, lambda seconds: bench.clock.wait(seconds + chance.expovariate(1 / 0.02))
    )
    late_s = [reading[LATENESS_COLUMN.name] / 1000 for _, _, reading, _ in bench.sink.rows]  # type: ignore[operator]
    due_s = [t_s - late for (_, t_s, _, _), late in zip(bench.sink.rows, late_s, strict=True)]
    drift_s = [due - round(due / 0.05) * 0.05 for due in due_s]

    assert len(drift_s) == 10_000
    assert max(late_s) > 0.1
    assert max(map(abs, drift_s)) < 1e-5
    assert abs(drift_s[-1] - drift_s[0]) < 2e-6


def test_probes_due_together_are_read_together() -> None:
    """Schedules that rounding has moved apart by less than a millisecond cost one waking."""
    bench = Bench(FakeProbe("one", 0.1), FakeProbe("other", 0.3))
    wakings: list[float] = []

    def wait(seconds: float) -> None:
        wakings.append(seconds)
        bench.clock.wait(seconds)

    bench.sampler.run(lambda: len(wakings) == 600, wait)

    assert len(times(bench, "one")) == 600
    assert len(times(bench, "other")) == 200
    assert min(lateness(bench)) >= 0  # type: ignore[type-var,operator]


def test_missed_deadlines_are_not_made_up_for() -> None:
    """After a stall of 2.4 periods one row is read, late, and the schedule goes on where it would be."""
    bench = Bench(FakeProbe())
    bench.run_for(1.0)
    bench.clock.now_s += 2.4
    bench.sampler.tick()
    bench.run_for(2.0)

    assert times(bench) == [0.0, 1.0, 3.4, 4.0, 5.0]
    assert lateness(bench)[2] == pytest.approx(1400.0)
    assert bench.events == []


def test_a_stall_of_more_than_three_periods_is_a_gap() -> None:
    """With its length and the probe that has it, at its end."""
    bench = Bench(FakeProbe())
    bench.run_for(1.0)
    bench.clock.now_s += 5.0
    bench.sampler.tick()

    assert bench.events == [("gap", {"length_s": 5.0, "probe": "target"})]
    assert bench.sink.events[0].t_s == pytest.approx(6.0)


def test_a_suspended_machine_is_a_gap() -> None:
    """The monotonic clock does not see a laptop's night; another clock does."""
    bench = Bench(FakeProbe())
    bench.run_for(1.0)
    bench.clock.suspended_s = 28_800.0
    bench.run_for(1.0)

    assert bench.events == [("gap", {"length_s": 28_801.0, "probe": "target", "suspended_s": 28_800.0})]


def test_a_failing_probe_leaves_blanks_and_one_event_and_recovers() -> None:
    """Never zero, never an event a row, and a note when it is over."""
    probe = FakeProbe()
    probe.answers = [{"rss_bytes": 7}, *[ProbeError("no answer")] * 3, {"rss_bytes": 8}]
    bench = Bench(probe)
    bench.run_for(4.0)

    assert [reading.get("rss_bytes") for _, _, reading, _ in bench.sink.rows] == [7, None, None, None, 8]
    assert bench.events == [
        ("probe_error", {"probe": "target", "reason": "no answer"}),
        ("note", {"text": "probe target reads again after 3.0 s", "probe": "target"}),
    ]


def test_another_reason_is_another_event() -> None:
    """What changes is told."""
    probe = FakeProbe()
    probe.answers = [ProbeError("no answer"), ProbeError("no answer"), ProbeError("wrong page")]
    bench = Bench(probe)
    bench.run_for(2.0)

    assert [fields["reason"] for _, fields in bench.events] == ["no answer", "wrong page"]


def test_what_could_be_read_is_kept() -> None:
    """A reading without permission for a part stores the rest and says what is missing."""
    probe = FakeProbe()
    probe.answers = [PartialReading("no PSS", {"rss_bytes": 5})]
    bench = Bench(probe)
    bench.run_for(0.0)

    assert bench.sink.rows[0][2]["rss_bytes"] == 5
    assert bench.events == [("probe_error", {"probe": "target", "reason": "no PSS"})]


def test_a_mistake_in_a_probe_does_not_end_the_run() -> None:
    """It is named as what it is."""
    probe = FakeProbe()
    probe.answers = [KeyError("x")]
    bench = Bench(probe)
    bench.run_for(1.0)

    assert len(bench.sink.rows) == 2
    assert bench.events[0] == ("probe_error", {"probe": "target", "reason": "unexpected KeyError: 'x'"})


def test_a_store_that_fails_ends_the_run() -> None:
    """A full disk is the caller's to handle, at once."""

    class FullSink(Sink):
        def sample(self, probe_name: str, t_s: float, reading: Reading, read_ms: float) -> None:
            raise StoreError("disk full")

    clock = Clock()
    sampler = Sampler([FakeProbe()], FullSink(), started_s=clock.now_s, clock=clock, boottime=clock.boottime)

    with pytest.raises(StoreError):
        sampler.tick()


def test_an_ended_target_is_gone_until_it_is_back() -> None:
    """Who drives the sampler asks for it."""
    probe = FakeProbe()
    probe.answers = [{"rss_bytes": 1}, Gone("process 1 has ended"), {"rss_bytes": 1}]
    bench = Bench(probe)
    seen = []
    for _ in range(3):
        bench.run_for(0.0)
        seen.append(set(bench.sampler.gone))
        bench.clock.wait(1.0)

    assert seen == [set(), {"target"}, set()]


def test_a_new_identity_is_a_restart() -> None:
    """Also with the same pid: the later process started at another time."""
    probe = FakeProbe()
    bench = Bench(probe)
    bench.run_for(0.0)
    probe.who = ProcessIdentity(1, 2.0)
    bench.run_for(1.0)
    probe.who = ProcessIdentity(9, 3.0)
    bench.run_for(1.0)

    first, second, third = ({"pid": pid, "start_time": start} for pid, start in ((1, 1.0), (1, 2.0), (9, 3.0)))
    assert bench.events == [
        ("restart", {"probe": "target", "old": first, "new": second, "planned": False}),
        ("restart", {"probe": "target", "old": second, "new": third, "planned": False}),
    ]
    assert bench.sampler.identity("target") == ProcessIdentity(9, 3.0)


def test_an_identity_that_cannot_be_told_is_no_restart() -> None:
    """A failed reading knows nobody; the same process afterwards is the same."""
    probe = FakeProbe()
    bench = Bench(probe)
    bench.run_for(0.0)
    probe.answers = [ProbeError("no answer")]
    bench.run_for(3.0)

    assert "restart" not in [name for name, _ in bench.events]


def test_kills_for_memory_are_events() -> None:
    """One for each increase; what was counted before the run is not its own."""
    probe = FakeProbe()
    counts = (3, 3, 5, 5, 6)
    probe.answers = [{"oom_kills_count": count} for count in counts]
    bench = Bench(probe)
    bench.run_for(4.0)

    assert bench.events == [
        ("oom_kill", {"probe": "target", "count": 2}),
        ("oom_kill", {"probe": "target", "count": 1}),
    ]


def test_a_probe_that_waits_holds_nobody_up() -> None:
    """While a server hangs, the process beside it is read at every tick; its own row has the time it was asked."""
    asked, gate = threading.Event(), threading.Event()

    def hang() -> Reading:
        asked.set()
        assert gate.wait(10)
        return {"rss_bytes": 5}

    slow = FakeProbe("json")
    slow.waits = True
    slow.answers = [hang]
    bench = Bench(FakeProbe(), slow)
    for _ in range(6):
        bench.sampler.tick()
        assert asked.wait(10)
        bench.clock.wait(0.5)
    gate.set()
    bench.sampler.close()

    assert times(bench) == [0.0, 1.0, 2.0]
    assert times(bench, "json") == [0.0]
    assert (slow.closed, bench.sink.rows[-1][2]["rss_bytes"]) == (1, 5)


def test_a_reading_under_way_is_looked_for_soon() -> None:
    """The caller does not sleep to the next deadline on it."""
    slow = FakeProbe("json", period_s=60.0)
    slow.waits = True
    gate = threading.Event()
    slow.answers = [lambda: {"rss_bytes": float(gate.wait(10))}]
    bench = Bench(slow)
    bench.sampler.tick()
    while_busy_s = bench.sampler.next_deadline_s() - bench.clock.now_s
    gate.set()
    bench.sampler.close()

    assert while_busy_s == pytest.approx(0.05)


def test_a_reading_that_never_ends_is_named_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no row: without an event the file would just stop."""
    monkeypatch.setattr(sampler, "_CLOSE_S", 0.0)
    slow, gate = FakeProbe("json"), threading.Event()
    slow.waits = True
    slow.answers = [lambda: {"rss_bytes": float(gate.wait(10))}]
    bench = Bench(slow)
    bench.sampler.tick()
    bench.sampler.close()
    gate.set()

    assert bench.events == [
        ("probe_error", {"probe": "json", "reason": "expected the last reading to end, found no end of it"})
    ]


def test_rows_never_share_a_time() -> None:
    """Times are stored to the millisecond, and a row read late may be followed closely."""
    bench = Bench(FakeProbe(period_s=0.01))
    for _ in range(200):
        bench.clock.wait(0.0099)
        bench.sampler.tick()

    assert len(set(times(bench))) == len(times(bench))


def test_the_description_has_the_lateness_column() -> None:
    """It stands in the manifest, because it stands in the file."""
    info = describe(FakeProbe())

    assert info.header == ("t_s", "rss_bytes", "lateness_ms", "read_ms")
    assert info.identity == ProcessIdentity(1, 1.0)
