"""A few hundred levels instead of half a million samples.

Samples of memory are so correlated that a run holds at most a few hundred independent facts (study, section 0, finding
3). Levels are the troughs of a sawtooth where there is one, means of equal spans otherwise, medians where the samples
are spiky.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

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
    """K levels at ``t_s``, each standing for ``[low_s, high_s]``; ``piece`` numbers the stretch between restarts.

    ``quiet`` says whether nothing was driven, where the plan has quiet spans at all.
    """

    t_s: Floats
    y: Floats
    low_s: Floats
    high_s: Floats
    piece: NDArray[np.int64]
    quiet: NDArray[np.bool_]
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


def reduce(
    t_s: Floats,
    y: Floats,
    piece: NDArray[np.int64],
    wanted: int = USUAL_LEVELS,
    quiet: Sequence[tuple[float, float]] = (),
) -> Levels:
    """Levels of n finite samples, ascending in time, of pieces numbered from 0.

    Args:
        t_s: (n,)
        y: (n,)
        piece: (n,)
        wanted: about how many levels; between ``FEWEST_LEVELS`` and ``MOST_LEVELS``.
        quiet: disjoint spans, ascending; no level lies across their borders.
    """
    wanted = min(max(wanted, FEWEST_LEVELS), MOST_LEVELS)
    quantum = smallest_step(y)
    saw = find_sawtooth(t_s, y) if np.unique(piece).size == 1 else _find_in_pieces(t_s, y, piece)
    if saw is not None and saw.troughs.size >= FEWEST_TROUGHS:
        at = saw.troughs
        t_s, y, piece = t_s[at], y[at], piece[at]
        if at.size <= MOST_LEVELS:
            return Levels(t_s, y, t_s, t_s, piece, _inside(t_s, quiet), LevelKind.TROUGH, saw, quantum)
        return _averaged(t_s, y, piece, wanted, quiet, saw, quantum, LevelKind.TROUGH)
    if t_s.size <= wanted:
        return Levels(t_s, y, t_s, t_s, piece, _inside(t_s, quiet), LevelKind.SAMPLE, saw, quantum)
    return _averaged(t_s, y, piece, wanted, quiet, saw, quantum, None)


def _inside(t_s: Floats, spans: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Which times lie in one of the spans."""
    borders = np.array([border for span in spans for border in span])
    return np.searchsorted(borders, t_s, side="right") % 2 == 1 if borders.size else np.zeros(t_s.size, dtype=np.bool_)


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
    quiet: Sequence[tuple[float, float]],
    saw: Sawtooth | None,
    quantum: float,
    kind: LevelKind | None,
) -> Levels:
    """Means (or medians) of spans of about equal length, none across a piece's or a quiet span's border; no level in
    a gap."""
    edges = _edges(float(t_s[0]), float(t_s[-1]), wanted, quiet)
    number = np.searchsorted(edges, t_s, side="right") + piece * (edges.size + 1)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(number) != 0]))
    counts = np.diff(np.append(starts, t_s.size))
    ends = np.append(starts[1:], t_s.size) - 1
    means = np.add.reduceat(y, starts) / counts
    times = np.add.reduceat(t_s, starts) / counts
    if kind is None:
        medians = np.array([np.median(y[a : b + 1]) for a, b in zip(starts, ends, strict=True)])
        deviation = np.abs(y - np.repeat(medians, counts))
        typical = 1.4826 * float(np.median(deviation))
        share = float(np.mean(deviation > 8.0 * typical)) if typical > 0 else 0.0
        spiky = SPIKY_SHARE[0] < share < SPIKY_SHARE[1]
        kind, means = (LevelKind.MEDIAN, medians) if spiky else (LevelKind.MEAN, means)
    at = np.flatnonzero(counts >= 0.25 * np.median(counts))
    t_level = times[at]
    low_s, high_s = t_s[starts[at]], t_s[ends[at]]
    return Levels(t_level, means[at], low_s, high_s, piece[starts[at]], _inside(t_level, quiet), kind, saw, quantum)


def _edges(start_s: float, end_s: float, wanted: int, quiet: Sequence[tuple[float, float]]) -> Floats:
    """Inner edges of the spans that become levels."""
    width_s = (end_s - start_s) / wanted
    borders = [border for span in quiet for border in span if start_s < border < end_s]
    marks = [start_s, *borders, end_s]
    parts = [
        np.linspace(low, high, max(round((high - low) / width_s), 1), endpoint=False) for low, high in pairwise(marks)
    ]
    return np.concatenate(parts)[1:]
