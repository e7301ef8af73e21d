"""Differences with intervals that hold, between single runs and between sets of runs."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.compare import Change, Use, at_rates, compare, mean_rates, pooled
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


@pytest.mark.parametrize(
    ("candidate", "least", "change"),
    [
        (104.0, 0.0, Change.SAME),
        (106.0, 0.0, Change.WORSE),
        (106.0, 8.0, Change.SAME),
        (96.0, 8.0, Change.BETTER),
    ],
)
def test_more_must_be_certain_and_matter(candidate: float, least: float, change: Change) -> None:
    """A twentieth of the base, and what the caller asks for; less is better however little it is."""
    found = compare([_run(100.0)], [_run(candidate)], margin=10.0, least=least)

    assert found is not None
    assert found.change is change


def test_growth_at_other_rates_is_what_queries_leave_at_them() -> None:
    """A tenth fewer disconnects, of 2 +- 0.5 each, are 20 +- 5 less; another kind has none, and does not count."""
    uses = {"disconnect": Use(100.0, _run(2.0, 0.5)), "normal": Use(100.0, _run(0.0, 0.0))}

    found = at_rates(Interval(200.0, 190.0, 210.0), uses, {"disconnect": 90.0, "normal": 120.0})

    assert (found.estimate, found.low, found.high) == (180.0, 165.0, 195.0)


def test_growth_that_may_be_from_queries_or_not_holds_both() -> None:
    """Twenty per cent more queries of a kind that cannot be told from time: any part of the growth may be theirs."""
    found = at_rates(_run(200.0, 10.0), {"normal": Use(100.0, Interval())}, {"normal": 120.0})

    assert (found.estimate, found.low, found.high) == pytest.approx((200.0, 190.0, 250.0))


@pytest.mark.parametrize("rates_per_h", [{}, {"normal": 10.0}, {"normal": 0.0}])
def test_another_load_moves_nothing(rates_per_h: dict[str, float]) -> None:
    """Ten times the queries are no chance in the arrivals, and a kind that was not driven says nothing."""
    growth = _run(200.0, 10.0)

    assert at_rates(growth, {"normal": Use(100.0, _run(2.0))}, rates_per_h) == growth
    assert at_rates(Interval(), {"normal": Use(100.0, _run(2.0))}, {"normal": 90.0}) == Interval()


def test_rates_are_those_of_kinds_that_all_runs_have() -> None:
    """A mean over a side."""
    runs = [{"a": Use(1.0, Interval()), "b": Use(5.0, Interval())}, {"a": Use(3.0, Interval())}]

    assert mean_rates(runs) == {"a": 2.0}
    assert mean_rates([]) == {}
