"""Drain and reload."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.drained import drained_levels
from harness.analysis.segments import Phase
from harness.analysis.usage import running_totals


def test_levels_after_each_load_give_bytes_per_query() -> None:
    """Ten queries a phase that leave 1,000 bytes each raise the next drained level by 10,000."""
    phases, rows = [], []
    for i in range(12):
        start_s = 20.0 * i
        phases += [
            Phase(f"normal-{i}", "normal", i, start_s, start_s + 10, False),
            Phase(f"idle-{i}", "idle", i, start_s + 10, start_s + 20, True),
        ]
        rows += [start_s + s for s in range(1, 11)]
    ones = np.ones(len(rows))
    load = running_totals(np.array(rows), np.full(len(rows), "normal"), ones, ones, 0 * ones)
    t_s = np.arange(0.0, 240.0, 0.5)
    rng = np.random.default_rng(1)
    y = 1e6 + 1000.0 * load.completed[0].at(t_s) + rng.normal(size=t_s.size)

    drained = drained_levels(t_s, y, tuple(phases), load)

    assert drained is not None
    assert drained.t_s.size == 12
    assert drained.per_query["normal"].estimate == pytest.approx(1000.0, rel=0.01)


def test_too_few_drains_give_no_opinion() -> None:
    """Two points are a line, not evidence."""
    phases = (Phase("a", "idle", 0, 0.0, 10.0, True), Phase("b", "idle", 1, 20.0, 30.0, True))
    load = running_totals(np.array([15.0]), np.array(["normal"]), np.ones(1), np.ones(1), np.zeros(1))

    assert drained_levels(np.arange(30.0), np.ones(30), phases, load) is None
