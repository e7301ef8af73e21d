"""A run that has begun, when its store or its target fails."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from harness.errors import StoreError, TargetError
from harness.model import EndReason, Interval, Outcome, Role
from harness.orchestrate.early_stop import Judge, SoFar
from harness.orchestrate.event_pipe import EventPipe
from harness.orchestrate.interrupts import Interrupts
from harness.orchestrate.restarts import Restarts
from harness.orchestrate.services import Service, Services
from harness.orchestrate.session import Cast, Session, Tap, Tick
from harness.probes.base import Reading
from harness.probes.process import ProcessTreeProbe
from harness.sampler import Sampler, describe
from harness.store.reader import read_run
from harness.store.schema import Manifest
from harness.store.writer import RunWriter


class FullAfter(Tap):
    """The disk is full after so many rows."""

    def __init__(self, writer: RunWriter, rows: int) -> None:
        super().__init__(writer)
        self.rows = rows

    def sample(self, probe_name: str, t_s: float, reading: Reading, read_ms: float) -> None:
        if self.rows == 0:
            raise StoreError("disk full")
        self.rows -= 1
        super().sample(probe_name, t_s, reading, read_ms)


def test_a_store_that_fails_still_ends_everything_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load is stopped before its rows are counted, the probes are closed, and end.json says why."""
    closed: list[str] = []
    monkeypatch.setattr(ProcessTreeProbe, "close", lambda probe: closed.append(probe.name))
    probe = ProcessTreeProbe("target", Role.TARGET, os.getpid(), 0.01)
    writer = RunWriter.create(tmp_path, Manifest("2026-01-01T00:00:00Z", "test", None, (describe(probe),)))
    tap, events, started_s = FullAfter(writer, 3), EventPipe(), time.monotonic()
    with Interrupts() as interrupts, Services(writer.path / "logs") as services:
        load = services.start("load", [sys.executable, "-c", "input()"], os.environ, stdin=-1)
        session = Session(
            writer=writer,
            sampler=Sampler([probe], tap, started_s=started_s),
            tap=tap,
            services=services,
            cast=Cast(load, None, None),
            interrupts=interrupts,
            events=events,
            started_s=started_s,
            deadline_s=None,
            observer=lambda tick: None,
        )
        reason = session.play()
        assert load.process.stdin is not None
        load.process.stdin.close()
    events.close()
    run = read_run(writer.path)

    assert (reason, closed, load.exit_code()) == (EndReason.DISK_FULL, ["target"], -15)
    assert run.end is not None
    assert (run.end.reason, run.end.rows["target"], len(run.probes["target"].t_s)) == (EndReason.DISK_FULL, 3, 3)


@pytest.mark.parametrize(
    ("starts_again", "notes"),
    [
        (True, ["ended with code 3 and is started again: no luck"] * 4 + ["it ended 5 times", "ended with code 3"]),
        (False, ["ended with code 3 and is started again: no luck", "no such program", "ended with code 3"]),
    ],
)
def test_a_target_that_fails_again_and_again_ends_the_run_in_order(
    tmp_path: Path, starts_again: bool, notes: list[str]
) -> None:
    """Each new start is a note; what cannot live, or cannot be started any more, is a dead target and not a mistake."""
    probe = ProcessTreeProbe("harness", Role.HARNESS, os.getpid(), 60.0)
    writer = RunWriter.create(tmp_path, Manifest("2026-01-01T00:00:00Z", "test", None, (describe(probe),)))
    events, started_s = EventPipe(), time.monotonic()
    with Interrupts() as interrupts, Services(writer.path / "logs") as services:

        def start() -> Service:
            return services.start("target", ["/bin/sh", "-c", "echo no luck; exit 3"], os.environ)

        def fail() -> Service:
            raise TargetError("no such program")

        tap = Tap(writer)
        session = Session(
            writer=writer,
            sampler=Sampler([probe], tap, started_s=started_s),
            tap=tap,
            services=services,
            cast=Cast(None, start(), None),
            interrupts=interrupts,
            events=events,
            started_s=started_s,
            deadline_s=None,
            observer=lambda tick: None,
            restarts=Restarts(start if starts_again else fail, clock=lambda: 0.0),
        )
        reason = session.play()
    events.close()
    run = read_run(writer.path)
    texts = [event.fields["text"] for event in run.events]

    assert reason is EndReason.TARGET_DIED
    assert run.end is not None
    assert len(texts) == len(notes)
    assert all(note in text for note, text in zip(notes, texts, strict=True))


def test_a_loads_time_counts_from_its_first_phase(tmp_path: Path) -> None:
    """Its workers may be long in coming; what never ends is ended as long after it began as the plan says."""
    probe = ProcessTreeProbe("harness", Role.HARNESS, os.getpid(), 0.02)
    writer = RunWriter.create(tmp_path, Manifest("2026-01-01T00:00:00Z", "test", None, (describe(probe),)))
    events, started_s = EventPipe(), time.monotonic()
    told: list[float] = []

    def begin_after_half_a_second(tick: Tick) -> None:
        if tick.t_s > 0.5 and not told:
            told.append(tick.t_s)
            line = {"t_s": tick.t_s, "event": "phase_start", "phase": "normal-1", "kind": "normal", "cycle": 1}
            os.write(events.write_fd, f"{json.dumps(line)}\n".encode())

    with Interrupts() as interrupts, Services(writer.path / "logs") as services:
        tap = Tap(writer)
        session = Session(
            writer=writer,
            sampler=Sampler([probe], tap, started_s=started_s),
            tap=tap,
            services=services,
            cast=Cast(services.start("load", ["/bin/sleep", "60"], os.environ), None, None),
            interrupts=interrupts,
            events=events,
            started_s=started_s,
            deadline_s=0.3,
            observer=begin_after_half_a_second,
            longest_wait_s=60.0,
        )
        reason = session.play()
    events.close()
    end = read_run(writer.path).end

    assert reason is EndReason.GENERATOR_FAILED
    assert end is not None
    assert told[0] + 0.3 <= end.t_s < 30.0


class _Decided(Judge):
    """A judge that says once, when it is listened to, that the run may end."""

    def __init__(self) -> None:
        self.so_far, self._may_stop, self._process = None, True, None

    def listen(self) -> None:
        self.so_far = SoFar(1.0, Interval(1.0, 0.0, 2.0), Outcome.FAIL, None, stop=True)


def test_what_the_judge_has_found_is_shown_before_it_ends_the_run(tmp_path: Path) -> None:
    """In the same tick: nobody is shown a run without a verdict that has just ended for it."""
    shown: list[SoFar | None] = []
    probe = ProcessTreeProbe("target", Role.TARGET, os.getpid(), 0.01)
    writer = RunWriter.create(tmp_path, Manifest("2026-01-01T00:00:00Z", "test", None, (describe(probe),)))
    tap, events, started_s = Tap(writer), EventPipe(), time.monotonic()
    with Interrupts() as interrupts, Services(writer.path / "logs") as services:
        session = Session(
            writer=writer,
            sampler=Sampler([probe], tap, started_s=started_s),
            tap=tap,
            services=services,
            cast=Cast(None, None, None),
            interrupts=interrupts,
            events=events,
            started_s=started_s,
            deadline_s=60.0,
            observer=lambda tick: shown.append(tick.so_far),
            judge=_Decided(),
        )
        reason = session.play()
    events.close()

    assert reason is EndReason.EARLY_STOP
    assert [found.outcome if found is not None else None for found in shown] == [Outcome.FAIL]
