"""What a run drove and received in all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.assess import assess
from harness.store.reader import LoadSeries
from harness.traffic import driven_per_s, sent_by_kind, use_of
from tests.support.plain_runs import PlainRun, cycles, phase_events, used, write

LOAD = LoadSeries(
    np.array([1.0, 1.0, 11.0]),
    ("normal", "disconnect"),
    np.array([0, 1, 0]),
    {
        "started_count": np.array([2.0, 0.0, 3.0]),
        "dropped_count": np.array([1.0, 4.0, np.nan]),
        "bytes_in": np.array([100.0, np.nan, 400.0]),
    },
)


def test_queries_that_were_due_count_whether_they_were_started_or_not() -> None:
    """Five started and five dropped in ten seconds."""
    assert driven_per_s(LOAD) == pytest.approx(1.0)
    assert driven_per_s(None) is None


def test_bytes_are_those_of_a_query_started_of_the_kinds_that_were() -> None:
    """A kind that never started has no bytes a query."""
    assert sent_by_kind(LOAD) == {"normal": 100.0}
    assert sent_by_kind(None) == {}


def test_use_is_the_rate_in_loaded_time_and_what_a_query_left(tmp_path: Path) -> None:
    """Four a second while their phase lasts, half of the loaded time each; nothing without a load.csv."""
    plan = cycles(("normal", "disconnect"), 5)
    rows, t_s, held = used(plan, 4.0, {"disconnect": 1e5})
    run = PlainRun(t_s, {"anon_bytes": 1e8 + held}, rows, phase_events(plan))

    use = use_of(assess(write(tmp_path / "driven", run)))

    assert {kind: one.rate_per_h for kind, one in use.items()} == pytest.approx({"disconnect": 7200, "normal": 7200})
    assert use["disconnect"].per_query.estimate == pytest.approx(1e5, rel=0.05)
    attached = PlainRun(t_s, {"anon_bytes": 1e8 + held})
    assert use_of(assess(write(tmp_path / "attached", attached))) == {}
