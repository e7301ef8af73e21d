"""Look after look at a run under way: what is known so far, and whether it may end.

Every look is the confidence sequence on the model fixed in advance. When it decides, the full analysis judges the run
as though it ended now; only if both say the same, twice running, may the run end: what is stored when it has ended is a
little more than what decided it, and must not be judged otherwise. If they disagree, the run goes on, and the full
analysis is asked again when the run has become a tenth longer, so that asking often is no second chance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis.regression import Floats
from harness.analysis.sequential import Bounds, Look, Question, look
from harness.assess import assess
from harness.judge.growing import GrowingRun
from harness.model import EndReason, EventName, Interval, Limits, Outcome
from harness.recorded import limits_of
from harness.rules.circumstances import growth_limits
from harness.units import S_PER_H

FIRST_PERIOD_S = 2.0
LONGEST_PERIOD_S = 30.0
_PERIOD_SHARE = 0.02
"""Of the run so far passes between two looks: more information needs more time."""
DUTY = 0.05
"""Share of one core's time that the looks may take."""
AGAIN = 1.1
NOT_BEGUN = "the load to begin"


@dataclass(frozen=True, slots=True)
class Finding:
    """One look as the harness hears of it; ``growth_bytes_per_h`` holds over all looks together."""

    t_s: float
    growth_bytes_per_h: Interval
    outcome: Outcome | None
    waits_for: str
    stop: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "t_s": round(self.t_s, 3),
            "growth_bytes_per_h": {
                name: value if value is None or name == "confidence" else float(round(value))
                for name, value in self.growth_bytes_per_h.to_json().items()
            },
            "outcome": None if self.outcome is None else self.outcome.value,
            "waits_for": self.waits_for,
            "stop": self.stop,
        }


class Bench:
    """Where one run is judged while it goes on."""

    def __init__(
        self,
        run_dir: Path,
        planned_s: float,
        rates_per_s: Mapping[str, float],
        full: Callable[[Path], Outcome] | None = None,
        *,
        drives: bool = False,
    ) -> None:
        """Raises RunFormatError where ``run_dir`` is no run.

        Args:
            run_dir: of the run.
            planned_s: its length.
            rates_per_s: planned queries of each kind over planned loaded time.
            full: the full analysis; replaced in tests.
            drives: whether a load is to come, before which nothing is said: memory that nobody uses stays as it is.
        """
        self._run = GrowingRun(run_dir)
        self._question = question_for(limits_of(self._run.manifest.config), planned_s, rates_per_s)
        self._full = full if full is not None else _as_if_ended
        self._drives = drives
        self._ask_again_s = 0.0
        self._agreed: Outcome | None = None
        self._settled_on: Outcome | None = None
        self._cost_s = 0.0

    def look(self) -> Finding:
        """Reads what is new and says where the run stands."""
        began_s = time.process_time()
        self._run.read()
        if self._drives and not any(event.event == EventName.PHASE_START for event in self._run.events):
            return Finding(float(self._run.t_s[-1]) if self._run.t_s.size else 0.0, Interval(), None, NOT_BEGUN, False)
        found = look(self._run.t_s, self._run.y, self._run.setting(), self._question)
        self._cost_s = time.process_time() - began_s
        stop, waits_for = self._settled(found)
        outcome = found.decision if stop else None
        growth = found.growth if tells(found.growth, found.t_s, self._run.y) else Interval()
        return Finding(found.t_s, growth.scaled(S_PER_H), outcome, waits_for, stop)

    def period_s(self) -> float:
        """Seconds until the next look is worth its cost."""
        so_far_s = float(self._run.t_s[-1]) if self._run.t_s.size else 0.0
        wanted_s = min(max(FIRST_PERIOD_S, _PERIOD_SHARE * so_far_s), LONGEST_PERIOD_S)
        return max(wanted_s, self._cost_s / DUTY)

    def _settled(self, found: Look) -> tuple[bool, str]:
        if found.decision is not self._settled_on:
            self._settled_on = None
        if found.decision is None:
            self._agreed = None
            return False, found.waits_for
        if found.t_s < self._ask_again_s:
            return self._standing(found)
        if self._full(self._run.path) is not found.decision:
            self._agreed = self._settled_on = None
            self._ask_again_s = AGAIN * found.t_s
            return self._standing(found)
        agreed, self._agreed = self._agreed, found.decision
        if agreed is found.decision:  # a run that goes on all the same need not be analysed at every look
            self._settled_on = found.decision
            self._ask_again_s = AGAIN * found.t_s
        return self._standing(found)

    def _standing(self, found: Look) -> tuple[bool, str]:
        assert found.decision is not None
        if self._settled_on is not None:
            return True, ""
        return False, found.waits_for or f"the full analysis to say {found.decision.value} as well"


def tells(growth: Interval, so_far_s: float, held_bytes: Floats) -> bool:
    """Whether ``growth`` per second is worth showing after ``so_far_s`` with ``held_bytes`` (n,) of memory held.

    One known no better than that all of it has come, or will have gone, within the time so far is not.
    """
    if growth.low is None or growth.high is None:
        return True
    return 0.5 * (growth.high - growth.low) * so_far_s <= float(np.nanmax(held_bytes))


def question_for(limits: Limits, planned_s: float, rates_per_s: Mapping[str, float]) -> Question:
    """What the limits ask of a run with this plan."""
    hour, query = growth_limits(limits)
    return Question(
        planned_s=planned_s,
        growth=None if hour is None else Bounds(hour[0] / S_PER_H, hour[1] / S_PER_H),
        per_query=None if query is None else Bounds(*query),
        max_memory=limits.max_memory_bytes,
        rates_per_s=dict(rates_per_s),
    )


def _as_if_ended(run_dir: Path) -> Outcome:
    return assess(run_dir, ended=EndReason.EARLY_STOP).verdict.outcome
