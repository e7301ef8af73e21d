"""Growth inside the quiet spans of a run, where the levels, one a span, do not hold it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.analysis.regression import Floats

_FEWEST_IN_SPAN, _FEWEST_SLOPES = 4, 4
CERTAIN_FALL = 2.0
"""Standard errors from which on a fall between two quiet spans is none of chance."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth per second and its standard error."""

    slope: float
    error: float


class _Line(NamedTuple):
    """The straight line through one quiet span: its value at both ends and the standard error of that."""

    piece: int
    slope: float
    weight: float
    length_s: float
    first: float
    last: float
    error: float


def slope_inside(
    t_s: Floats, y: Floats, piece: NDArray[np.int64], quiet: Sequence[tuple[float, float]], quantum: float
) -> Slope | None:
    """Growth per second inside the quiet spans: the mean of their own slopes, its error from how they differ.

    A fall while idle is memory coming back late, not growth that use would have to make up for: it counts as none,
    with an error of its own size. What falls between one quiet span and the next may be what rose inside them (garbage
    of a target that is only polled, collected when the load comes): so much of the growth is as likely as not none.
    """
    lines = [line for low, high in quiet if (line := _line(t_s, y, piece, low, high)) is not None]
    if len(lines) < _FEWEST_SLOPES:
        return None
    weights = np.array([line.weight for line in lines])
    share = weights / np.sum(weights)
    values = np.array([line.slope for line in lines])
    mean = float(share @ values)
    effective = 1.0 / float(share @ share)
    spread = float(np.sqrt(share @ (values - mean) ** 2 / max(effective - 1.0, 1.0)))
    error = max(spread * (1.0 + 2.0 / effective), quantum / np.sqrt(12.0 * np.sum(weights)), 1e-12)
    if mean <= 0.0:
        return Slope(0.0, max(error, -mean))
    doubtful = min(_fallen_between(lines) / sum(line.length_s for line in lines[:-1]), mean)
    return Slope(mean - 0.5 * doubtful, float(np.hypot(error, 0.5 * doubtful)))


def _line(t_s: Floats, y: Floats, piece: NDArray[np.int64], low_s: float, high_s: float) -> _Line | None:
    a, b = np.searchsorted(t_s, [low_s, high_s])
    if b - a < _FEWEST_IN_SPAN or piece[a] != piece[b - 1]:
        return None
    u = t_s[a:b] - np.mean(t_s[a:b])
    mean = float(np.mean(y[a:b]))
    weight = float(u @ u)
    slope = float(u @ (y[a:b] - mean)) / weight
    left = y[a:b] - mean - slope * u
    error = float(np.sqrt(left @ left / (b - a - 2) * (1.0 / (b - a) + u[-1] ** 2 / weight)))
    return _Line(int(piece[a]), slope, weight, float(u[-1] - u[0]), mean + slope * u[0], mean + slope * u[-1], error)


def _fallen_between(lines: Sequence[_Line]) -> float:
    """What certainly fell between neighbouring quiet spans, all falls together."""
    neighbours = [(before, after) for before, after in pairwise(lines) if before.piece == after.piece]
    certain = [
        before.last - after.first - CERTAIN_FALL * np.hypot(before.error, after.error) for before, after in neighbours
    ]
    return float(sum(max(fall, 0.0) for fall in certain))
