"""How often something that costs its target may be done."""

from __future__ import annotations

import math


class DutyBudget:
    """Spaces readings so that they take at most a ratio of the time: one of c seconds, then c / ratio to the next."""

    def __init__(self) -> None:
        self._started_s = -math.inf
        self._cost_s = 0.0

    def is_due(self, now_s: float, min_interval_s: float, ratio: float) -> bool:
        """Whether the next reading may start at ``now_s``, wanted no sooner than ``min_interval_s`` after the last."""
        return now_s - self._started_s >= max(min_interval_s, self._cost_s / ratio)

    def spend(self, started_s: float, cost_s: float) -> None:
        """A reading that started at ``started_s`` took ``cost_s``."""
        self._started_s = started_s
        self._cost_s = cost_s
