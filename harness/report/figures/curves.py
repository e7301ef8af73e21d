"""What charts are drawn from: curves, spans, trends; and curves thinned to what a picture can show."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.model import IDLE_KIND

WARMUP = "warm-up"
"""Kind of the spans before the first cycle, in which all kinds may run side by side."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A measured series: ascending ``t_s``, ``values`` in the metric's own unit, NaN where not read."""

    t_s: Floats
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """A fitted curve with its pointwise 95 % band; ``low`` and ``high`` may be NaN where unknown."""

    t_s: Floats
    fitted: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the run with one kind of use; drains are not spans, they are the space between."""

    start_s: float
    end_s: float
    kind: str

    @property
    def idle(self) -> bool:
        return self.kind == IDLE_KIND


def thinned(curve: Curve, columns: int) -> Curve:
    """The curve as ``columns`` pixel columns would show it: each column's lowest and highest value, in their order.

    A column without any reading stays a gap. Curves with fewer than two points a column come back as they are.
    """
    if len(curve.t_s) <= 2 * columns:
        return curve
    start_s, end_s = curve.t_s[0], curve.t_s[-1]
    edges_s = np.linspace(start_s, end_s, columns + 1)
    edges = np.searchsorted(curve.t_s, edges_s)
    edges[-1] = len(curve.t_s)
    t_s: list[float] = []
    values: list[float] = []
    for column, (first, last) in enumerate(pairwise(edges)):
        part = curve.values[first:last]
        known = np.flatnonzero(~np.isnan(part))
        if not len(known):
            t_s.append(float(edges_s[column]))
            values.append(float("nan"))
            continue
        low, high = known[np.argmin(part[known])], known[np.argmax(part[known])]
        for index in sorted({int(low), int(high)}):
            t_s.append(float(curve.t_s[first + index]))
            values.append(float(part[index]))
    return Curve(np.array(t_s), np.array(values))


def with_gaps(curve: Curve, longest_s: float) -> Curve:
    """The curve broken wherever two readings are more than ``longest_s`` apart."""
    breaks = np.flatnonzero(np.diff(curve.t_s) > longest_s) + 1
    middles = (curve.t_s[breaks - 1] + curve.t_s[breaks]) / 2
    return Curve(np.insert(curve.t_s, breaks, middles), np.insert(curve.values, breaks, np.nan))
