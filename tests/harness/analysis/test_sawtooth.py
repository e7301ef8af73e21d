"""Collections seen from outside."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.sawtooth import FEWEST_TROUGHS, find_sawtooth

T_S = np.arange(1200.0)


def test_a_saw_is_measured() -> None:
    """Period, amplitude and troughs of a plain saw on a leak."""
    y = 100.0 + T_S % 40.0 + 0.01 * T_S

    saw = find_sawtooth(T_S, y)

    assert saw is not None
    assert saw.period_s == pytest.approx(40.0)
    assert saw.amplitude == pytest.approx(39.0, rel=0.05)
    assert np.all(T_S[saw.troughs] % 40.0 == 0.0)
    assert saw.troughs.size >= FEWEST_TROUGHS


def test_young_collections_inside_old_ones() -> None:
    """The troughs are those of the slow generation, which alone are free of what the fast one leaves."""
    y = 100.0 + 3.0 * (T_S % 12.0) + 0.7 * (T_S % 96.0)

    saw = find_sawtooth(T_S, y)

    assert saw is not None
    assert saw.collections == 12
    assert saw.period_s == pytest.approx(96.0)


@pytest.mark.parametrize("name", ["noise", "staircase", "quantised", "square"])
def test_other_shapes_are_no_saws(name: str) -> None:
    """Noise, stairs up, quantised drift and a square wave have no slow rises with sudden falls."""
    rng = np.random.default_rng(1)
    shapes = {
        "noise": rng.normal(size=T_S.size),
        "staircase": np.floor(T_S / 100.0) * 10.0 + rng.normal(size=T_S.size),
        "quantised": np.round(0.002 * T_S + 0.3 * rng.normal(size=T_S.size)),
        "square": np.floor(T_S / 100.0) % 2 * 10.0 + 0.1 * rng.normal(size=T_S.size),
    }

    assert find_sawtooth(T_S, shapes[name]) is None


def test_few_samples_are_no_saw() -> None:
    """Fewer than four falls cannot be told from chance."""
    assert find_sawtooth(np.arange(3.0), np.array([1.0, 2.0, 1.0])) is None
