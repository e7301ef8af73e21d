"""The shapes that memory takes without leaking, as columns of a regression: steps, warm-up, cycles, late onsets.

Section 3.2 step 7 of the study. A term knows its column at any time, so the same object serves the fit, the slope at
the end of the run, and the drawn curve. Which terms a run needs is ``selection``'s business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from harness.analysis.regression import Floats


class TermKind(StrEnum):
    """Families of nuisance."""

    STEP = "step"
    RAMP = "ramp"
    EXP = "exp"
    POWER = "power"
    LOG = "log"
    HINGE = "hinge"
    QUADRATIC = "quadratic"
    COMPOUND = "compound"
    CYCLE = "cycle"
    SQUARE = "square"
    LOAD = "load"


PARAMETERS: dict[TermKind, tuple[float, float]] = {
    TermKind.STEP: (3.0, 3.0),
    TermKind.RAMP: (4.0, 4.0),
    TermKind.EXP: (0.6, 2.5),
    TermKind.POWER: (2.0, 2.5),
    TermKind.LOG: (2.0, 2.5),
    TermKind.HINGE: (2.0, 2.0),
    TermKind.QUADRATIC: (1.5, 2.0),
    TermKind.COMPOUND: (2.0, 3.0),
    TermKind.CYCLE: (3.0, 3.0),
    TermKind.SQUARE: (3.0, 3.0),
    TermKind.LOAD: (1.0, 1.0),
}
"""What a term costs in the criterion where it rises and where it falls, in parameters: its coefficients, and up to
one for a place or a time constant that was searched for. Nearly every process warms up, so a rise that dies out is
cheap; memory that falls at the start, or growth that slows down by itself, is not expected."""

_QUICK_SHARE = 0.12
"""A warm-up with a time constant under this share of its piece is over before the end, and cheap; a slower one bends
the end."""


def quick(term: Term) -> bool:
    """Whether ``term`` is a warm-up that is over long before the end."""
    begun_s = term.starts_s[-1] if term.starts_s else term.start_s
    return term.kind is TermKind.EXP and term.parameter_s <= _QUICK_SHARE * (term.end_s - begun_s)


def cost(term: Term) -> tuple[float, float]:
    """What ``term`` costs, rising and falling."""
    rising, falling = PARAMETERS[term.kind]
    if term.kind is TermKind.EXP and not quick(term):
        rising = PARAMETERS[TermKind.POWER][0]
    return rising, falling


_FINE_UP_TO = 8.0
"""Periods a run up to which an eighth of one is told from none: half of that leaves a fifth of a cycle at either
end."""
DECAYING = frozenset({TermKind.EXP, TermKind.POWER, TermKind.LOG})
STEPS = frozenset({TermKind.STEP, TermKind.RAMP})
CONVEX = frozenset({TermKind.QUADRATIC, TermKind.COMPOUND})
SMOOTH = DECAYING | CONVEX | {TermKind.HINGE}
"""Terms whose own slope at the end of the run is growth."""


RAMP_SHARES, RAMP_PLACES, SHORTEST_REST = (0.03, 0.06, 0.1, 0.16, 0.25, 0.4), 0.025, 0.15
"""A step that takes so much of the run, begins at a multiple of so much, and leaves at least so much of rest after it.
A wider one is two hinges."""
FOLDINGS = (3.0, 6.0, 12.0)
"""How often growth that feeds itself multiplies by e within the run."""


@dataclass(frozen=True, slots=True)
class Term:
    """One nuisance column (two for a cycle).

    ``parameter_s`` is the place of a step or hinge, where a ramp begins (it takes ``width_s``), the time constant of a
    warm-up or of compound growth, the period of a cycle or a square wave; ``start_s`` and ``end_s`` bound the segment
    that it lives in; ``phase`` is the share of its period by which a square wave is ahead, ``duty`` that for which it
    is up; a warm-up begins anew at each of ``starts_s``.
    """

    kind: TermKind
    parameter_s: float
    start_s: float
    end_s: float
    phase: float = 0.0
    duty: float = 0.5
    width_s: float = 0.0
    starts_s: tuple[float, ...] = ()

    def evaluate(self, t_s: Floats) -> Floats:
        """The column at ``t_s``, of the order of one, zero outside the segment; (n,), or (n, 2) for a cycle."""
        inside = (t_s >= self.start_s) & (t_s <= self.end_s)
        length_s = self._length_s
        match self.kind:
            case TermKind.STEP:
                return np.where(inside & (t_s > self.parameter_s), 1.0, 0.0)
            case TermKind.RAMP:
                return np.where(inside, np.clip((t_s - self.parameter_s) / self.width_s, 0.0, 1.0), 0.0)
            case TermKind.EXP:
                return np.where(inside, -np.exp(-self._age_s(t_s) / self.parameter_s), 0.0)
            case TermKind.POWER:
                return np.where(inside, -((1.0 + self._age_s(t_s) / self.parameter_s) ** -1.5), 0.0)
            case TermKind.LOG:
                full = np.log1p(length_s / self.parameter_s)
                return np.where(inside, np.log1p(self._age_s(t_s) / self.parameter_s) / full, 0.0)
            case TermKind.HINGE:
                return np.where(inside, np.maximum(t_s - self.parameter_s, 0.0) / length_s, 0.0)
            case TermKind.QUADRATIC:
                return np.where(inside, (self._age_s(t_s) / length_s) ** 2, 0.0)
            case TermKind.COMPOUND:
                full = np.expm1(length_s / self.parameter_s)
                return np.where(inside, np.expm1(self._age_s(t_s) / self.parameter_s) / full, 0.0)
            case TermKind.CYCLE:
                angle = 2.0 * np.pi * (t_s - self.start_s) / self.parameter_s
                return np.column_stack([np.sin(angle), np.cos(angle)])
            case TermKind.SQUARE:
                turns = (t_s - self.start_s) / self.parameter_s + self.phase
                return np.where(turns % 1.0 < self.duty, 1.0 - self.duty, -self.duty)
            case TermKind.LOAD:
                raise ValueError("a load term is a column of the load, not a function of time")

    @property
    def _length_s(self) -> float:
        return max(self.end_s - self.start_s, 1e-9)

    def _age_s(self, t_s: Floats) -> Floats:
        """Time since the segment began, or the latest of the starts; within the segment's length."""
        begun_s: Floats | float = self.start_s
        if self.starts_s:
            starts_s = np.array(self.starts_s)
            begun_s = starts_s[np.clip(np.searchsorted(starts_s, t_s, side="right") - 1, 0, None)]
        return np.clip(t_s - begun_s, 0.0, self._length_s)

    def tangent(self, t_s: Floats) -> Floats:
        """Change of the column with the logarithm of its time constant, (n,): what not knowing the constant costs.

        A hinge's constant is the time from the start of its segment to its place.
        """
        step = 0.05
        origin_s = self.start_s if self.kind is TermKind.HINGE else 0.0
        constant_s = self.parameter_s - origin_s
        above, below = (
            replace(self, parameter_s=origin_s + constant_s * np.exp(sign * step)).evaluate(t_s) for sign in (1.0, -1.0)
        )
        return (above - below) / (2.0 * step)


