"""An interval for one coefficient when others cannot be negative.

A kind's count rises with time and with the other counts, so its own interval is wide where the sum of all is well
known. Memory that time or another kind would have to give back for good is not believed, unless the data say so on
their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.analysis.regression import Floats

MOST_OTHERS = 6
_REACHES = (1.0, 1.249, 1.426, 1.571, 1.698, 1.810, 1.913)
"""Where others are truly zero, as most mostly are, the likelihood ratio has up to one degree of freedom more for
each: the square roots of the 95 % points of chi-squared with 1, 2, 3 … degrees, over that with 1."""
_NEAR_ZERO = 1.5
"""An other within so many standard errors of zero may be zero."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class _Face:
    """Distribution of the coefficients given that some of them are zero, and how far the data are from that."""

    point: Floats
    covariance: Floats
    distance: float
    free: list[int]


def bounded_interval(
    theta: Floats, covariance: Floats, half: float, contradicts: float | None = None
) -> tuple[float, float, float] | None:
    """Estimate, low and high of ``theta[0]`` when all others are at least zero; None where the data contradict that.

    Profile likelihood: the values whose best fit within the orthant is as near to the best of all as ``half`` allows.
    The extreme of a linear form over an ellipsoid and an orthant lies inside one face of the orthant, so every set of
    zeros is tried in closed form and the extreme of those that keep to the orthant is the answer.

    Args:
        theta: (q,), the coefficient in question first.
        covariance: (q, q)
        half: half-width of the interval without the constraint.
        contradicts: half-width of the interval by which the data may contradict the constraint, ``half`` without it:
            one for all the confidences that are asked for, or they would not agree on the estimate.
    """
    others = theta.size - 1
    if not 0 < others <= MOST_OTHERS:
        return None
    errors = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    near_zero = int(np.count_nonzero(theta[1:] < _NEAR_ZERO * errors[1:]))
    reach = reach_factor(near_zero) * half / float(errors[0])
    faces = [_face(theta, covariance, zeros) for zeros in _subsets(others)]
    feasible = [face for face in faces if np.all(face.point[face.free] >= 0.0)]
    if not feasible:
        return None
    nearest = min(feasible, key=lambda face: face.distance)
    if nearest.distance > reach**2 * (1.0 if contradicts is None else contradicts / half) ** 2:
        return None
    estimate = low = high = float(nearest.point[0])
    for face in faces:
        spare = reach**2 - (face.distance - nearest.distance)
        if spare < 0.0:
            continue
        variance = float(face.covariance[0, 0])
        fixed = variance <= 1e-12 * covariance[0, 0]  # the others decide it: a sum whose parts are all zero
        direction = 0.0 * face.point if fixed else face.covariance[0] / np.sqrt(variance) * np.sqrt(spare)
        if np.all((face.point + direction)[face.free] >= 0.0):
            high = max(high, float((face.point + direction)[0]))
        if np.all((face.point - direction)[face.free] >= 0.0):
            low = min(low, float((face.point - direction)[0]))
    return estimate, low - _ROUNDING * half, high + _ROUNDING * half


def reach_factor(near_zero: int) -> float:
    """How much further a bound must reach when so many others may be zero."""
    return _REACHES[near_zero]


def _subsets(count: int) -> list[list[int]]:
    """All sets of the numbers 1 to ``count``."""
    return [list(chosen) for size in range(count + 1) for chosen in combinations(range(1, count + 1), size)]


def _face(theta: Floats, covariance: Floats, zeros: list[int]) -> _Face:
    free = [i for i in range(1, theta.size) if i not in zeros]
    if not zeros:
        return _Face(theta, covariance, 0.0, free)
    inverse = np.linalg.pinv(covariance[np.ix_(zeros, zeros)])
    gain = covariance[:, zeros] @ inverse
    distance = float(theta[zeros] @ inverse @ theta[zeros])
    return _Face(theta - gain @ theta[zeros], covariance - gain @ covariance[zeros, :], distance, free)
