"""Least squares under first-order autocorrelation: whitening, restricted likelihood, and an interval for a contrast.

The errors of memory levels are neither white nor a random walk, and a short run cannot tell how far between. So no
single autocorrelation is believed: every one on a grid is fitted, each is weighed by its restricted likelihood, and an
interval is a quantile of the mixture of the Student distributions. This replaces "the largest autocorrelation not
rejected" of the study (section 3.2 step 9), which widens too much in short runs; ``benchmarks/accuracy.py`` shows the
coverage of it. Numbers in, numbers out: nothing here knows what memory is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, stdtr, stdtrit

Floats = NDArray[np.float64]

PHI_GRID: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.75, 0.85, 0.9, 0.95, 0.98, 0.995)
"""Correlations between neighbouring levels; 0.995 is a random walk to a series of 240 levels."""

RANDOM_WALK = 0.05
"""Chance beforehand that levels wander without returning; fragmented heaps do."""
_RANK_TOLERANCE = 1e-9
_MOST_STEPS = 60
_CLOSE_ENOUGH = 1e-12
"""Of the widest scale: where a quantile is found."""


def spacings(t_s: Floats, segment: NDArray[np.int64]) -> Floats:
    """Distance of each level from the one before, in median spacings; infinite across segments. Shape (K - 1,)."""
    steps_s = np.diff(t_s)
    positive = steps_s[steps_s > 0]
    typical_s = float(np.median(positive)) if positive.size else 1.0
    gaps = np.maximum(steps_s, 1e-9 * typical_s) / typical_s
    return np.where(np.diff(segment) == 0, gaps, np.inf)


def whiten(matrix: Floats, gaps: Floats, phi: float) -> tuple[Floats, float]:
    """Rows made independent for an autocorrelation of ``phi`` a unit of ``gaps``, and the log determinant.

    Args:
        matrix: K rows.
        gaps: as from ``spacings``.
        phi: correlation at one unit of distance, in [0, 1).
    """
    if phi == 0.0:
        return matrix, 0.0
    rho = phi**gaps
    scale = np.sqrt(1.0 - rho * rho)
    out = np.array(matrix, dtype=np.float64)
    if matrix.ndim == 1:
        out[1:] = (matrix[1:] - rho * matrix[:-1]) / scale
    else:
        shape = (-1,) + (1,) * (matrix.ndim - 1)
        out[1:] = (matrix[1:] - rho.reshape(shape) * matrix[:-1]) / scale.reshape(shape)
    return out, 2.0 * float(np.sum(np.log(scale)))


@dataclass(frozen=True, slots=True)
class Known:
    """A coefficient measured by other means: its column, value and standard error."""

    column: int
    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Mixture:
    """Fits under several autocorrelations (and of several models), with their weights.

    ``coefficients`` is (m, p), ``covariances`` (m, p, p), ``weights`` (m,) and sums to one; ``freedoms`` (m,) are
    degrees of freedom.
    """

    phis: Floats
    weights: Floats
    coefficients: Floats
    covariances: Floats
    freedoms: Floats

    @property
    def freedom(self) -> float:
        """Degrees of freedom, averaged."""
        return float(self.weights @ self.freedoms)

    @property
    def mean(self) -> Floats:
        """Coefficients averaged over the fits, (p,)."""
        return np.asarray(self.weights @ self.coefficients)

    def unit_vector(self, index: int) -> Floats:
        """The contrast that is one coefficient by itself, (p,)."""
        vector = np.zeros(self.coefficients.shape[1])
        vector[index] = 1.0
        return vector

    @property
    def covariance(self) -> Floats:
        """Covariance of the mixture, (p, p)."""
        centred = self.coefficients - self.mean
        spread = np.einsum("m,mi,mj->ij", self.weights, centred, centred)
        return np.asarray(np.einsum("m,mij->ij", self.weights, self.covariances) + spread)

    @property
    def phi(self) -> float:
        """Autocorrelation of neighbouring levels, averaged."""
        return float(self.weights @ self.phis)

    def project(self, functionals: Floats) -> Mixture:
        """The mixture of ``functionals @ coefficients``, for (q, p) functionals."""
        return Mixture(
            self.phis,
            self.weights,
            self.coefficients @ functionals.T,
            np.einsum("qi,mij,rj->mqr", functionals, self.covariances, functionals),
            self.freedoms,
        )

    def interval(self, contrast: Floats, confidence: float = 0.95) -> tuple[float, float, float]:
        """Estimate, low and high of ``contrast @ coefficients``."""
        centres, scales = self._spread(contrast)
        estimate = float(self.weights @ centres)
        tail = (1.0 - confidence) / 2.0
        low = _mixture_quantile(centres, scales, self.weights, self.freedoms, tail)
        high = _mixture_quantile(centres, scales, self.weights, self.freedoms, 1.0 - tail)
        return estimate, min(low, estimate), max(high, estimate)

    def chance_below(self, contrast: Floats, value: float) -> float:
        """Probability that ``contrast @ coefficients`` is at most ``value``: a one-sided p-value against growth."""
        centres, scales = self._spread(contrast)
        return float(self.weights @ stdtr(self.freedoms, (value - centres) / np.maximum(scales, 1e-150)))

    def _spread(self, contrast: Floats) -> tuple[Floats, Floats]:
        variances = np.einsum("i,mij,j->m", contrast, self.covariances, contrast)
        return self.coefficients @ contrast, np.sqrt(np.maximum(variances, 0.0))


def combine(mixtures: list[Mixture], weights: list[float]) -> Mixture:
    """One mixture of several over the same coefficients; ``weights`` are relative."""
    shares = np.array(weights) / np.sum(weights)
    return Mixture(
        np.concatenate([m.phis for m in mixtures]),
        np.concatenate([share * m.weights for share, m in zip(shares, mixtures, strict=True)]),
        np.concatenate([m.coefficients for m in mixtures]),
        np.concatenate([m.covariances for m in mixtures]),
        np.concatenate([m.freedoms for m in mixtures]),
    )


def _mixture_quantile(centres: Floats, scales: Floats, weights: Floats, freedoms: Floats, probability: float) -> float:
    """Quantile of a weighted mixture of Student distributions: Newton's method, kept inside a shrinking bracket."""
    widest = float(np.max(scales))
    low, high = float(np.min(centres)), float(np.max(centres))
    if widest <= 0.0:
        return 0.5 * (low + high)
    reach = 40.0 * widest * (1.0 + 20.0 / float(np.min(freedoms)))
    low, high = low - reach, high + reach
    safe = np.maximum(scales, 1e-12 * widest)
    peaks = weights / safe * np.exp(gammaln(0.5 * (freedoms + 1.0)) - gammaln(0.5 * freedoms))
    peaks /= np.sqrt(np.pi * freedoms)
    point = min(max(float(weights @ (centres + safe * stdtrit(freedoms, probability))), low), high)
    for _ in range(_MOST_STEPS):
        places = (point - centres) / safe
        excess = float(weights @ stdtr(freedoms, places)) - probability
        low, high = (low, point) if excess > 0.0 else (point, high)
        density = float(peaks @ (1.0 + places**2 / freedoms) ** (-0.5 * (freedoms + 1.0)))
        inside = abs(excess) < density * (high - low)
        newton = point - excess / density if inside else low
        before, point = point, newton if low < newton < high else 0.5 * (low + high)
        if abs(point - before) <= _CLOSE_ENOUGH * widest:
            break
    return point


