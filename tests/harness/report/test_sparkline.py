"""Sparklines show the shape of a curve, also of one that never ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.report.sparkline import BLOCKS, RollingCurve, sparkline


def test_a_ramp_rises_from_the_lowest_to_the_highest_block() -> None:
    """Eight equal steps use the eight blocks in order."""

    assert sparkline([float(step) for step in range(8)], 8) == BLOCKS


def test_a_flat_curve_is_drawn_low() -> None:
    """Nothing rises, so nothing is drawn high."""

    assert sparkline([5.0] * 40, 4) == "▁▁▁▁"


def test_what_was_not_read_is_a_blank() -> None:
    """A missing value is a blank, never zero."""

    assert sparkline([1.0, None, 2.0], 3) == "▁ █"


def test_nothing_gives_nothing() -> None:
    """No values, no characters; only unread values, blanks."""

    assert sparkline([]) == ""
    assert sparkline([None, None]) == "  "


@given(st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12)), max_size=300), st.integers(0, 50))
def test_never_wider_than_asked(values: list[float | None], width: int) -> None:
    """Any values fit the width, in block characters only."""
    line = sparkline(values, width)

    assert len(line) <= max(width, 0)
    assert set(line) <= set(BLOCKS) | {" "}


def test_a_long_curve_stays_bounded_and_keeps_its_shape() -> None:
    """A week of ticks is held in at most 257 points that still run from bottom to top."""
    curve = RollingCurve()
    for tick in range(100_000):
        curve.add(float(tick))

    assert len(curve.values) <= 257
    assert curve.values == sorted(curve.values)
    assert curve.values[-1] > 99_000
