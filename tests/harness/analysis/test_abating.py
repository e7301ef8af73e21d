"""Growth that comes to rest is told from growth that lasts."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.abating import second_half

COUNT = 24
PATH = np.linspace(0.0, 1.0, COUNT)
GAPS = np.ones(COUNT - 1)


def test_a_leak_adds_as_much_in_its_second_half() -> None:
    """The share is one, and certainly not far below."""
    noise = 0.02 * np.random.default_rng(1).normal(size=COUNT)
    found = second_half(3.0 + PATH + noise, PATH, GAPS, 0.0, 1e-9)

    assert found is not None
    assert found.share == pytest.approx(1.0, abs=0.1)
    assert found.low > 0.5
    assert not found.abates


def test_steps_that_become_smaller_come_to_rest() -> None:
    """A line fits them well, but the second half adds next to nothing."""
    noise = 0.02 * np.random.default_rng(2).normal(size=COUNT)
    found = second_half(3.0 + 1.0 - np.exp(-8.0 * PATH) + noise, PATH, GAPS, 0.0, 1e-9)

    assert found is not None
    assert found.share < 0.2
    assert found.abates


def test_half_is_half_of_the_growth_and_not_of_the_time() -> None:
    """What begins late has its second half later still."""
    late = np.maximum(PATH - 0.6, 0.0)
    found = second_half(late + 5.0, late, GAPS, 0.0, 1e-9)

    assert found is not None
    assert found.share == pytest.approx(1.0)


def test_without_growth_there_is_no_half() -> None:
    """Nothing to divide."""
    assert second_half(PATH, np.zeros(COUNT), GAPS, 0.0, 1e-9) is None
