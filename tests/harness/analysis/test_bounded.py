"""Bounds of one coefficient when others cannot be negative, beside a search on a grid."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.bounded import bounded_interval, reach_factor
from harness.analysis.regression import Floats


def _by_search(theta: Floats, covariance: Floats, half: float) -> tuple[float, float]:
    reach = (half / np.sqrt(covariance[0, 0])) ** 2
    axes = np.meshgrid(np.linspace(-6, 6, 161), np.linspace(0, 6, 81), np.linspace(0, 6, 81), indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1)
    centred = points - theta
    distance = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
    inside = points[distance - distance.min() <= reach, 0]
    return float(inside.min()), float(inside.max())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bounds_agree_with_a_search(seed: int) -> None:
    """The closed form over the faces finds what trying every point of a fine grid finds."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(3, 3))
    covariance = root @ root.T / 6.0 + 0.1 * np.eye(3)
    theta = np.array([0.5, *rng.normal(0.3, 0.5, 2)])
    half = 1.96 * float(np.sqrt(covariance[0, 0]))
    near_zero = int(np.count_nonzero(theta[1:] < 1.5 * np.sqrt(np.diag(covariance)[1:])))
    expected = _by_search(theta, covariance, reach_factor(near_zero) * half)

    bounded = bounded_interval(theta, covariance, half)

    assert bounded is not None
    assert bounded[1:] == pytest.approx(expected, abs=0.2)


def test_a_known_sum_bounds_its_parts() -> None:
    """Two coefficients known only by their sum of 1: neither can be far above 1 when the other cannot be negative."""
    covariance = np.array([[100.0, -99.9], [-99.9, 100.0]])

    bounded = bounded_interval(np.array([0.5, 0.5]), covariance, 19.6)

    assert bounded is not None
    assert bounded[2] < 2.5


def test_data_that_contradict_the_constraint_win() -> None:
    """A neighbour that is certainly negative is believed, and the constraint is dropped."""
    assert bounded_interval(np.array([5.0, -10.0]), np.eye(2), 1.96) is None


def test_every_confidence_contradicts_alike() -> None:
    """A neighbour too far below zero for 95 % but not for 98 % is held to the constraint at both: one estimate."""
    theta, covariance = np.array([5.0, -2.6]), np.array([[1.0, -0.9], [-0.9, 1.0]])

    usual, certain = (bounded_interval(theta, covariance, half, contradicts=2.33) for half in (1.96, 2.33))

    assert bounded_interval(theta, covariance, 1.96) is None
    assert usual is not None
    assert certain is not None
    assert usual[0] == pytest.approx(certain[0])
    assert certain[1] <= usual[1] <= usual[2] <= certain[2]


def test_without_others_there_is_nothing_to_bound() -> None:
    """A lone coefficient keeps its own interval."""
    assert bounded_interval(np.array([5.0]), np.eye(1), 1.96) is None
