"""Least squares under autocorrelation, beside a dense oracle that nobody would run on real data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student  # noqa: TID251 - the oracle

from harness.analysis.regression import Floats, Known, Mixture, combine, fit, spacings, whiten


def _covariance(t_s: Floats, phi: float) -> Floats:
    typical = float(np.median(np.diff(t_s)))
    return phi ** (np.abs(t_s[:, None] - t_s[None, :]) / typical)


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.9])
def test_fit_agrees_with_generalised_least_squares_written_out(phi: float) -> None:
    """Whitening gives what the inverse of the whole covariance matrix gives, at uneven distances too."""
    rng = np.random.default_rng(1)
    t_s = np.cumsum(rng.uniform(0.5, 2.0, 40))
    design = np.column_stack([np.ones(40), t_s / 40.0, np.sin(t_s)])
    y = design @ np.array([1.0, 2.0, 3.0]) + rng.normal(size=40)
    inverse = np.linalg.inv(_covariance(t_s, phi) if phi else np.eye(40))
    expected_covariance = np.linalg.inv(design.T @ inverse @ design)
    expected = expected_covariance @ design.T @ inverse @ y
    residual = y - design @ expected
    variance = residual @ inverse @ residual / 37

    mixture = fit(y, design, spacings(t_s, np.zeros(40, dtype=np.int64)), phis=(phi,))

    assert mixture.mean == pytest.approx(expected)
    assert mixture.covariance == pytest.approx(expected_covariance * variance)


def test_whitening_makes_an_autoregression_white() -> None:
    """Neighbours of a whitened first-order autoregression are uncorrelated, and its variance is one."""
    rng = np.random.default_rng(2)
    y = np.empty(20_000)
    y[0] = rng.normal()
    for i in range(1, y.size):
        y[i] = 0.8 * y[i - 1] + 0.6 * rng.normal()

    white, _ = whiten(y, np.ones(y.size - 1), 0.8)

    assert np.corrcoef(white[1:], white[:-1])[0, 1] == pytest.approx(0.0, abs=0.03)
    assert np.var(white) == pytest.approx(1.0, abs=0.05)


def test_a_piece_owes_nothing_to_the_one_before() -> None:
    """Across a restart the distance is infinite, so the first level of a piece is not predicted."""
    gaps = spacings(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0, 0, 1, 1]))

    assert gaps.tolist() == [1.0, np.inf, 1.0]
    assert whiten(np.array([1.0, 1.0, 5.0, 5.0]), gaps, 0.5)[0][2] == 5.0


def test_one_component_has_the_interval_of_student() -> None:
    """A mixture of one fit is the textbook interval."""
    mixture = Mixture(np.zeros(1), np.ones(1), np.array([[2.0]]), np.array([[[9.0]]]), np.array([7.0]))

    estimate, low, high = mixture.interval(np.array([1.0]))

    half = 3.0 * float(student.ppf(0.975, 7))
    assert (estimate, low, high) == pytest.approx((2.0, 2.0 - half, 2.0 + half))
    assert mixture.chance_below(np.array([1.0]), 2.0) == pytest.approx(0.5)


def _quantile_by_bisection(mixture: Mixture, probability: float) -> float:
    """Of the first coefficient, slowly."""
    centres, scales = mixture.coefficients[:, 0], np.sqrt(mixture.covariances[:, 0, 0])
    low, high = -1e9, 1e9
    for _ in range(120):
        middle = 0.5 * (low + high)
        below = mixture.weights @ student.cdf((middle - centres) / scales, mixture.freedoms)
        low, high = (middle, high) if below < probability else (low, middle)
    return low


@pytest.mark.parametrize("seed", range(40))
def test_quantiles_agree_with_bisection(seed: int) -> None:
    """Far apart, of very different widths, of one degree of freedom or many: where Newton's method alone would leave
    for good."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 30))
    scales = np.abs(rng.normal(size=count)) * 10.0 ** rng.uniform(-4, 0, size=count)
    mixture = Mixture(
        np.zeros(count),
        rng.dirichlet(np.full(count, 10.0 ** rng.uniform(-1, 1))),
        rng.normal(size=(count, 1)) * 10.0 ** rng.uniform(-3, 2),
        (scales**2).reshape(count, 1, 1),
        rng.choice([1.0, 1.5, 3.0, 10.0, 200.0], size=count),
    )

    _, low, high = mixture.interval(np.array([1.0]), confidence=0.98)

    expected = [_quantile_by_bisection(mixture, probability) for probability in (0.01, 0.99)]
    estimate = float(mixture.mean[0])
    assert low == pytest.approx(min(expected[0], estimate), abs=1e-7 * float(np.max(scales)))
    assert high == pytest.approx(max(expected[1], estimate), abs=1e-7 * float(np.max(scales)))


def test_a_mixture_is_as_wide_as_its_doubts() -> None:
    """Two fits that disagree give an interval that holds both."""
    ones = np.ones((1, 1, 1))
    parts = [Mixture(np.zeros(1), np.ones(1), np.array([[m]]), ones, np.array([50.0])) for m in (0.0, 10.0)]

    _, low, high = combine(parts, [1.0, 1.0]).interval(np.array([1.0]))

    assert low < 0.0
    assert high > 10.0


def test_what_the_levels_do_not_show_may_be_known() -> None:
    """Of two equal columns, one measured by other means leaves the rest to the other."""
    rng = np.random.default_rng(3)
    column = np.linspace(0.0, 1.0, 50)
    y = 5.0 * column + 1e-3 * rng.normal(size=50)

    mixture = fit(y, np.column_stack([column, column]), np.ones(49), known=Known(0, 2.0, 0.1))

    assert mixture.mean == pytest.approx([2.0, 3.0], abs=0.01)
    assert np.sqrt(np.diag(mixture.covariance)) == pytest.approx([0.1, 0.1], rel=0.1)


def test_an_unseen_direction_takes_no_variance() -> None:
    """Two equal columns share their coefficient instead of dividing by zero."""
    column = np.linspace(0.0, 1.0, 20)
    y = 2.0 * column

    mixture = fit(y, np.column_stack([column, column]), np.ones(19))

    assert mixture.mean.sum() == pytest.approx(2.0)
