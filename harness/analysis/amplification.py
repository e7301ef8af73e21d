"""Calls to the speech service for each query, by kind: what a duplicate that is not recognised doubles.

Counted, not modelled: the calls of a stretch in which one kind alone was driven, over the queries started in it. A
stretch lasts until the next load begins, so that calls which come late still fall into it.
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from harness.analysis.regression import Floats
from harness.analysis.segments import Phase
from harness.analysis.usage import Steps
from harness.model import Interval

FEWEST_STRETCHES = 2


def calls_per_query(
    t_s: Floats, calls: Floats, phases: tuple[Phase, ...], started: dict[str, Steps]
) -> dict[str, Interval]:
    """Mean calls a query with a 95 % interval, for each kind with at least ``FEWEST_STRETCHES`` stretches of its own.

    Args:
        t_s: (n,) ascending.
        calls: (n,) a counter; NaN marks a reading that failed.
        phases: of the load plan.
        started: queries started, as running totals by kind.
    """
    good = np.isfinite(calls)
    t_s, calls = t_s[good], calls[good]
    if t_s.size == 0:
        return {}
    loaded = sorted((p for p in phases if not p.idle and not p.drain), key=lambda p: p.start_s)
    if not loaded:
        return {}
    ends_s = [phase.start_s for phase in loaded[1:]] + [float(t_s[-1])]
    found: dict[str, list[tuple[float, float]]] = {}
    for phase, end_s in zip(loaded, ends_s, strict=True):
        if phase.warmup or phase.kind not in started or end_s <= phase.start_s:
            continue
        edges = np.array([phase.start_s, end_s])
        queries = float(np.diff(started[phase.kind].at(edges))[0])
        inside = np.interp(edges, t_s, calls)
        if queries > 0:
            found.setdefault(phase.kind, []).append((queries, float(inside[1] - inside[0])))
    return {kind: _ratio(pairs) for kind, pairs in found.items() if len(pairs) >= FEWEST_STRETCHES}


def _ratio(pairs: list[tuple[float, float]]) -> Interval:
    """Ratio of the totals, with the interval that its scatter from stretch to stretch gives."""
    queries, calls = np.array([q for q, _ in pairs]), np.array([c for _, c in pairs])
    ratio = float(calls.sum() / queries.sum())
    count = queries.size
    spread = float(np.sqrt(np.sum((calls - ratio * queries) ** 2) / (count - 1) / count)) / float(queries.mean())
    half = float(stdtrit(count - 1, 0.975)) * spread
    return Interval(ratio, ratio - half, ratio + half)
