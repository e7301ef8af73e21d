"""What a run drove and received in all."""

from __future__ import annotations

import numpy as np
import pytest

from harness.store.reader import LoadSeries
from harness.traffic import driven_per_s, sent_by_kind

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
