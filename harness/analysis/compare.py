"""The difference between two sides of an experiment, each one run or several, with an interval.

Intervals of single runs are turned into intervals of their difference and ratio by recovering their variances (Zou and
Donner 2008, Stat. Med. 27:1693; for the ratio, Fieller's theorem with the recovered variances), which keeps intervals
that are not symmetric. Where there are several runs a side, what they scatter beyond their own intervals is estimated
over both sides together and widens the result by Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy.special import ndtri, stdtrit

from harness.model import Interval

_Z95 = 1.959964
LEAST_SHARE = 0.05
"""More by less than this share of the base does not matter, however certain it is: two runs of one build differ by as
much in what no interval of theirs holds."""
_OTHER_RATE = 1.5
"""Rates that differ by more are another load, not chance in the arrivals."""


class Change(StrEnum):
    """What the candidate did to one figure."""

    WORSE = "worse"
    """Certainly more than the base, and by enough to matter."""
    BETTER = "better"
    """Certainly less than the base."""
    SAME = "same"
    """Not certainly different, or by too little, and certainly not worse by what would matter."""
    UNKNOWN = "unknown"
    """Not certain enough for either."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure on both sides: means over the runs, candidate less base, and the share of the base that is gone.

    ``removed`` is a ratio (0.2 = a fifth less, negative = more); unknown where the base is not certainly above zero.
    """

    base: Interval
    candidate: Interval
    difference: Interval
    removed: Interval
    change: Change


@dataclass(frozen=True, slots=True)
class _Side:
    """Mean of the runs, and the variances that its low and high bounds stand for."""

    mean: float
    low_variance: float
    high_variance: float

    def interval(self, factor: float, confidence: float) -> Interval:
        low, high = factor * math.sqrt(self.low_variance), factor * math.sqrt(self.high_variance)
        return Interval(self.mean, self.mean - low, self.mean + high, confidence)


@dataclass(frozen=True, slots=True)
class Use:
    """How often queries of a kind were completed while loaded, and the bytes that one leaves behind, where known."""

    rate_per_h: float
    per_query: Interval


def mean_rates(runs: Sequence[Mapping[str, Use]]) -> dict[str, float]:
    """Mean rate per hour of each kind that all runs have."""
    kinds = [kind for kind in runs[0] if all(kind in run for run in runs)] if runs else []
    return {kind: sum(run[kind].rate_per_h for run in runs) / len(runs) for kind in kinds}


def at_rates(growth: Interval, uses: Mapping[str, Use], rates_per_h: Mapping[str, float]) -> Interval:
    """``growth`` per hour as it would be at other rates per hour of queries, near those driven.

    Bytes per query say what that changes, with an error of their own; where they are not known, all growth may be from
    queries of those kinds, or none, so the interval holds both.
    """
    if growth.estimate is None or growth.low is None or growth.high is None:
        return growth
    near = {kind: use for kind, use in uses.items() if _is_near(use.rate_per_h, rates_per_h.get(kind, 0.0))}
    shift, low, high, unknown, wanted = 0.0, growth.low, growth.high, 0.0, 0.0
    for kind, use in near.items():
        more = rates_per_h[kind] - use.rate_per_h
        if not _is_known(use.per_query):
            unknown, wanted = unknown + use.rate_per_h, wanted + rates_per_h[kind]
            continue
        left, least, most = _ends(use.per_query)
        error = max(most - left, left - least) * abs(more)
        shift, low, high = shift + left * more, low - error, high + error
    if unknown > 0.0:
        doubtful = max(growth.estimate, 0.0) * (wanted / unknown - 1.0)
        low, high = low + min(doubtful, 0.0), high + max(doubtful, 0.0)
    return Interval(growth.estimate + shift, low + shift, high + shift, growth.confidence)


def _is_near(rate: float, other: float) -> bool:
    return 0.0 < max(rate, other) <= _OTHER_RATE * min(rate, other)


def compare(
    base: Sequence[Interval],
    candidate: Sequence[Interval],
    margin: float = 0.0,
    confidence: float = 0.95,
    least: float = 0.0,
) -> Difference | None:
    """The difference of a figure, or None where one side has no run in which it is known.

    Args:
        base: one 95 % interval a run; those without an estimate and both bounds are left out.
        candidate: the same.
        margin: a difference that does not matter, in the unit of the figure.
        confidence: of the intervals in the result.
        least: a rise by less is none, however certain, nor is one by less than ``LEAST_SHARE`` of the base.
    """
    known = [[run for run in side if _is_known(run)] for side in (base, candidate)]
    if not known[0] or not known[1]:
        return None
    scatter, freedom = _scatter(known[0], known[1])
    sides = [_side(runs, scatter) for runs in known]
    factor = _factor(scatter, freedom, confidence)
    before, after = sides
    estimate = after.mean - before.mean
    difference = Interval(
        estimate,
        estimate - factor * math.sqrt(after.low_variance + before.high_variance),
        estimate + factor * math.sqrt(after.high_variance + before.low_variance),
        confidence,
    )
    return Difference(
        before.interval(factor, confidence),
        after.interval(factor, confidence),
        difference,
        _removed(before, after, factor, confidence),
        _change(difference, margin, max(least, LEAST_SHARE * before.mean)),
    )


def pooled(runs: Sequence[Interval], confidence: float = 0.95) -> Interval:
    """The mean over several runs of one side."""
    found = compare(runs, runs, confidence=confidence)
    return Interval() if found is None else found.base


def _is_known(interval: Interval) -> bool:
    return None not in (interval.estimate, interval.low, interval.high)


def _ends(interval: Interval) -> tuple[float, float, float]:
    assert interval.estimate is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.estimate, interval.low, interval.high


def _scatter(base: Sequence[Interval], candidate: Sequence[Interval]) -> tuple[float, int]:
    """Variance between runs beyond what their own intervals explain, and its degrees of freedom."""
    squares, freedom = 0.0, 0
    for side in (base, candidate):
        means = [_ends(run)[0] for run in side]
        centre = sum(means) / len(means)
        squares += sum((mean - centre) ** 2 for mean in means)
        freedom += len(means) - 1
    if freedom == 0:
        return 0.0, 0
    within = [((high - low) / (2.0 * _Z95)) ** 2 for _, low, high in map(_ends, [*base, *candidate])]
    return max(squares / freedom - sum(within) / len(within), 0.0), freedom


def _side(runs: Sequence[Interval], scatter: float) -> _Side:
    count = len(runs)
    ends = [_ends(run) for run in runs]
    lows = sum(((estimate - low) / _Z95) ** 2 for estimate, low, _ in ends)
    highs = sum(((high - estimate) / _Z95) ** 2 for estimate, _, high in ends)
    mean = sum(estimate for estimate, _, _ in ends) / count
    return _Side(mean, lows / count**2 + scatter / count, highs / count**2 + scatter / count)


def _factor(scatter: float, freedom: int, confidence: float) -> float:
    """Standard errors of half an interval: Student's where the runs scatter, as their variance is then an estimate."""
    tail = 0.5 + confidence / 2.0
    return float(stdtrit(freedom, tail)) if scatter > 0.0 else float(ndtri(tail))


