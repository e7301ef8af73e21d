"""A trend against part of a slow cycle."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.design import build_columns
from harness.analysis.levels import LevelKind, Levels
from harness.analysis.part_of_cycle import FEWEST_LEVELS, advantage_of_trend
from harness.analysis.regression import Floats, spacings
from harness.analysis.selection import select
from harness.rules.obstacles import CLEAR_ADVANTAGE


def _advantage(y: Floats) -> float:
    t_s = np.linspace(0.0, 3600.0, y.size)
    levels = Levels(t_s, y, t_s, t_s, np.zeros(y.size, dtype=np.int64), LevelKind.MEAN, None, 0.0)
    columns = build_columns(levels, None, None)
    groups, gaps = columns.groups, spacings(t_s, levels.piece)
    found = select(y, columns.base, groups, columns.costs, columns.families, gaps)
    return advantage_of_trend(y, columns, groups, found.chosen, gaps, 1e-9)


def _noise(count: int = 120) -> Floats:
    return np.random.default_rng(8).normal(0.0, 0.1, count)


def test_a_leak_is_no_cycle() -> None:
    """A straight rise costs one parameter, and a cycle of three does not follow it."""
    assert _advantage(2.0 * np.linspace(-0.5, 0.5, 120) + _noise()) > 10.0


@pytest.mark.parametrize("turns", [0.6, 0.9, 1.2])
def test_most_of_a_cycle_is_never_clearly_a_trend(turns: float) -> None:
    """It takes several terms to bend a trend like it."""
    angle = 2.0 * np.pi * turns * np.linspace(0.0, 1.0, 120)
    assert _advantage(np.sin(angle + 3.6) + _noise()) < CLEAR_ADVANTAGE


def test_a_warm_up_is_no_cycle() -> None:
    """It ends where a cycle would turn."""
    assert _advantage(-np.exp(-np.linspace(0.0, 1.0, 120) / 0.08) + _noise()) > 10.0


def test_few_levels_decide_nothing() -> None:
    """Anything slow is a cycle to a dozen levels, so none is denied for it."""
    assert _advantage(_noise(FEWEST_LEVELS - 1)) == np.inf
