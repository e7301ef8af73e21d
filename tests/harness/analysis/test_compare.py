"""Differences with intervals that hold, between single runs and between sets of runs."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.compare import Change, compare, pooled
from harness.model import Interval


def _run(estimate: float, half: float = 1.0) -> Interval:
    return Interval(estimate, estimate - half, estimate + half)


def test_the_difference_of_two_runs_has_the_variances_of_both() -> None:
    """Half-widths of 3 and 4 make one of 5."""
    found = compare([_run(10.0, 3.0)], [_run(4.0, 4.0)])

    assert found is not None
    assert found.difference.estimate == pytest.approx(-6.0)
    assert found.difference.low == pytest.approx(-11.0, rel=1e-4)
    assert found.difference.high == pytest.approx(-1.0, rel=1e-4)
    assert found.change is Change.BETTER


def test_a_fix_that_removes_a_fifth_is_reported_as_a_fifth() -> None:
    """The share has an interval that excludes zero, and one."""
    found = compare([_run(500.0, 20.0)], [_run(400.0, 20.0)])

    assert found is not None
    assert found.removed.estimate == pytest.approx(0.2)
    assert found.removed.low is not None
    assert found.removed.high is not None
    assert 0.1 < found.removed.low < 0.16
    assert 0.24 < found.removed.high < 0.3


def test_the_share_is_not_known_where_the_base_may_not_grow_at_all() -> None:
    """A share of nothing is nothing."""
    found = compare([_run(0.5, 1.0)], [_run(0.2, 1.0)])

    assert found is not None
    assert found.removed.estimate is None


def test_growth_that_is_certainly_more_is_worse() -> None:
    """A regression is called one when its interval excludes zero."""
    found = compare([_run(10.0)], [_run(20.0)])

    assert found is not None
    assert found.change is Change.WORSE


def test_no_difference_is_only_said_where_a_material_one_is_excluded() -> None:
    """Not significant is not the same as the same."""
    same = compare([_run(10.0)], [_run(10.1)], margin=5.0)
    unknown = compare([_run(10.0, 8.0)], [_run(10.1, 8.0)], margin=5.0)

    assert same is not None
    assert unknown is not None
    assert same.change is Change.SAME
    assert unknown.change is Change.UNKNOWN


def test_a_side_that_is_not_known_gives_no_difference() -> None:
    """A kind that the plan cannot tell has no figure to compare."""
    assert compare([_run(1.0)], [Interval()]) is None
    assert compare([], [_run(1.0)]) is None


def test_several_runs_that_agree_make_a_narrower_interval() -> None:
    """Four runs halve the error of one."""
    one, four = pooled([_run(10.0)]), pooled([_run(9.9), _run(10.1), _run(10.0), _run(10.0)])

    assert four.high is not None
    assert one.high is not None
    assert four.high - 10.0 == pytest.approx((one.high - 10.0) / 2.0, rel=1e-3)


def test_runs_that_scatter_more_than_they_admit_widen_the_interval() -> None:
    """What differs from run to run is part of the uncertainty."""
    found = pooled([_run(5.0, 0.1), _run(15.0, 0.1)])

    assert found.low is not None
    assert found.low < 0.0


def test_the_interval_of_the_difference_covers_the_truth() -> None:
    """Over 500 experiments of three runs a side that also scatter, 95 % intervals hold in at least 93 %."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(500):
        base, candidate = (
            [_run(float(rng.normal(truth, np.hypot(1.0, 1.5))), 1.96) for _ in range(3)] for truth in (100.0, 70.0)
        )
        found = compare(base, candidate)
        assert found is not None
        assert found.difference.low is not None
        assert found.difference.high is not None
        covered += found.difference.low <= -30.0 <= found.difference.high

    assert covered >= 465
