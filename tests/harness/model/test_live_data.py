"""A live page is told everything once, a little at a time, and never half a line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.live_data import LIVE_FILE, LiveRun
from tests.support.stored_runs import FIXED, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of thirty seconds that goes on."""
    return write_run(tmp_path, replace(FIXED, duration_s=30.0, end=None))


def _append(run: Path, text: str) -> None:
    with (run / "samples" / "target.csv").open("a", encoding="utf-8") as file:
        file.write(text)


def test_all_rows_come_first_then_only_new_ones(run: Path) -> None:
    """The offsets of one answer ask for the next; nothing comes twice."""
    live = LiveRun(run)
    first = live.news()
    _append(run, "30.000,1,2,0.1,24,6,0.4\n")
    second = live.news(first["samples_offset"], first["events_offset"])
    third = live.news(second["samples_offset"], second["events_offset"])

    assert len(first["rows"]) == 30
    assert first["metric"] == "target.anon_bytes"
    assert first["events"][0]["event"] == "phase_start"
    assert (second["rows"], second["events"]) == ([[30.0, 2.0]], [])
    assert third["rows"] == []


def test_half_a_line_waits_for_its_end(run: Path) -> None:
    """A row that is being written is told when it is whole."""
    live = LiveRun(run)
    offset = live.news()["samples_offset"]
    _append(run, "30.000,1,")
    waiting = live.news(offset)
    _append(run, "2,0.1,24,6,0.4\n")

    assert waiting["rows"] == []
    assert live.news(waiting["samples_offset"])["rows"] == [[30.0, 2.0]]


def test_a_blank_is_null_and_nonsense_is_left_out(run: Path) -> None:
    """What was not read is no zero."""
    live = LiveRun(run)
    offset = live.news()["samples_offset"]
    _append(run, "30.000,1,,0.1,24,6,0.4\nnonsense\n31.000,1,x,0.1,24,6,0.4\n")

    assert live.news(offset)["rows"] == [[30.0, None]]


def test_a_long_file_is_told_in_even_places(run: Path) -> None:
    """Hours of samples cost one bounded answer, and the news go on after it."""
    _append(run, "".join(f"{t_s}.000,1,{t_s},0.1,24,6,0.4\n" for t_s in range(30, 60_000)))
    live = LiveRun(run)
    news = live.news()
    times = [row[0] for row in news["rows"]]

    assert 500 <= len(times) <= 600
    assert times == sorted(times)
    assert times[-1] > 59_000
    _append(run, "60000.000,1,7,0.1,24,6,0.4\n")
    assert live.news(news["samples_offset"])["rows"] == [[60000.0, 7.0]]


@pytest.mark.parametrize("offset", [-5, 10**9])
def test_an_offset_that_cannot_be_starts_again(run: Path, offset: int) -> None:
    """A page that was open for another run is told everything."""

    assert len(LiveRun(run).news(offset, offset)["rows"]) == 30


def test_state_end_and_verdict_are_told_when_they_are_there(run: Path) -> None:
    """Null before, the file's words after; a broken file is as none."""
    live = LiveRun(run)
    before = live.news()
    (run / LIVE_FILE).write_text('{"outcome": "fail"}')
    (run / "end.json").write_text('{"reason": "completed"}')
    (run / "verdict.json").write_text('{"outcome": "pass"}')
    after = live.news()
    (run / LIVE_FILE).write_text("{")

    assert (before["so_far"], before["end"], before["verdict"]) == (None, None, None)
    assert (after["so_far"], after["end"], after["verdict"]) == ({"outcome": "fail"}, {"reason": "completed"}, "pass")
    assert live.news()["so_far"] is None


@pytest.mark.parametrize("primary", [None, "other.anon_bytes", "target.nothing", "../x.y"])
def test_without_the_metric_there_are_no_rows(run: Path, primary: str | None) -> None:
    """A manifest cannot lead out of the run directory either."""
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"primary": primary}))

    assert LiveRun(run).news()["rows"] == []