def candidates(t_s: Floats, bounds: list[tuple[float, float]], *, steps: bool = True) -> list[Term]:
    """Every term that K ascending levels ``t_s`` in the segments ``bounds`` may need, LOAD terms apart."""
    start_s, end_s = float(t_s[0]), float(t_s[-1])
    length_s = max(end_s - start_s, 1e-9)
    spacing_s = length_s / max(t_s.size - 1, 1)
    terms: list[Term] = []
    if steps:
        middles = 0.5 * (t_s[1:] + t_s[:-1])
        terms += [Term(TermKind.STEP, float(at), start_s, end_s) for at in middles[2:-2]]
        terms += [
            Term(TermKind.RAMP, start_s + begin * length_s, start_s, end_s, width_s=share * length_s)
            for share in RAMP_SHARES
            for begin in np.arange(RAMP_PLACES, 1.0 - SHORTEST_REST - share, RAMP_PLACES).tolist()
            if share * length_s > 2.0 * spacing_s
        ]
    for low_s, high_s in bounds:
        span_s = high_s - low_s
        if span_s < 0.25 * length_s:
            continue
        taus_s = np.geomspace(max(1.5 * spacing_s, span_s / 80.0), 0.3 * span_s, 12)
        terms += [Term(TermKind.EXP, float(tau), low_s, high_s) for tau in taus_s]
        tails_s = np.geomspace(max(spacing_s, span_s / 60.0), 0.3 * span_s, 6)
        terms += [Term(kind, float(tau), low_s, high_s) for kind in (TermKind.POWER, TermKind.LOG) for tau in tails_s]
    shortest_s = min(high_s - low_s for low_s, high_s in bounds)
    if len(bounds) > 1 and shortest_s > 0.0:  # a start that lived for one level shows nothing of how all starts begin
        taus_s = np.geomspace(max(1.5 * spacing_s, shortest_s / 80.0), 0.3 * shortest_s, 12)
        starts_s = tuple(low_s for low_s, _ in bounds)
        terms += [Term(TermKind.EXP, float(tau), start_s, end_s, starts_s=starts_s) for tau in taus_s]
    terms += [
        Term(TermKind.HINGE, start_s + share * length_s, start_s, end_s)
        for share in np.arange(0.1, 0.81, 0.05).tolist()
    ]
    terms.append(Term(TermKind.QUADRATIC, length_s, start_s, end_s))
    terms += [Term(TermKind.COMPOUND, length_s / foldings, start_s, end_s) for foldings in FOLDINGS]
    fastest = min(20.0, t_s.size / 8.0)
    slow = np.arange(1.5, min(fastest, _FINE_UP_TO), 0.125)
    periods = np.concatenate([slow, np.arange(_FINE_UP_TO, fastest, 0.25)])
    terms += [Term(TermKind.CYCLE, length_s / float(n), start_s, end_s) for n in periods]
    return terms
