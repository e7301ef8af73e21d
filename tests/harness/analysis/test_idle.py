"""Tests of ``harness.analysis.idle``: what quiet spans show of growth that comes with time alone."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.idle import slope_inside
from harness.analysis.regression import Floats

SPAN_S, LOADED_S, COUNT = 30, 60, 10
SPANS = [(start, start + float(SPAN_S)) for start in range(0, COUNT * (SPAN_S + LOADED_S), SPAN_S + LOADED_S)]
T_S: Floats = np.concatenate([np.arange(low, high) for low, high in SPANS])
NUMBER = np.repeat(np.arange(COUNT), SPAN_S)
INSIDE_S: Floats = T_S - np.array([low for low, _ in SPANS])[NUMBER]
ONE_PIECE = np.zeros(T_S.size, dtype=np.int64)


def test_what_only_rises_is_known_as_well_as_the_spans_agree() -> None:
    """Growth with time and with use: the steps up between the spans say nothing against it."""
    found = slope_inside(T_S, 2.0 * T_S + 500.0 * NUMBER, ONE_PIECE, SPANS, 0.0)

    assert found is not None
    assert found.slope == pytest.approx(2.0)
    assert found.error < 1e-6


def test_garbage_that_the_next_load_gives_back_is_no_certain_growth() -> None:
    """Rises of 60 bytes in every span, all of it given back before the next one."""
    found = slope_inside(T_S, 2.0 * INSIDE_S, ONE_PIECE, SPANS, 0.0)

    assert found is not None
    assert found.slope - found.error == pytest.approx(0.0, abs=1e-9)
    assert found.slope + found.error == pytest.approx(2.0)


def test_falls_that_are_smaller_than_the_rises_make_only_so_much_doubtful() -> None:
    """Of 58 bytes that a span rises, 10 are given back before the next one."""
    found = slope_inside(T_S, 2.0 * INSIDE_S + 48.0 * NUMBER, ONE_PIECE, SPANS, 0.0)

    assert found is not None
    assert found.slope + found.error == pytest.approx(2.0)
    assert found.slope - found.error == pytest.approx(2.0 - 10.0 / (SPAN_S - 1))


def test_noise_between_the_spans_is_no_fall() -> None:
    """Growth with time alone below noise of half of what a span rises stays known."""
    noise = np.random.default_rng(3).normal(0.0, 30.0, T_S.size)
    found = slope_inside(T_S, 2.0 * T_S + noise, ONE_PIECE, SPANS, 0.0)

    assert found is not None
    assert found.slope == pytest.approx(2.0, abs=2.5 * found.error)
    assert found.error < 0.4


def test_what_a_restart_takes_back_is_no_garbage() -> None:
    """The process after it is another one."""
    piece = (NUMBER >= COUNT // 2).astype(np.int64)
    found = slope_inside(T_S, 2.0 * T_S - 5_000.0 * piece, piece, SPANS, 0.0)

    assert found is not None
    assert found.slope == pytest.approx(2.0)


def test_a_fall_while_idle_is_none_with_an_error_of_its_size() -> None:
    """Memory that comes back late is not growth that use would have to make up for."""
    found = slope_inside(T_S, -3.0 * T_S, ONE_PIECE, SPANS, 0.0)

    assert found is not None
    assert found.slope == 0.0
    assert found.error == pytest.approx(3.0)


def test_spans_too_few_or_cut_by_a_restart_say_nothing() -> None:
    """Four spans with four samples each are the least."""
    assert slope_inside(T_S, T_S, ONE_PIECE, SPANS[:3], 0.0) is None
    inside = (INSIDE_S >= SPAN_S // 2).astype(np.int64) + 2 * NUMBER
    assert slope_inside(T_S, T_S, inside, SPANS, 0.0) is None
