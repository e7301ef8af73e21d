"""Events, saturation and the end of a load."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import gevent
import pytest

from harness.model import EventName
from harness.model.load import Backend, LoadPlan, Phase
from locustfiles._conductor import LATENESS_LIMIT_MS, Conductor, EventPipe, harness_has_gone
from locustfiles._recorder import LoadFile
from locustfiles._tally import Bucket, Histogram, Report
from tests.support.load_runs import read_rows

PLAN = LoadPlan(
    "normal",
    1,
    1.0,
    (Phase("normal-1", "normal", 1, 0.0, 0.05, 1, ("normal",)), Phase("idle-1", "idle", 1, 0.05, 0.1)),
    Backend("http://127.0.0.1:1"),
    drain_timeout_s=0.2,
)


class Harness:
    """The reading end of the events' pipe."""

    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        self.pipe = EventPipe(self.write_fd, lambda: 1.23456)

    def events(self) -> list[dict[str, Any]]:
        os.close(self.write_fd)
        with os.fdopen(self.read_fd) as lines:
            return [json.loads(line) for line in lines]


def _conductor(tmp_path: Path, harness: Harness, clients: tuple[str, ...] = ("local",)) -> Conductor:
    return Conductor(PLAN, clients, LoadFile(tmp_path), harness.pipe, time.monotonic())


def _late(late_ms: float) -> dict[int, int]:
    histogram = Histogram()
    for _ in range(200):
        histogram.add(late_ms)
    return histogram.counts


def test_phases_and_drains_are_told_and_the_end_is_the_last_report(tmp_path: Path) -> None:
    """In the order of the plan, each with its fields; then the sum of the load."""
    harness = Harness()
    conductor = _conductor(tmp_path, harness)
    running = gevent.spawn(conductor.run)
    gevent.sleep(0.07)
    conductor.take("local", Report(0.0, drained=0))
    conductor.take(
        "local", Report(0.1, {"normal": Bucket(started_count=1, completed_count=1)}, drained=1, finished=True)
    )

    assert running.get(timeout=5) is True
    events = harness.events()
    assert [event["event"] for event in events] == [
        "phase_start",
        "phase_end",
        "drain_start",
        "drain_end",
        "phase_start",
        "phase_end",
        "note",
    ]
    assert events[0] == {"t_s": 1.235, "event": "phase_start", "phase": "normal-1", "kind": "normal", "cycle": 1}
    assert events[2] == {"t_s": 1.235, "event": "drain_start", "phase": "normal-1", "cycle": 1}
    assert events[4]["kind"] == "idle"
    assert events[-1]["load"]["started_count"] == 1


def test_a_load_that_nobody_is_left_to_play_has_not_been_played(tmp_path: Path) -> None:
    """All workers lost: it ends, and says that it did not reach its end."""
    harness = Harness()
    conductor = _conductor(tmp_path, harness, ("a",))
    conductor.lose("a")

    assert gevent.spawn(conductor.run).get(timeout=5) is False
    assert [event["event"] for event in harness.events()].count("generator_saturated") == 1


def test_workers_that_came_late_are_not_lost(tmp_path: Path) -> None:
    """The load begins when all are there, minutes into the run: the first report of one is no silence of the other."""
    harness = Harness()
    pipe = EventPipe(harness.write_fd, lambda: 300.0)
    conductor = Conductor(PLAN, ("a", "b"), LoadFile(tmp_path), pipe, time.monotonic() + 0.5)
    for client in ("a", "b"):
        conductor.take(client, Report(301.0, {"normal": Bucket(started_count=1)}))
    conductor.close()

    assert [event["event"] for event in harness.events()] == ["note"]
    assert [row["started_count"] for row in read_rows(tmp_path)] == ["2"]


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (Report(1.0, {"normal": Bucket(started_count=985, dropped_count=15)}), "15 of 1000 arrivals were dropped"),
        (Report(1.0, {"normal": Bucket(started_count=200)}, lateness=_late(2 * LATENESS_LIMIT_MS)), "ms late or more"),
    ],
)
def test_a_generator_that_cannot_keep_up_says_so_once(tmp_path: Path, report: Report, words: str) -> None:
    """Dropped over 1 %, or starts half a second late."""
    harness = Harness()
    conductor = _conductor(tmp_path, harness)
    conductor.take("local", report)
    conductor.take("local", Report(2.0, {"normal": Bucket(started_count=1, dropped_count=1)}))

    (event,) = harness.events()
    assert event["event"] == "generator_saturated"
    assert words in event["reason"]
    conductor.close()


def test_a_few_dropped_or_late_ones_are_no_saturation(tmp_path: Path) -> None:
    """One in a hundred may be; and fewer than a hundred have no hundredth."""
    harness = Harness()
    conductor = _conductor(tmp_path, harness)
    conductor.take("local", Report(1.0, {"normal": Bucket(started_count=20, dropped_count=1)}))
    conductor.take("local", Report(2.0, {"normal": Bucket(started_count=980)}, lateness=_late(LATENESS_LIMIT_MS / 2)))

    assert harness.events() == []
    conductor.close()


def test_ten_seconds_of_a_busy_core_are_saturation(tmp_path: Path) -> None:
    """Two of Locust's readings in a row over 90 %; one alone is not."""
    harness = Harness()
    conductor = _conductor(tmp_path, harness)
    for cpu_percent in (99.0, 20.0, 95.0, 96.0, 97.0):
        conductor.take("local", Report(1.0, cpu_percent=cpu_percent))

    (event,) = harness.events()
    assert "CPU of the load generator over 90 %" in event["reason"]
    conductor.close()


def test_a_harness_that_has_gone_is_noticed_and_written_to_no_more() -> None:
    """The pipe without a reader is no error of the load."""
    harness = Harness()
    assert not harness_has_gone(harness.write_fd)
    os.close(harness.read_fd)

    assert harness_has_gone(harness.write_fd)
    harness.pipe.write(EventName.NOTE, text="nobody hears this")
    harness.pipe.write(EventName.NOTE, text="nor this")
    os.close(harness.write_fd)


def test_without_a_pipe_events_go_nowhere() -> None:
    """A load started by hand has no harness."""
    EventPipe(None, lambda: 0.0).write(EventName.NOTE, text="x")
