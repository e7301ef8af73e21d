"""The state of the run in a file: whole, bounded in rate, gone at the end."""

from __future__ import annotations

import json
from pathlib import Path

from harness.model import Interval, Outcome
from harness.model.live_data import LIVE_FILE
from harness.report.live import LiveState
from harness.report.live_file import LiveFile


def test_a_state_is_written_once_a_second_as_json(tmp_path: Path) -> None:
    """Ticks in between are left out; NaN is null."""
    now_s = [0.0]
    live = LiveFile(tmp_path, 600.0, clock=lambda: now_s[0])
    live.update(LiveState(1.0, growth_bytes_per_h=Interval(float("nan"), 1.0, 2.0), outcome=Outcome.FAIL))
    now_s[0] = 0.5
    live.update(LiveState(2.0))
    data = json.loads((tmp_path / LIVE_FILE).read_text())

    assert (data["t_s"], data["outcome"], data["growth_bytes_per_h"]["estimate"]) == (1.0, "fail", None)
    assert data["duration_s"] == 600.0
    now_s[0] = 1.0
    live.update(LiveState(3.0))
    assert json.loads((tmp_path / LIVE_FILE).read_text())["t_s"] == 3.0


def test_nothing_stays_after_the_run(tmp_path: Path) -> None:
    """Closing takes the file away, also where there was none."""
    live = LiveFile(tmp_path)
    live.update(LiveState(1.0))
    live.close()
    live.close()

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_does_not_end_the_run(tmp_path: Path) -> None:
    """The page is a comfort; the run goes on without it."""
    live = LiveFile(tmp_path / "missing")
    live.update(LiveState(1.0))
    live.close()
