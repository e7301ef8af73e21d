"""Samples of any number in memory of fixed size: a few thousand spans on a fixed grid, merged in pairs as a run grows
longer.

A week then costs what an hour costs, and everything after it works on at most ``MOST_SPANS`` points a metric. Short
runs keep every sample. Study, section 0, finding 3: a run holds at most a few hundred independent facts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.regression import Floats
from harness.analysis.sawtooth import find_sawtooth

MOST_SPANS = 8192
_MOST = 1e150
"""No memory has so many bytes, and sums of them must still be numbers."""
_FAST_PERIODS = 3.0
"""A saw with fewer spans a period than this is not seen in spans; their minima are then its troughs."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """One metric: n points ascending in time, what they stand for in seconds (0: samples), the count and highest of
    all samples."""

    t_s: Floats
    y: Floats
    resolution_s: float
    samples: int
    peak: float


class Reducer:
    """Takes chunks of m metrics on one clock, ascending; ``results`` are what ``facts.analyse`` needs."""

    def __init__(self, metrics: int) -> None:
        self._metrics = metrics
        self._chunks: list[tuple[Floats, Floats]] = []
        self._kept = 0
        self._start_s = 0.0
        self._width_s = 0.0
        self._spans: _Spans | None = None
        self._excerpt: tuple[Floats, Floats] | None = None

    def add(self, t_s: Floats, values: Floats) -> None:
        """Takes n times and values (n, m), NaN where a reading failed."""
        if t_s.size == 0:
            return
        values = np.clip(values, -_MOST, _MOST)
        if self._spans is None:
            self._chunks.append((t_s, values))
            self._kept += t_s.size
            if self._kept > MOST_SPANS:
                self._begin_spans()
            return
        self._put(t_s, values)

    def _begin_spans(self) -> None:
        t_s, values = self._joined()
        self._excerpt = (t_s[:MOST_SPANS], values[:MOST_SPANS].copy())
        self._start_s = float(t_s[0])
        self._width_s = 2.0 * max(float(np.median(np.diff(t_s))), 1e-6)
        self._spans = _Spans.empty(self._metrics)
        self._chunks = []
        self._put(t_s, values)

    def _joined(self) -> tuple[Floats, Floats]:
        if not self._chunks:
            return np.empty(0), np.empty((0, self._metrics))
        return np.concatenate([t for t, _ in self._chunks]), np.concatenate([v for _, v in self._chunks])

    def _put(self, t_s: Floats, values: Floats) -> None:
        assert self._spans is not None
        while t_s[-1] - self._start_s >= MOST_SPANS * self._width_s:
            self._spans = self._spans.halved()
            self._width_s *= 2.0
        number = ((t_s - self._start_s) / self._width_s).astype(np.int64)
        self._spans.add(number, t_s, values)

    def results(self) -> list[Reduced]:
        """One for each metric, in the order of the columns."""
        if self._spans is None:
            t_s, values = self._joined()
            return [_whole(t_s, values[:, j]) for j in range(self._metrics)]
        assert self._excerpt is not None
        return [self._reduced(j) for j in range(self._metrics)]

    def _reduced(self, j: int) -> Reduced:
        spans, excerpt = self._spans, self._excerpt
        assert spans is not None
        assert excerpt is not None
        counts = spans.counts[:, j]
        at = np.flatnonzero(counts > 0)
        if at.size == 0:
            return Reduced(np.empty(0), np.empty(0), self._width_s, 0, 0.0)
        times = spans.times[at, j] / counts[at]
        y = spans.sums[at, j] / counts[at]
        good = np.isfinite(excerpt[1][:, j])
        saw = find_sawtooth(excerpt[0][good], excerpt[1][good, j])
        if saw is not None and saw.period_s < _FAST_PERIODS * self._width_s:
            y = spans.lows[at, j]
        return Reduced(times, y, self._width_s, int(counts.sum()), float(np.max(spans.highs[at, j])))


def _whole(t_s: Floats, y: Floats) -> Reduced:
    good = np.isfinite(y)
    peak = float(np.max(y[good])) if np.any(good) else 0.0
    return Reduced(t_s[good], y[good], 0.0, int(np.count_nonzero(good)), peak)


@dataclass(slots=True)
class _Spans:
    """Of each span and metric: how many readings, the sums of their times and values, their extremes; all (spans,
    m)."""

    counts: Floats
    times: Floats
    sums: Floats
    lows: Floats
    highs: Floats

    @classmethod
    def empty(cls, metrics: int) -> _Spans:
        shape = (MOST_SPANS, metrics)
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.full(shape, np.inf), np.full(shape, -np.inf))

    def halved(self) -> _Spans:
        """Neighbours merged; the upper half is empty."""
        out = _Spans.empty(self.counts.shape[1])
        half = MOST_SPANS // 2
        for name in ("counts", "times", "sums"):
            getattr(out, name)[:half] = getattr(self, name)[0::2] + getattr(self, name)[1::2]
        out.lows[:half] = np.minimum(self.lows[0::2], self.lows[1::2])
        out.highs[:half] = np.maximum(self.highs[0::2], self.highs[1::2])
        return out

    def add(self, number: np.typing.NDArray[np.int64], t_s: Floats, values: Floats) -> None:
        starts = np.flatnonzero(np.concatenate([[True], np.diff(number) != 0]))
        at = number[starts]
        good = np.isfinite(values)
        self.counts[at] += np.add.reduceat(good, starts, axis=0, dtype=np.float64)
        self.times[at] += np.add.reduceat(np.where(good, t_s[:, None], 0.0), starts, axis=0)
        self.sums[at] += np.add.reduceat(np.where(good, values, 0.0), starts, axis=0)
        self.lows[at] = np.minimum(self.lows[at], np.minimum.reduceat(np.where(good, values, np.inf), starts, axis=0))
        self.highs[at] = np.maximum(
            self.highs[at], np.maximum.reduceat(np.where(good, values, -np.inf), starts, axis=0)
        )
