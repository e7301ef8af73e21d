"""The most growth that a limit allows, as a curve to lay beside the measured one.

Growth is measured while the target is used (drains and idle phases apart), so a straight line over the whole run would
allow more than the limit does: beside a staircase of twice the limit, idle half of the time, it would look kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.analysis.segments import Phase, loaded_spans
from harness.report.figures.curves import Curve
from harness.units import S_PER_H


def allowed_growth(
    start: tuple[float, float], limit_per_h: float, time_per_h: float | None, phases: Sequence[Phase], end_s: float
) -> Curve:
    """From ``start`` (time, bytes) to ``end_s``: what memory would do if it grew by exactly ``limit_per_h`` in use.

    What comes with time alone (``time_per_h``, up to the limit) comes in idle time as well; the rest only in use.
    Straight where nothing is known to be driven.
    """
    start_s, level = start
    with_time = min(max(time_per_h or 0.0, 0.0), limit_per_h)
    spans = loaded_spans(tuple(phases)) or [(start_s, end_s)]
    edges = {start_s, max(start_s, end_s), *(edge for span in spans for edge in span if start_s < edge < end_s)}
    t_s = np.array(sorted(edges))
    used_s = sum((np.clip(t_s, low, high) - max(low, min(start_s, high)) for low, high in spans), np.zeros(t_s.size))
    grown = with_time * (t_s - start_s) + (limit_per_h - with_time) * np.maximum(used_s, 0.0)
    return Curve(t_s, level + grown / S_PER_H)
