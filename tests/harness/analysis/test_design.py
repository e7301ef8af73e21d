"""The columns of the growth regression and how growth is read off them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.design import build_columns, end_span
from harness.analysis.dictionary import TermKind
from harness.analysis.levels import LevelKind, Levels

COUNT = 100


def _levels(piece: np.typing.NDArray[np.int64] | None = None) -> Levels:
    t_s = np.arange(100.0, 100.0 + COUNT)
    pieces = np.zeros(COUNT, dtype=np.int64) if piece is None else piece
    return Levels(t_s, np.zeros(COUNT), t_s, t_s, pieces, LevelKind.MEAN, None, 0.0)


def test_the_base_has_a_level_for_each_piece_and_one_line() -> None:
    """Growth is common to the pieces between restarts, the level is not."""
    columns = build_columns(_levels(np.repeat([0, 1], 50)), None, None)

    assert columns.base.shape == (COUNT, 3)
    assert columns.base[:, :2].sum(axis=1).tolist() == [1.0] * COUNT


@pytest.mark.parametrize("kind", [TermKind.HINGE, TermKind.QUADRATIC, TermKind.EXP])
def test_end_slope_is_the_slope_over_the_last_quarter(kind: TermKind) -> None:
    """Whatever the coefficients, the functional gives the mean slope of line and term over the last quarter."""
    columns = build_columns(_levels(), None, None)
    index = next(i for i, term in enumerate(columns.singles) if term.kind is kind)
    model = columns.model((index,))
    rng = np.random.default_rng(1)
    coefficients = rng.normal(size=model.design.shape[1])
    low, high = end_span(columns.levels)
    ends = np.interp([low, high], columns.levels.t_s, model.design @ coefficients)

    assert model.functionals[0] @ coefficients == pytest.approx((ends[1] - ends[0]) / (high - low), rel=0.05)


def test_what_dies_out_does_not_last() -> None:
    """A warm-up's slope counts at the end of the run, and not in what lasts."""
    columns = build_columns(_levels(), None, None)
    index = max(i for i, term in enumerate(columns.singles) if term.kind is TermKind.EXP)
    model = columns.model((index,))

    assert np.any(model.functionals[0] != model.functionals[1])
    assert model.functionals[1].tolist() == [0.0, 1.0 / 99.0, 0.0, 0.0]
