"""A few hundred levels instead of half a million samples.

Samples of memory are so correlated that a run holds at most a few hundred independent facts (study, section 0, finding
3). Levels are the troughs of a sawtooth where there is one, means of equal spans otherwise, medians where the samples
are spiky.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from harness.analysis.regression import Floats
from harness.analysis.sawtooth import FEWEST_TROUGHS, Sawtooth, find_sawtooth

FEWEST_LEVELS, MOST_LEVELS, USUAL_LEVELS = 60, 240, 120
SPIKY_SHARE = (0.0005, 0.1)
"""Between these shares of samples far from their span's median the samples are spiky, and medians are taken."""


class LevelKind(StrEnum):
    """What one level is."""

    SAMPLE = "sample"
    MEAN = "mean"
    MEDIAN = "median"
    TROUGH = "trough"


@dataclass(frozen=True, slots=True)
class Levels:
    """K levels at ``t_s``, each standing for ``[low_s, high_s]``; ``piece`` numbers the stretch between restarts."""

    t_s: Floats
    y: Floats
    low_s: Floats
    high_s: Floats
    piece: NDArray[np.int64]
    kind: LevelKind
    sawtooth: Sawtooth | None
    quantum: float

    @property
    def count(self) -> int:
        return int(self.t_s.size)

    def bounds(self) -> list[tuple[float, float]]:
        """First and last time of each piece."""
        return [
            (float(self.t_s[self.piece == k][0]), float(self.t_s[self.piece == k][-1])) for k in np.unique(self.piece)
        ]


def reduce(t_s: Floats, y: Floats, piece: NDArray[np.int64], wanted: int = USUAL_LEVELS) -> Levels:
    """Levels of n finite samples, ascending in time, of pieces numbered from 0.

    Args:
        t_s: (n,)
        y: (n,)
        piece: (n,)
        wanted: about how many levels; between ``FEWEST_LEVELS`` and ``MOST_LEVELS``.
    """
    wanted = min(max(wanted, FEWEST_LEVELS), MOST_LEVELS)
    quantum = smallest_step(y)
    saw = find_sawtooth(t_s, y) if np.unique(piece).size == 1 else _find_in_pieces(t_s, y, piece)
    if saw is not None and saw.troughs.size >= FEWEST_TROUGHS:
        at = saw.troughs
        t_s, y, piece = t_s[at], y[at], piece[at]
        if at.size <= MOST_LEVELS:
            return Levels(t_s, y, t_s, t_s, piece, LevelKind.TROUGH, saw, quantum)
        return _averaged(t_s, y, piece, wanted, saw, quantum, LevelKind.TROUGH)
    if t_s.size <= wanted:
        return Levels(t_s, y, t_s, t_s, piece, LevelKind.SAMPLE, saw, quantum)
    return _averaged(t_s, y, piece, wanted, saw, quantum, None)


def smallest_step(y: Floats) -> float:
    """Smallest change between neighbours, 0 where nothing changes: what the counter cannot resolve."""
    steps = np.abs(np.diff(y))
    steps = steps[steps > 0]
    return float(np.min(steps)) if steps.size else 0.0


def _find_in_pieces(t_s: Floats, y: Floats, piece: NDArray[np.int64]) -> Sawtooth | None:
    found: list[Sawtooth] = []
    for k in np.unique(piece):
        at = np.flatnonzero(piece == k)
        saw = find_sawtooth(t_s[at], y[at])
        if saw is None:
            return None
        found.append(Sawtooth(at[saw.troughs].astype(np.int64), saw.collections, saw.period_s, saw.amplitude))
    return Sawtooth(
        np.concatenate([saw.troughs for saw in found]),
        sum(saw.collections for saw in found),
        float(np.median([saw.period_s for saw in found])),
        float(np.median([saw.amplitude for saw in found])),
    )


def _averaged(
    t_s: Floats,
    y: Floats,
    piece: NDArray[np.int64],
    wanted: int,
    saw: Sawtooth | None,
    quantum: float,
    kind: LevelKind | None,
) -> Levels:
    """Means (or medians) of spans of equal length; spans end at the borders of pieces and hold no gap's emptiness."""
    length_s = float(t_s[-1] - t_s[0])
    width_s = length_s / wanted
    number = np.minimum(((t_s - t_s[0]) / width_s).astype(np.int64), wanted - 1) + piece * (wanted + 1)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(number) != 0]))
    counts = np.diff(np.append(starts, t_s.size)).astype(np.float64)
    ends = np.append(starts[1:], t_s.size) - 1
    means = np.add.reduceat(y, starts) / counts
    times = np.add.reduceat(t_s, starts) / counts
    if kind is None:
        medians = np.array([np.median(y[a : b + 1]) for a, b in zip(starts, ends, strict=True)])
        deviation = np.abs(y - np.repeat(medians, counts.astype(np.int64)))
        typical = 1.4826 * float(np.median(deviation))
        share = float(np.mean(deviation > 8.0 * typical)) if typical > 0 else 0.0
        spiky = SPIKY_SHARE[0] < share < SPIKY_SHARE[1]
        kind, means = (LevelKind.MEDIAN, medians) if spiky else (LevelKind.MEAN, means)
    full = counts >= 0.25 * np.median(counts)
    at = np.flatnonzero(full)
    return Levels(times[at], means[at], t_s[starts[at]], t_s[ends[at]], piece[starts[at]], kind, saw, quantum)
