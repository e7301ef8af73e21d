"""Curves keep what a picture can show of them, and nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.report.figures.curves import Curve, Span, thinned, with_gaps


@given(st.integers(1, 5000), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_thinning_keeps_extremes_order_and_size(count: int, columns: int, seed: int) -> None:
    """The lowest and highest reading survive, time still ascends, and no more than two points a column remain."""
    rng = np.random.default_rng(seed)
    curve = Curve(np.sort(rng.uniform(0, 1000, count)), rng.normal(0, 1, count))
    few = thinned(curve, columns)

    assert np.nanmin(few.values) == curve.values.min()
    assert np.nanmax(few.values) == curve.values.max()
    assert (np.diff(few.t_s) >= 0).all()
    assert len(few.t_s) <= max(2 * columns, min(count, 2 * columns))


def test_a_column_without_readings_stays_a_gap() -> None:
    """A stretch that was not read is not bridged."""
    t_s = np.concatenate([np.arange(0, 400.0), np.arange(600, 1000.0)])
    few = thinned(Curve(t_s, np.ones(len(t_s))), 20)

    assert np.isnan(few.values[(few.t_s > 400) & (few.t_s < 600)]).all()
    assert np.isnan(few.values).any()


def test_a_short_curve_is_left_alone() -> None:
    """What fits is drawn as recorded."""
    curve = Curve(np.arange(10.0), np.arange(10.0))

    assert thinned(curve, 100) is curve


def test_a_pause_breaks_the_line() -> None:
    """Readings further apart than the longest gap are not joined."""
    broken = with_gaps(Curve(np.array([0.0, 1.0, 9.0, 10.0]), np.ones(4)), 5.0)

    assert list(broken.t_s) == [0.0, 1.0, 5.0, 9.0, 10.0]
    assert np.isnan(broken.values[2])


def test_idle_spans_know_it() -> None:
    """Idle is drawn differently from every use."""

    assert Span(0, 1, "idle").idle
    assert not Span(0, 1, "normal").idle
