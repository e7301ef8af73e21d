"""The search for memory that switches to and fro."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.dictionary import TermKind
from harness.analysis.switching import FEWEST_LEVELS, switching_terms

T_S = np.linspace(0.0, 1000.0, 121)
BASE = np.column_stack([np.ones(T_S.size), T_S / 1000.0])


def _wave(turns: float, phase: float, duty: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.where((turns * T_S / 1000.0 + phase) % 1.0 < duty, 1.0, 0.0)


@pytest.mark.parametrize(("turns", "phase", "duty"), [(2.7, 0.3, 0.5), (5.2, 0.8, 0.25), (8.9, 0.1, 0.125)])
def test_period_phase_and_share_are_found(turns: float, phase: float, duty: float) -> None:
    """The wave of its band explains nearly all of a noisy one on a slope."""
    rng = np.random.default_rng(5)
    true = _wave(turns, phase, duty)
    y = 3.0 * true + 2.0 * T_S / 1000.0 + rng.normal(0.0, 0.2, T_S.size)

    terms = switching_terms(T_S, y, BASE)
    columns = [term.evaluate(T_S) for term in terms]
    alike = [abs(float(np.corrcoef(column, true)[0, 1])) for column in columns]
    best = terms[int(np.argmax(alike))]

    assert all(term.kind is TermKind.SQUARE for term in terms)
    assert max(alike) > 0.9
    assert 1000.0 / best.parameter_s == pytest.approx(turns, abs=0.15)
    assert best.duty == duty


def test_agrees_with_trying_every_window() -> None:
    """The slow way: the drop of the sum of squares for each period, phase and share by its own regression."""
    rng = np.random.default_rng(6)
    y = rng.normal(size=T_S.size)
    basis = np.linalg.qr(BASE)[0]
    residual = y - basis @ (basis.T @ y)

    found = switching_terms(T_S, y, BASE)[1]

    def drop(turns: float, first: int, width: int) -> float:
        bins = ((turns * T_S / 1000.0) % 1.0 * 32).astype(int)
        inside = (bins - first) % 32 < width
        if min(np.count_nonzero(inside), np.count_nonzero(~inside)) < 4:
            return 0.0
        column = inside - np.mean(inside)
        return float((residual @ column) ** 2 / (column @ column))

    turns = np.arange(1.5, 12.5, 0.04)
    band = turns[(turns >= 2.5) & (turns < 3.5)]
    best = max(drop(n, first, width) for n in band for first in range(32) for width in (4, 8, 16))
    got = drop(1000.0 / found.parameter_s, round(-found.phase * 32) % 32, round(found.duty * 32))
    assert got == pytest.approx(best, rel=1e-6)


def test_few_levels_have_no_corners() -> None:
    """Nothing is offered where a period has a handful of levels."""
    few = FEWEST_LEVELS - 1
    assert switching_terms(T_S[:few], T_S[:few], BASE[:few]) == []
