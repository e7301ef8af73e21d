"""Memory that switches to and fro at a steady pace: a job every ten minutes, load that goes on and off.

A wave of sine and cosine does not fit its corners, and what is left over makes it look like a random walk. Period and
phase must be known to a level or two, far finer than a dictionary can hold, so the best wave of each band of periods is
searched for by folding the levels (as for the transits of planets: Kovács, Zucker and Mazeh 2002, A&A 391:369), and
only that one becomes a candidate.
"""

from __future__ import annotations

import numpy as np

from harness.analysis.dictionary import Term, TermKind
from harness.analysis.regression import Floats

FEWEST_LEVELS = 40
"""Under five levels a period there are no corners to fit."""
FEWEST_TURNS, MOST_TURNS = 1.5, 12.5
"""Periods a run, in bands of one: with more of them a cycle does."""
BINS = 32
"""A period is folded into so many."""
ON = (4, 8, 16)
"""Bins out of ``BINS`` for which memory is another: an eighth, a quarter or half of a period."""
_STEP = 0.04
_FEWEST_ON = 4


def switching_terms(t_s: Floats, y: Floats, base: Floats) -> list[Term]:
    """The best wave of each band for K levels, beside the columns (K, p) of ``base``."""
    count = t_s.size
    if count < FEWEST_LEVELS:
        return []
    start_s, length_s = float(t_s[0]), float(np.ptp(t_s))
    basis = np.linalg.qr(base)[0]
    residual = y - basis @ (basis.T @ y)
    turns = np.arange(FEWEST_TURNS, MOST_TURNS, _STEP)
    place = turns[:, None] * ((t_s - start_s) / length_s)
    bins = (np.arange(turns.size)[:, None] * BINS + ((place % 1.0) * BINS).astype(np.int64)).ravel()
    shape = (turns.size, BINS)
    sums = np.bincount(bins, np.tile(residual, turns.size), turns.size * BINS).reshape(shape).astype(np.float64)
    counts = np.bincount(bins, minlength=turns.size * BINS).reshape(shape).astype(np.float64)
    gains = np.stack([_gain(_windows(sums, width), _windows(counts, width), count) for width in ON], axis=2)
    terms = []
    for low in np.arange(FEWEST_TURNS, MOST_TURNS):
        band = np.flatnonzero((turns >= low) & (turns < low + 1.0))
        at, first, which = np.unravel_index(int(np.argmax(gains[band])), gains[band].shape)
        period_s = length_s / float(turns[band[at]])
        phase = -float(first) / BINS % 1.0
        terms.append(
            Term(TermKind.SQUARE, period_s, start_s, start_s + length_s, phase=phase, duty=ON[int(which)] / BINS)
        )
    return terms


def _windows(folded: Floats, width: int) -> Floats:
    """Sums over ``width`` bins that begin at each bin, around the period; (m, BINS)."""
    around = np.concatenate([np.zeros((folded.shape[0], 1)), np.cumsum(np.tile(folded, 2), axis=1)], axis=1)
    return np.asarray(around[:, width : width + BINS] - around[:, :BINS])


def _gain(total: Floats, inside: Floats, count: int) -> Floats:
    """Drop of the sum of squares when ``inside`` levels with that ``total`` get a level of their own."""
    enough = (inside >= _FEWEST_ON) & (count - inside >= _FEWEST_ON)
    return np.where(enough, total**2 / np.where(enough, inside * (1.0 - inside / count), 1.0), 0.0)
