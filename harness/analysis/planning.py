"""How long a soak must be to see a given growth, and what a soak of a given length can see (study, section 3.4).

Noise sets one of the limits only: warm-up, collections and load cycles have to come round as well, and are often what
takes longest. Sizes are bytes, rates bytes per second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from harness.analysis.dictionary import DECAYING
from harness.analysis.facts import Facts
from harness.analysis.regression import fit, spacings

ALPHA = 0.005
"""Wrongly certain on one side in so many runs: half of what gates allow, for a soak that is too short is lost."""
POWER = 0.95
TIME_CONSTANTS = 10.0
COLLECTIONS = 9
"""One more than the verdict asks for: the first is cut by the warm-up."""
LEVELS = 30
CYCLES = 2
WARMUP_SHARE = 0.12
"""Of a run's length goes to its warm-up phase."""
_LONGEST_S = 365 * 86400.0


@dataclass(frozen=True, slots=True)
class Noise:
    """What one recorded run says about the next: ``long_run_variance`` ω² is in bytes² · s.

    ``correlation_s`` is the time over which neighbouring levels are alike. None = the run showed no such thing.
    """

    long_run_variance: float
    correlation_s: float
    warmup_tau_s: float | None = None
    collection_period_s: float | None = None
    cycle_s: float | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that a soak must be long enough for."""

    reason: str
    needs_s: float


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """``needs_s`` is the longest of ``requirements``, which come longest first; infinite where no length is enough."""

    needs_s: float
    requirements: tuple[Requirement, ...]


def noise_of(facts: Facts) -> Noise | None:
    """The noise of a judged series, None where too little was recorded to know it.

    What the fit leaves over is fitted with a line under every autocorrelation; its standard error and the length give
    the long-run variance through SE² = 12 ω² / T³ (study, section 2.1).
    """
    growth, levels = facts.growth, facts.levels
    if growth is None or levels is None:
        return None
    residual = levels.y - growth.fitted
    length_s = float(levels.t_s[-1] - levels.t_s[0])
    quantum = max(levels.quantum, 1.0)
    scale = max(float(np.max(np.abs(residual))), quantum)
    line = np.column_stack([np.ones(levels.count), (levels.t_s - levels.t_s[0]) / length_s - 0.5])
    mixture = fit(
        residual / scale, line, spacings(levels.t_s, levels.piece), noise_floor=quantum / scale / math.sqrt(12.0)
    )
    error = math.sqrt(float(mixture.covariance[1, 1])) * scale / length_s
    taus_s = [term.parameter_s for term in growth.terms if term.kind in DECAYING]
    spacing_s = length_s / max(levels.count - 1, 1)
    phi = min(mixture.phi, 0.995) if scale > quantum else 0.0  # a level that does not move is correlated with nothing
    return Noise(
        long_run_variance=error**2 * length_s**3 / 12.0,
        correlation_s=spacing_s * (1.0 + phi) / (1.0 - phi),
        warmup_tau_s=max(taus_s) if taus_s else None,
        collection_period_s=levels.sawtooth.period_s if levels.sawtooth is not None else None,
    )


def effect_size(standard_error: float) -> float:
    """The difference that a run with this standard error finds in ``POWER`` of cases."""
    return standard_error * float(ndtri(1.0 - ALPHA) + ndtri(POWER))


def slope_error(noise: Noise, length_s: float) -> float:
    """Standard error of growth per second after a soak of ``length_s``, its warm-up included."""
    used_s = (1.0 - WARMUP_SHARE) * length_s
    return math.sqrt(12.0 * noise.long_run_variance / used_s**3) * _inflation(noise, used_s)


def _inflation(noise: Noise, used_s: float) -> float:
    """What fitting a warm-up costs (study, section 0, finding 6), between the lengths that were computed there."""
    if noise.warmup_tau_s is None:
        return 1.0
    shares, factors = (0.0, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5), (1.0, 1.2, 1.4, 2.1, 4.8, 9.3, 24.0)
    return float(np.interp(noise.warmup_tau_s / used_s, shares, factors))


def needed_for(
    noise: Noise, difference: float, error: Callable[[float], float] | None = None, what: str = "the noise"
) -> SoakPlan:
    """How long a soak must be to tell a ``difference``.

    Args:
        noise: from a run of the same target.
        difference: the limit less the growth that is expected, in bytes a second, or in the unit of ``error``.
        error: standard error by length in seconds; growth per second without it.
        what: the figure, in words.
    """
    standard_error = error if error is not None else (lambda length_s: slope_error(noise, length_s))
    needs = [Requirement(f"{what} has to average out", _first_length(standard_error, difference))]
    needs.append(Requirement(f"{LEVELS} independent levels", LEVELS * noise.correlation_s / (1.0 - WARMUP_SHARE)))
    if noise.warmup_tau_s is not None:
        reason = f"{TIME_CONSTANTS:.0f} time constants of the warm-up"
        needs.append(Requirement(reason, TIME_CONSTANTS * noise.warmup_tau_s))
    if noise.collection_period_s is not None:
        reason = f"{COLLECTIONS} garbage collections"
        needs.append(Requirement(reason, COLLECTIONS * noise.collection_period_s / (1.0 - WARMUP_SHARE)))
    if noise.cycle_s is not None:
        needs.append(Requirement(f"{CYCLES} cycles of the load", CYCLES * noise.cycle_s / (1.0 - WARMUP_SHARE)))
    needs.sort(key=lambda requirement: -requirement.needs_s)
    return SoakPlan(needs[0].needs_s, tuple(needs))


def _first_length(error: Callable[[float], float], difference: float) -> float:
    """The shortest length at which ``difference`` is found, by bisection over its logarithm; infinite beyond a year."""
    if effect_size(error(_LONGEST_S)) > difference:
        return math.inf
    low, high = math.log(1.0), math.log(_LONGEST_S)
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        if effect_size(error(math.exp(middle))) > difference:
            low = middle
        else:
            high = middle
    return math.exp(high)
