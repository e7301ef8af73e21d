"""A few hundred levels instead of half a million samples.

Samples of memory are so correlated that a run holds at most a few hundred independent facts (study, section 0, finding
3). Levels are the troughs of a sawtooth where there is one, means of equal spans otherwise, medians where the samples
are spiky.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from harness.analysis.idle import Slope, slope_inside
from harness.analysis.regression import Floats
from harness.analysis.sawtooth import FEWEST_TROUGHS, Sawtooth, find_sawtooth

FEWEST_LEVELS, MOST_LEVELS, USUAL_LEVELS = 60, 240, 120
FEWEST_QUIET = 8
"""So many quiet spans make levels of their own; with fewer, levels are means like those of any other run."""
USUAL_QUIET = 0.25
"""Quantile of the lengths of quiet spans that is the usual length: that of a drain, where idle time follows some."""
SPIKY_SHARE = (0.0005, 0.1)
"""Between these shares of samples far from their span's median the samples are spiky, and medians are taken."""


class LevelKind(StrEnum):
    """What one level is."""

    SAMPLE = "sample"
    MEAN = "mean"
    MEDIAN = "median"
    TROUGH = "trough"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True)
class Levels:
    """K levels at ``t_s``, each standing for ``[low_s, high_s]``; ``piece`` numbers the stretch between restarts.

    ``idle`` is growth inside the quiet spans, where the levels are one a span and do not hold it themselves;
    ``whole_s`` the first and last sample of each piece by its number, start-up included, where that is known.
    """

    t_s: Floats
    y: Floats
    low_s: Floats
    high_s: Floats
    piece: NDArray[np.int64]
    kind: LevelKind
    sawtooth: Sawtooth | None
    quantum: float
    idle: Slope | None = None
    whole_s: Mapping[int, tuple[float, float]] = field(default_factory=dict)

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
    fewest_troughs: int = FEWEST_TROUGHS,
) -> Levels:
    """Levels of n finite samples, ascending in time, of pieces numbered from 0.

    Args:
        t_s: (n,)
        y: (n,)
        piece: (n,)
        wanted: about how many levels; between ``FEWEST_LEVELS`` and ``MOST_LEVELS``.
        quiet: disjoint spans, ascending, of the later part of drains and idle phases; given, only they have levels:
            what is left when the load has gone does not mix with what the load needs while it runs.
        fewest_troughs: of a sawtooth; with fewer, levels are means.
    """
    wanted = min(max(wanted, FEWEST_LEVELS), MOST_LEVELS)
    quantum = smallest_step(y)
    saw = find_sawtooth(t_s, y) if np.unique(piece).size == 1 else _find_in_pieces(t_s, y, piece)
    drained = _drained(t_s, y, piece, quiet, saw, quantum)
    if drained is not None:
        return drained
    if saw is not None and saw.troughs.size >= fewest_troughs:
        at = saw.troughs
        t_s, y, piece = t_s[at], y[at], piece[at]
        if at.size <= MOST_LEVELS:
            return Levels(t_s, y, t_s, t_s, piece, LevelKind.TROUGH, saw, quantum)
        return _averaged(t_s, y, piece, _edges(float(t_s[0]), float(t_s[-1]), wanted), saw, quantum, LevelKind.TROUGH)
    if t_s.size <= wanted:
        return Levels(t_s, y, t_s, t_s, piece, LevelKind.SAMPLE, saw, quantum)
    return _averaged(t_s, y, piece, _edges(float(t_s[0]), float(t_s[-1]), wanted), saw, quantum, None)


def _drained(
    t_s: Floats,
    y: Floats,
    piece: NDArray[np.int64],
    quiet: Sequence[tuple[float, float]],
    saw: Sawtooth | None,
    quantum: float,
) -> Levels | None:
    """Levels of the quiet spans; None where too few of them hold one."""
    inside = _inside(t_s, quiet)
    if not quiet or np.count_nonzero(inside) < len(quiet):
        return None
    t_s, y, piece = t_s[inside], y[inside], piece[inside]
    levels = _averaged(t_s, y, piece, _between(quiet), saw, quantum, LevelKind.DRAINED)
    if levels.count < FEWEST_QUIET:
        return None
    return replace(levels, idle=slope_inside(t_s, y, piece, quiet, quantum))


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
    edges: Floats,
    saw: Sawtooth | None,
    quantum: float,
    kind: LevelKind | None,
) -> Levels:
    """Means (or medians) of spans of about equal length, none across a piece's or a quiet span's border; no level in
    a gap."""
    number = np.searchsorted(edges, t_s, side="right") + piece * (edges.size + 1)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(number) != 0]))
    counts = np.diff(np.append(starts, t_s.size))
    ends = np.append(starts[1:], t_s.size) - 1
    means = np.add.reduceat(y, starts) / counts
    times = np.add.reduceat(t_s, starts) / counts
    if kind is LevelKind.DRAINED:
        means = _medians(y, starts, ends)
    if kind is None:
        medians = _medians(y, starts, ends)
        deviation = np.abs(y - np.repeat(medians, counts))
        typical = 1.4826 * float(np.median(deviation))
        share = float(np.mean(deviation > 8.0 * typical)) if typical > 0 else 0.0
        spiky = SPIKY_SHARE[0] < share < SPIKY_SHARE[1]
        kind, means = (LevelKind.MEDIAN, medians) if spiky else (LevelKind.MEAN, means)
    usual = np.quantile(counts, USUAL_QUIET if kind is LevelKind.DRAINED else 0.5)
    at = np.flatnonzero(counts >= 0.25 * usual)
    low_s, high_s = t_s[starts[at]], t_s[ends[at]]
    return Levels(times[at], means[at], low_s, high_s, piece[starts[at]], kind, saw, quantum)


def _medians(y: Floats, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> Floats:
    """Median of each span from a start to its end, all from one sort."""
    span = np.repeat(np.arange(starts.size), ends - starts + 1)
    ascending = y[np.lexsort((y, span))]
    return np.asarray(0.5 * (ascending[(starts + ends) // 2] + ascending[(starts + ends + 1) // 2]))


def _edges(start_s: float, end_s: float, wanted: int) -> Floats:
    """Inner edges of the ``wanted`` spans of equal length that become levels."""
    return np.linspace(start_s, end_s, wanted + 1)[1:-1]


def _between(quiet: Sequence[tuple[float, float]]) -> Floats:
    """Edges between quiet spans, so that each is one level; in a long run between groups of them."""
    each = -(-len(quiet) // MOST_LEVELS)
    return np.array([low for low, _ in quiet[each::each]])
