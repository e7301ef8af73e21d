"""Whether a trend may be a piece of something that comes back: the one rival that no longer interval can rule out.

Where half a cycle or more lies within the run, it bends, and a cycle without any trend can be held against the trend
that was found (Schwarz 1978, Ann. Stat. 6:461, on both). Less than half a cycle is a trend to every method: only a
longer run, or a flat load, tells (study, section 5, point 2).
"""

from __future__ import annotations

import numpy as np

from harness.analysis.design import Columns
from harness.analysis.dictionary import STEPS, Term, TermKind
from harness.analysis.regression import Floats, whiten
from harness.analysis.selection import SELECTION_PHIS, gains_of, locate, orthonormal

TURNS = np.arange(0.5, 1.5, 0.05)
"""Cycles a run: fewer are a trend, more are in the dictionary."""
_COEFFICIENTS = {
    TermKind.CYCLE: 3.0,
    TermKind.SQUARE: 3.0,
    TermKind.QUADRATIC: 1.0,
    TermKind.RAMP: 3.0,
    TermKind.LOAD: 1.0,
}
"""What a term adds to Schwarz's count, 2 (its height and its place) where it is not named."""
_LASTING = STEPS | {TermKind.CYCLE, TermKind.SQUARE, TermKind.LOAD}
"""Terms that a run with a slow cycle may have as well."""
_CYCLE = 3.0
FEWEST_LEVELS = 40


def advantage_of_trend(
    y: Floats, columns: Columns, groups: list[Floats], chosen: tuple[int, ...], gaps: Floats, floor: float
) -> float:
    """How much better the trend with its ``chosen`` terms explains K scaled levels than part of a slow cycle and no
    trend, neither with time nor with use: the difference of Schwarz's criteria, below zero where the cycle is better.
    Infinite under ``FEWEST_LEVELS``, to which anything slow is a cycle.

    Args:
        y: (K,)
        columns: base and candidates.
        groups: of ``columns``.
        chosen: candidates that were selected.
        gaps: as from ``regression.spacings``.
        floor: standard deviation below which an improvement is not believed.
    """
    if y.size < FEWEST_LEVELS:
        return np.inf
    kinds = columns.kinds_of_candidates
    terms = [(kinds[index], _column(groups, index)) for index in chosen]
    lasting = [(kind, column) for kind, column in terms if kind in _LASTING]
    still = columns.base[:, : columns.line]
    t_s = columns.levels.t_s
    start_s, length_s = float(t_s[0]), float(np.ptp(t_s))
    slow = [Term(TermKind.CYCLE, length_s / turns, start_s, start_s + length_s).evaluate(t_s) for turns in TURNS]
    cycle = _criterion(y, np.column_stack([still, *(c for _, c in lasting)]), np.stack(slow, axis=2), gaps, floor)
    price = float(np.log(y.size))
    trend = np.inf
    for growing in {1, columns.base.shape[1] - columns.line}:
        design = np.column_stack([columns.base[:, : columns.line + growing], *(c for _, c in terms)])
        trend = min(trend, _criterion(y, design, None, gaps, floor) + price * growing)
    return cycle - trend + price * (_CYCLE + _count(lasting) - _count(terms))


def _count(terms: list[tuple[TermKind, Floats]]) -> float:
    return sum(_COEFFICIENTS.get(kind, 2.0) for kind, _ in terms)


def _column(groups: list[Floats], index: int) -> Floats:
    group, position = locate(groups, index)
    return groups[group][:, :, position]


def _criterion(y: Floats, design: Floats, one_of: Floats | None, gaps: Floats, floor: float) -> float:
    """-2 log likelihood of ``design`` with the best of the groups ``one_of`` (K, 2, m), at the best
    autocorrelation."""
    count, best = y.size, np.inf
    for phi in SELECTION_PHIS:
        white_y, log_det = whiten(y, gaps, phi)
        basis = orthonormal(whiten(design, gaps, phi)[0])
        residual = white_y - basis @ (basis.T @ white_y)
        squares = float(residual @ residual)
        if one_of is not None:
            group = whiten(one_of, gaps, phi)[0]
            norms = np.einsum("kcm,kcm->cm", group, group)
            group = group - np.tensordot(basis, np.tensordot(basis.T, group, 1), 1)
            squares -= float(np.max(gains_of(group, norms, residual)[0]))
        variance = max(squares / count, floor * floor, 1e-300)
        best = min(best, count * float(np.log(variance)) + log_det)
    return best
