"""The one word for what a curve looks like, read off the terms that its fit needed; growth is named first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.dictionary import CONVEX, DECAYING, STEPS, Term, TermKind
from harness.analysis.growth import Growth
from harness.analysis.levels import Levels
from harness.model import Shape

STAIRCASE_STEPS = 3
"""So many steps up, and no use that explains them, are a staircase (study, section 5, point 4)."""
_USAGE_SHARE = 0.7
_TOUCHING_SHARE = 0.03
"""Steps that are no further apart than this share of the run draw one rise between them."""


@dataclass(frozen=True, slots=True)
class Form:
    """A shape, with the figures that belong to it; None where they do not apply. Levels are in the series' unit."""

    shape: Shape
    plateau_level: float | None = None
    time_constant_s: float | None = None
    onset_s: float | None = None
    steps_up: int = 0


def name_shape(levels: Levels, growth: Growth | None, material: float) -> Form:
    """The shape of a fitted series.

    Args:
        levels: what was fitted.
        growth: its fit; without one the shape is unknown.
        material: growth per second that is worth a word; less is noise to the reader even where it is certain.
    """
    if growth is None:
        return Form(Shape.UNKNOWN)
    by_kind = {kind: [term for term in growth.terms if term.kind is kind] for kind in TermKind}
    ups = steps_up(levels, growth)
    decaying = [term for term in growth.terms if term.kind in DECAYING]
    if _grows(growth, material):
        return replace(_growing(growth, by_kind), steps_up=len(ups))
    if len(ups) >= STAIRCASE_STEPS:
        return Form(Shape.STAIRCASE, steps_up=len(ups))
    if decaying:
        slowest = max(decaying, key=lambda term: term.parameter_s)
        level = float(np.mean(growth.fitted[-max(levels.count // 10, 1) :]))
        return Form(Shape.PLATEAU, level, slowest.parameter_s)
    if any(by_kind[kind] for kind in STEPS):
        return Form(Shape.STEP, steps_up=len(ups))
    if levels.sawtooth is not None:
        return Form(Shape.SAWTOOTH)
    return Form(Shape.STABLE)


def _grows(growth: Growth, material: float) -> bool:
    low, estimate = growth.lasting.low, growth.lasting.estimate
    return low is not None and estimate is not None and low > 0.0 and estimate > material


def _growing(growth: Growth, by_kind: dict[TermKind, list[Term]]) -> Form:
    hinges = by_kind[TermKind.HINGE]
    if any(by_kind[kind] for kind in CONVEX) and growth.time.estimate is not None and growth.time.estimate > 0.0:
        return Form(Shape.ACCELERATING)
    total = growth.lasting.estimate or 0.0
    usage = total - (growth.time.estimate or 0.0)
    if any(part.reason is None for part in growth.parts) and usage >= _USAGE_SHARE * total:
        return Form(Shape.STAIRCASE)
    onset_s = min((term.parameter_s for term in hinges), default=None)
    if len(hinges) >= 2:
        return Form(Shape.ACCELERATING, onset_s=onset_s)
    return Form(Shape.LINEAR, onset_s=onset_s)


def steps_up(levels: Levels, growth: Growth) -> list[float]:
    """Heights of the upward steps in the fit, by the levels on either side of each; what touches is one step."""
    length_s = float(np.ptp(levels.t_s))
    heights = []
    for begin_s, end_s in _stretches(growth.terms, _TOUCHING_SHARE * length_s):
        before, after = levels.t_s <= begin_s, levels.t_s > end_s
        near = 5
        height = float(np.median(levels.y[after][:near]) - np.median(levels.y[before][-near:]))
        if height > 0.0:
            heights.append(height)
    return heights


def _stretches(terms: tuple[Term, ...], near_s: float) -> list[tuple[float, float]]:
    """From where to where steps and ramps change the level, those that are no more than ``near_s`` apart as one."""
    spans = sorted((t.parameter_s, t.parameter_s + t.width_s) for t in terms if t.kind in STEPS)
    out: list[tuple[float, float]] = []
    for begin_s, end_s in spans:
        if out and begin_s - out[-1][1] <= near_s:
            out[-1] = (out[-1][0], max(end_s, out[-1][1]))
        else:
            out.append((begin_s, end_s))
    return out
