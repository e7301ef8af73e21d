"""Forward selection under autocorrelation."""

from __future__ import annotations

import numpy as np

from harness.analysis.regression import Floats
from harness.analysis.selection import Selection, select

COUNT = 120
T = np.linspace(0.0, 1.0, COUNT)
BASE = np.column_stack([np.ones(COUNT), T - 0.5])
STEPS = np.stack([(t < T).astype(float) for t in T[2:-2]], axis=1)[:, None, :]
WAVES = np.stack([np.column_stack([np.sin(2 * np.pi * n * T), np.cos(2 * np.pi * n * T)]) for n in (2, 3, 4)], axis=2)
COSTS = np.full((STEPS.shape[2] + 3, 2), 3.0)
FAMILIES = np.concatenate([np.zeros(STEPS.shape[2]), np.full(3, -1)]).astype(np.int64)


def _select(y: Floats) -> Selection:
    return select(y, BASE, [STEPS, WAVES], COSTS, FAMILIES, np.ones(COUNT - 1))


def test_noise_and_a_line_need_no_term() -> None:
    """White noise on a leak is left to the line."""
    rng = np.random.default_rng(1)

    assert _select(3.0 * T + 0.1 * rng.normal(size=COUNT)).chosen == ()


def test_a_step_is_found_where_it_is() -> None:
    """A step of five standard deviations is placed to the level."""
    rng = np.random.default_rng(2)
    y = 0.5 * (T > T[60]) + 0.1 * rng.normal(size=COUNT)

    chosen = _select(y).chosen

    assert len(chosen) == 1
    assert abs(chosen[0] + 2 - 60) <= 1


def test_a_wave_is_one_choice_of_two_columns() -> None:
    """Sine and cosine are taken together, under the number after the steps."""
    rng = np.random.default_rng(3)
    y = np.sin(2 * np.pi * 3 * T + 1.0) + 0.1 * rng.normal(size=COUNT)

    assert _select(y).chosen == (STEPS.shape[2] + 1,)


def test_a_wandering_series_is_not_a_row_of_steps() -> None:
    """Autocorrelated noise is explained by its autocorrelation."""
    rng = np.random.default_rng(4)
    y = np.empty(COUNT)
    y[0] = rng.normal()
    for i in range(1, COUNT):
        y[i] = 0.9 * y[i - 1] + np.sqrt(1 - 0.81) * rng.normal()

    found = _select(y)

    assert found.chosen == ()
    assert found.phi >= 0.6


def test_rivals_weigh_less_than_what_was_chosen() -> None:
    """A rival's weight is relative to the chosen model and never above it."""
    rng = np.random.default_rng(5)

    found = _select(0.1 * rng.normal(size=COUNT) + 0.15 * (T > 0.5))

    assert all(0.0 < weight <= 1.0 for _, weight in found.rivals)
    assert all(set(chosen) != set(found.chosen) for chosen, _ in found.rivals)