def fit(
    y: Floats,
    design: Floats,
    gaps: Floats,
    *,
    noise_floor: float = 0.0,
    spent: float = 0.0,
    known: Known | None = None,
    phis: tuple[float, ...] = PHI_GRID,
) -> Mixture:
    """``y`` on the columns of ``design`` under every autocorrelation of ``phis``.

    Args:
        y: K levels, scaled to the order of one.
        design: (K, p), columns scaled to the order of one; columns without a direction of their own get a coefficient
            of zero and no share of the variance, so a caller asks only for contrasts that the design supports.
        gaps: as from ``spacings``.
        noise_floor: standard deviation below which the noise is not believed (quantisation).
        spent: degrees of freedom that the search for the model has used beyond the columns.
        known: a coefficient that was measured independently; it may be one that the levels alone do not show.
        phis: autocorrelations to weigh.
    """
    count, columns = design.shape
    freedom = max(count - columns - spent, 1.0)
    logs = np.empty(len(phis))
    coefficients = np.empty((len(phis), columns))
    covariances = np.empty((len(phis), columns, columns))
    for i, phi in enumerate(phis):
        white_y, log_det = whiten(y, gaps, phi)
        white_x, _ = whiten(design, gaps, phi)
        left, singular, right = np.linalg.svd(white_x, full_matrices=False)
        keep = singular > _RANK_TOLERANCE * max(float(singular[0]), 1e-300)
        inverse = np.where(keep, 1.0 / np.where(keep, singular, 1.0), 0.0)
        projected = left.T @ white_y
        coefficients[i] = right.T @ (inverse * projected)
        residual = white_y - left @ np.where(keep, projected, 0.0)
        variance = max(float(residual @ residual) / freedom, noise_floor * noise_floor, 1e-300)
        covariances[i] = variance * (right.T * inverse**2) @ right
        if known is not None:
            coefficients[i], covariances[i] = _with_known(white_y, white_x, variance, known)
        log_information = 2.0 * float(np.sum(np.log(np.where(keep, singular, 1.0))))
        logs[i] = -0.5 * (freedom * np.log(variance) + log_det + log_information)
    grid = np.array(phis)
    weights = np.exp(logs - np.max(logs)) * _prior(grid)
    return Mixture(grid, weights / np.sum(weights), coefficients, covariances, np.full(grid.size, freedom))


def _with_known(white_y: Floats, white_x: Floats, variance: float, known: Known) -> tuple[Floats, Floats]:
    """Coefficients and covariance with the measurement as one more row, of the weight that its error gives it."""
    weight = float(np.sqrt(variance)) / known.error
    row = np.zeros(white_x.shape[1])
    row[known.column] = weight
    left, singular, right = np.linalg.svd(np.vstack([white_x, row]), full_matrices=False)
    keep = singular > _RANK_TOLERANCE * max(float(singular[0]), 1e-300)
    inverse = np.where(keep, 1.0 / np.where(keep, singular, 1.0), 0.0)
    coefficients = right.T @ (inverse * (left.T @ np.append(white_y, weight * known.value)))
    return coefficients, variance * (right.T * inverse**2) @ right


def _prior(phis: Floats) -> Floats:
    """Weight of each autocorrelation of the grid beforehand: every one alike, and a random walk possible."""
    if phis.size == 1:
        return np.ones(1)
    edges = np.concatenate([[phis[0]], 0.5 * (phis[1:] + phis[:-1]), [1.0]])
    return np.asarray(np.diff(edges) + RANDOM_WALK * (phis == phis[-1]))
