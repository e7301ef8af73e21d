"""Drain and reload: what is left each time the load has gone, against the queries that came before.

The cheapest decisive test on record: a second identical load that lands at the same level was not a leak. It uses none
of the model of ``growth``, so it is shown beside it as a second opinion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.regression import Floats, fit, spacings
from harness.analysis.segments import Phase
from harness.analysis.usage import Load
from harness.model import Interval

FEWEST_POINTS = 5
_SPARE = 2


@dataclass(frozen=True, slots=True)
class Drained:
    """m drained levels at ``t_s``, with completed queries by kind until then (m, kinds) and bytes per query from them
    alone."""

    t_s: Floats
    y: Floats
    counts: Floats
    per_query: dict[str, Interval]


def drained_levels(t_s: Floats, y: Floats, phases: tuple[Phase, ...], load: Load) -> Drained | None:
    """Median of the second half of each drain and idle phase; None under ``FEWEST_POINTS`` of them.

    Args:
        t_s: (n,) ascending, start-up left out.
        y: (n,) finite.
        phases: of the load plan.
        load: queries on the same clock.
    """
    times, values = [], []
    for phase in sorted((p for p in phases if p.drain or p.idle), key=lambda p: p.start_s):
        first = np.searchsorted(t_s, 0.5 * (phase.start_s + phase.end_s), side="left")
        beyond = np.searchsorted(t_s, phase.end_s, side="right")
        if first < beyond:
            times.append(float(np.median(t_s[first:beyond])))
            values.append(float(np.median(y[first:beyond])))
    if len(times) < FEWEST_POINTS or len(set(times)) < len(times):
        return None
    at, levels = np.array(times), np.array(values)
    counts = np.stack([steps.at(at) for steps in load.completed], axis=1) if load.kinds else np.empty((at.size, 0))
    return Drained(at, levels, counts, _per_query(at, levels, counts, load.kinds))


def _per_query(t_s: Floats, levels: Floats, counts: Floats, kinds: tuple[str, ...]) -> dict[str, Interval]:
    spans = np.ptp(counts, axis=0)
    used = np.flatnonzero(spans > 0)
    if t_s.size < used.size + 1 + _SPARE or used.size == 0:
        return {}
    scale = max(float(np.ptp(levels)), 1e-9 * max(float(np.max(np.abs(levels))), 1.0))
    design = np.column_stack([np.ones(t_s.size), (counts[:, used] - counts[0, used]) / spans[used]])
    if np.linalg.matrix_rank(design, tol=1e-3) < design.shape[1]:
        return {}
    mixture = fit((levels - levels[0]) / scale, design, spacings(t_s, np.zeros(t_s.size, dtype=np.int64)))
    out = {}
    for column, k in enumerate(used, start=1):
        contrast = np.zeros(design.shape[1])
        contrast[column] = scale / float(spans[k])
        out[kinds[int(k)]] = Interval(*mixture.interval(contrast))
    return out
