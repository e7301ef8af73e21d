"""One word for what a curve looks like."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.facts import Setting, analyse
from harness.analysis.levels import reduce
from harness.analysis.regression import Floats
from harness.analysis.shape import name_shape
from harness.model import Shape

T_S = np.arange(1800.0)
RNG = np.random.default_rng(11)
NOISE = 2e5 * RNG.normal(size=T_S.size)


@pytest.mark.parametrize(
    ("shape", "y"),
    [
        (Shape.STABLE, 0.0 * T_S),
        (Shape.SAWTOOTH, 4e5 * (T_S % 50.0)),
        (Shape.PLATEAU, 8e7 * (1.0 - np.exp(-T_S / 200.0))),
        (Shape.STEP, 3e7 * (T_S > 900.0)),
        (Shape.LINEAR, 5e4 * T_S),
        (Shape.LINEAR, 5e4 * T_S + 4e5 * (T_S % 50.0)),
        (Shape.ACCELERATING, 8e7 * (T_S / 1800.0) ** 2),
    ],
)
def test_shapes_are_named(shape: Shape, y: Floats) -> None:
    """Growth first: a saw on a leak is a leak."""
    assert analyse(T_S, 2e8 + y + NOISE, Setting(material=1e3)).form.shape is shape


def test_a_plateau_has_its_level_and_time_constant() -> None:
    """What it rises to, and how fast."""
    form = analyse(T_S, 2e8 + 8e7 * (1.0 - np.exp(-T_S / 200.0)) + NOISE, Setting(material=1e3)).form

    assert form.plateau_level == pytest.approx(2.8e8, rel=0.01)
    assert form.time_constant_s == pytest.approx(200.0, rel=0.4)


def test_a_late_leak_has_its_onset() -> None:
    """Flat for half of the run, then growing."""
    form = analyse(T_S, 2e8 + 1e5 * np.maximum(T_S - 1000.0, 0.0) + NOISE, Setting(material=1e3)).form

    assert form.shape in (Shape.LINEAR, Shape.ACCELERATING)
    if form.onset_s is not None:
        assert form.onset_s == pytest.approx(1000.0, abs=150.0)


def test_without_an_estimate_the_shape_is_unknown() -> None:
    """Three samples have no shape."""
    levels = reduce(np.arange(3.0), np.arange(3.0), np.zeros(3, dtype=np.int64))

    assert name_shape(levels, None, 0.0).shape is Shape.UNKNOWN
