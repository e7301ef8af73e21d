"""One series from samples to facts: pieces, levels, growth, shape. The same call serves a verdict, a benchmark and a
live view."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.analysis import levels as reduction
from harness.analysis.growth import Growth, estimate_growth
from harness.analysis.levels import FEWEST_QUIET, USUAL_QUIET, Levels
from harness.analysis.regression import Floats
from harness.analysis.segments import Phase, pieces, quiet_spans, settled
from harness.analysis.shape import Form, name_shape
from harness.analysis.usage import Load, Plan, read_plan, truly_quiet
from harness.model import Shape

_SHORTEST_QUIET = 0.25
"""Of the usual length; a span that has only just begun does not hold a level yet."""
_LEVELS_A_PHASE = 4
_MOST = 1e150
"""No memory has so many bytes, and their squares must still be numbers."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What happened around a series: restarts and perturbations, phases, load, and what is worth a word.

    ``material`` is growth per second below which a shape is not called growing; ``quantum`` the counter's own step.
    """

    cuts_s: tuple[float, ...] = ()
    phases: tuple[Phase, ...] = ()
    load: Load | None = None
    material: float = 0.0
    quantum: float = 0.0

    @property
    def warmup_end_s(self) -> float | None:
        return max((phase.end_s for phase in self.phases if phase.warmup), default=None)

    @property
    def settled_from_s(self) -> float | None:
        """Where the warm-up phase is over: with its drain, and with what precedes the first phase that counts."""
        warm_s = self.warmup_end_s
        if warm_s is None:
            return None
        return min((phase.start_s for phase in self.phases if phase.loaded and phase.start_s >= warm_s), default=warm_s)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one series; ``levels`` is None where no sample could be used, ``growth`` where too few could."""

    samples: int
    start_s: float
    end_s: float
    peak: float
    levels: Levels | None
    growth: Growth | None
    form: Form
    plan: Plan | None

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def analyse(t_s: Floats, y: Floats, setting: Setting, resolution_s: float = 0.0) -> Facts:
    """Facts of n samples ascending in time; NaN marks a reading that failed.

    ``resolution_s`` is the span that one point stands for where samples were reduced before (``stream``).
    """
    good = np.isfinite(y)
    t_s, y = t_s[good], np.clip(y[good], -_MOST, _MOST)
    if t_s.size == 0:
        return Facts(0, 0.0, 0.0, 0.0, None, None, Form(Shape.UNKNOWN), None)
    piece = pieces(t_s, list(setting.cuts_s))
    keep = settled(t_s, piece, setting.settled_from_s)
    count = int(piece.max()) + 1
    start_s, end_s = float(t_s[keep][0]), float(t_s[keep][-1])
    wanted = max(reduction.USUAL_LEVELS, _LEVELS_A_PHASE * len(setting.phases))
    quiet = _quiet(setting, start_s, 3.0 * resolution_s)
    levels = reduction.reduce(t_s[keep], y[keep], piece[keep], wanted, quiet)
    levels = replace(levels, whole_s={k: _first_and_last(t_s[piece == k]) for k in range(count)})
    plan = read_plan(setting.load, setting.phases, start_s, end_s) if setting.load is not None else None
    growth = estimate_growth(levels, setting.load, plan, setting.quantum)
    form = name_shape(levels, growth, setting.material)
    return Facts(int(t_s.size), start_s, end_s, float(np.max(y)), levels, growth, form, plan)


def _first_and_last(t_s: Floats) -> tuple[float, float]:
    return float(t_s[0]), float(t_s[-1])


def _quiet(setting: Setting, start_s: float, shortest_s: float) -> list[tuple[float, float]]:
    """The quiet spans after ``start_s``, where there are enough of them to be the levels."""
    quiet = [span for span in quiet_spans(setting.phases, shortest_s) if span[0] >= start_s]
    if setting.load is not None:
        quiet = truly_quiet(setting.load, quiet)
    if not quiet:
        return quiet
    # Not the median: where idle time follows every second drain, half of the spans are many times as long.
    usual_s = float(np.quantile([high - low for low, high in quiet], USUAL_QUIET))
    quiet = [(low, high) for low, high in quiet if high - low >= _SHORTEST_QUIET * usual_s]
    return quiet if len(quiet) >= FEWEST_QUIET else []
