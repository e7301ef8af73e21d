"""Intervals that gates rest on cover the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.kinds import GATE_CONFIDENCE
from harness.gate.values import exact, share, unknown


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_share_lies_in_its_interval_within_zero_and_one(part: int, whole: int) -> None:
    """Also for none and for all."""
    part = min(part, whole)
    interval = share(part, whole)

    assert interval.low is not None
    assert interval.high is not None
    assert 0 <= interval.low <= part / whole <= interval.high + 1e-12
    assert interval.high <= 1


@pytest.mark.parametrize("truth", [0.002, 0.05, 0.5])
def test_a_share_covers_the_truth(truth: float) -> None:
    """In 2,000 simulated runs the interval holds the true share about as often as it promises."""
    rng = np.random.default_rng(3)
    intervals = [share(float(count), 2000) for count in rng.binomial(2000, truth, 2000)]
    covered = np.mean([(i.low or 0.0) <= truth <= (i.high or 0.0) for i in intervals])

    assert covered > GATE_CONFIDENCE - 0.012


def test_exact_and_unknown() -> None:
    """A count is certain; what was not measured has a reason and no number."""

    assert exact(3.0).interval.low == exact(3.0).interval.high == 3.0
    assert unknown("why").interval.estimate is None
    assert unknown("why").reason == "why"