def _removed(before: _Side, after: _Side, factor: float, confidence: float) -> Interval:
    """Share of the base that the candidate no longer has, by Fieller's theorem."""
    if before.mean - factor * math.sqrt(before.low_variance) <= 0.0:
        return Interval(confidence=confidence)
    square = factor * factor
    low = _root(before.mean, after.mean, square * before.high_variance, square * after.low_variance, -1.0)
    high = _root(before.mean, after.mean, square * before.low_variance, square * after.high_variance, 1.0)
    return Interval(1.0 - after.mean / before.mean, _less(high), _less(low), confidence)


def _less(ratio: float | None) -> float | None:
    return None if ratio is None else 1.0 - ratio


def _root(before: float, after: float, before_square: float, after_square: float, sign: float) -> float | None:
    """The ratio at which (after - ratio before)² is after_square + ratio² before_square."""
    a, b, c = before * before - before_square, before * after, after * after - after_square
    discriminant = b * b - a * c
    if a <= 0.0 or discriminant < 0.0:
        return None
    return (b + sign * math.sqrt(discriminant)) / a


def _change(difference: Interval, margin: float, least: float) -> Change:
    estimate, low, high = _ends(difference)
    if low > 0.0 and estimate > least:
        return Change.WORSE
    if high < 0.0:
        return Change.BETTER
    return Change.SAME if high < max(margin, least) else Change.UNKNOWN
