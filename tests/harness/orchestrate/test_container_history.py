"""What a watched container's engine says, as events of the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ProbeError
from harness.model import Event
from harness.orchestrate import container_history
from harness.orchestrate.container_history import ContainerHistory
from harness.probes.engine import ContainerState, EngineEvent, LogSlice


class FakeEngine:
    """An engine at 1000 s whose past a test writes; ``slices`` are the windows that were asked for."""

    def __init__(self) -> None:
        self.time_s = 1000.0
        self.past: list[EngineEvent] = []
        self.output = b""
        self.output_is_whole = True
        self.slices: list[tuple[float, float]] = []
        self.log_path = ""
        self.broken = self.log_broken = False

    def state(self, container: str) -> ContainerState:
        return ContainerState(container, "backend", running=True, started_at="", log_path=self.log_path)

    def statistics(self, container: str) -> Mapping[str, Any]:
        return {}

    def events(self, container: str, since_s: float, until_s: float) -> tuple[EngineEvent, ...]:
        if self.broken:
            raise ProbeError("expected events, found no engine that answers")
        return tuple(event for event in self.past if since_s <= event.time_s < until_s)

    def log(self, container: str, since_s: float, until_s: float) -> LogSlice:
        self.slices.append((since_s, until_s))
        if self.log_broken:
            raise ProbeError("expected the log, the engine knows none")
        return LogSlice(self.output, self.output_is_whole)

    def now_s(self) -> float:
        return self.time_s

    def close(self) -> None: ...


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def names(events: list[Event]) -> list[str]:
    return [str(event.event) for event in events]


def test_a_kill_that_ends_the_container(engine: FakeEngine, tmp_path: Path) -> None:
    """It is an oom_kill and a note with the exit code, at the time when it happened."""
    history = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log")
    engine.time_s = 1004.0
    engine.past = [EngineEvent(1001.0, "oom"), EngineEvent(1001.1, "die", 137), EngineEvent(1001.5, "start")]

    events = history.poll(54.0)

    assert names(events) == ["oom_kill", "note"]
    assert events[0].t_s == pytest.approx(51.1)
    assert events[0].fields == {"probe": "target", "count": 1}
    assert events[1].fields["text"] == "the container of target ended with exit code 137, killed out of memory"


def test_a_kill_and_its_end_in_two_polls(engine: FakeEngine, tmp_path: Path) -> None:
    """The cut between two slices may fall between the kill and the end."""
    history = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log")
    engine.past = [EngineEvent(1001.9, "oom"), EngineEvent(1002.0, "die", 137)]
    seen = []
    for engine.time_s in (1002.0, 1004.0):
        seen.append(names(history.poll(engine.time_s - 1000)))

    assert seen == [[], ["oom_kill", "note"]]


def test_a_kill_inside_a_container_that_lives_on(engine: FakeEngine, tmp_path: Path) -> None:
    """The sampler tells it from the control group's counter; a remote engine has none, so it is told here."""
    engine.past = [EngineEvent(1001.0, "oom"), EngineEvent(1060.0, "die", 1)]
    local = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log")
    remote = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log", counts_kills=False)
    engine.time_s = 1100.0

    assert names(local.poll(100.0)) == ["note"]
    assert names(remote.poll(100.0)) == ["oom_kill", "note"]


def test_slices_of_the_log_follow_one_another(engine: FakeEngine, tmp_path: Path) -> None:
    """Each slice begins where the last one ended, from the container's start on where that is asked for."""
    history = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log", log_since_s=990.0)
    engine.output = b"line\n"
    for engine.time_s in (1002.0, 1004.0):
        history.poll(engine.time_s - 1000)

    assert engine.slices == [(990.0, 1002.0), (1002.0, 1004.0)]
    assert (tmp_path / "target.log").read_bytes() == b"line\nline\n"


def test_the_kept_log_is_bounded(engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over its limit the file is moved aside; there are never more than two."""
    monkeypatch.setattr(container_history, "LOG_FILE_LIMIT_BYTES", 10)
    history = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log")
    engine.output = b"0123456\n"
    for engine.time_s in (1002.0, 1004.0, 1006.0, 1008.0, 1010.0):
        history.poll(engine.time_s - 1000)

    assert sorted((file.name, file.stat().st_size) for file in tmp_path.iterdir()) == [
        ("target.log", 8),
        ("target.log.1", 16),
    ]


def test_the_log_on_disk_is_noted_as_it_doubles(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One note at the first threshold, with rotated files counted in, and one at every doubling."""
    monkeypatch.setattr(container_history, "FIRST_LOG_NOTE_BYTES", 1000.0)
    log = tmp_path / "47dc-json.log"
    engine.log_path = str(log)
    history = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log")
    seen = []
    for size_bytes in (500, 1200, 1300, 2500):
        log.write_bytes(b"x" * (size_bytes - 100))
        log.with_name("47dc-json.log.1").write_bytes(b"x" * 100)
        seen.append(len(history.poll(1.0)))

    assert seen == [0, 1, 0, 1]


def test_trouble_is_told_once_and_its_slice_asked_for_again(engine: FakeEngine, tmp_path: Path) -> None:
    """Nothing that happened while the engine was silent is lost."""
    history = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log")
    engine.broken, engine.time_s = True, 1002.0
    seen = [names(history.poll(2.0)), names(history.poll(2.0))]
    engine.broken, engine.time_s = False, 1004.0
    engine.past = [EngineEvent(1001.0, "die", 3)]

    assert seen == [["note"], []]
    assert names(history.poll(4.0)) == ["note"]


def test_an_end_is_told_though_the_log_has_gone(engine: FakeEngine, tmp_path: Path) -> None:
    """A container that was removed has no log any more; its end and its removal are told, once."""
    history = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log")
    engine.past = [EngineEvent(1001.0, "die", 137), EngineEvent(1001.5, "destroy")]
    engine.log_broken, engine.time_s = True, 1002.0
    told = [str(event.fields["text"]) for event in history.poll(2.0)]
    engine.time_s = 1004.0

    assert told[:2] == ["the container of target ended with exit code 137", "the container of target was removed"]
    assert "expected the log" in told[2]
    assert history.poll(4.0) == []


def test_a_pause_is_told(engine: FakeEngine, tmp_path: Path) -> None:
    """Its memory stands still meanwhile, which no number explains."""
    history = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log")
    engine.past = [EngineEvent(1001.0, "pause"), EngineEvent(1003.0, "unpause")]
    engine.time_s = 1004.0

    events = history.poll(4.0)

    assert [event.t_s for event in events] == pytest.approx([1.0, 3.0])
    assert [event.fields["text"] for event in events] == [
        "the container of target was paused",
        "the container of target was continued after a pause",
    ]


def test_a_log_that_is_too_much_is_told_once(engine: FakeEngine, tmp_path: Path) -> None:
    """A rule that forbids a line must not seem kept where lines were missed; what was cut begins a line of its own."""
    history = ContainerHistory(engine, "47dc", log_file=tmp_path / "target.log")
    engine.output, engine.output_is_whole = b"first\ncut in the mid", False
    seen = []
    for engine.time_s in (1002.0, 1004.0):
        seen.append([str(event.fields["text"]) for event in history.poll(engine.time_s - 1000)])

    assert "log rules may miss lines" in seen[0][0]
    assert seen[1] == []
    assert (tmp_path / "target.log").read_bytes() == b"first\ncut in the mid\nfirst\ncut in the mid\n"
