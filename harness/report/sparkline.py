"""A curve in one line of text, and the bounded memory of a curve that is still growing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-=*#"
_KEPT = 256


def sparkline(values: Sequence[float | None], width: int = 24, *, blocks: str = BLOCKS) -> str:
    """At most ``width`` characters, each the mean of its share of ``values``; None (not read) is a blank.

    The scale runs from the smallest to the largest value; a flat curve is drawn low, because nothing rises.
    """
    if not values or width < 1:
        return ""
    columns = min(width, len(values))
    edges = [len(values) * column // columns for column in range(columns + 1)]
    means = [_mean(values[start:end]) for start, end in pairwise(edges)]
    known = [mean for mean in means if mean is not None]
    if not known:
        return " " * columns
    low, span = min(known), max(known) - min(known)
    top = len(blocks) - 1
    return "".join(" " if mean is None else blocks[round(top * (mean - low) / span) if span else 0] for mean in means)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


class RollingCurve:
    """The whole curve so far in at most 256 points.

    When full, neighbours are merged and each point stands for twice the ticks.
    """

    def __init__(self) -> None:
        self._points: list[float] = []
        self._ticks_per_point = 1
        self._sum, self._ticks = 0.0, 0

    def add(self, value: float) -> None:
        """One more tick."""
        self._sum += value
        self._ticks += 1
        if self._ticks < self._ticks_per_point:
            return
        self._points.append(self._sum / self._ticks)
        self._sum, self._ticks = 0.0, 0
        if len(self._points) >= _KEPT:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [(first + second) / 2 for first, second in pairs]
            self._ticks_per_point *= 2

    @property
    def values(self) -> list[float]:
        """Oldest first, the unfinished point last."""
        return [*self._points, self._sum / self._ticks] if self._ticks else list(self._points)
