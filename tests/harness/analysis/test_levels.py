"""Levels, beside a slow and obvious way to make them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.levels import MOST_LEVELS, LevelKind, reduce, smallest_step
from harness.analysis.regression import Floats


def _means(t_s: Floats, y: Floats, wanted: int) -> list[float]:
    """One mean after another, by asking of every sample which span it is in."""
    out = []
    edges = [t_s[0] + (t_s[-1] - t_s[0]) * i / wanted for i in range(wanted + 1)]
    for i in range(wanted):
        last = i == wanted - 1
        inside = [v for t, v in zip(t_s, y, strict=True) if edges[i] <= t and (t < edges[i + 1] or last)]
        out.append((len(inside), sum(inside) / len(inside) if inside else 0.0))
    typical = np.median([n for n, _ in out if n])
    return [mean for n, mean in out if n and n >= 0.25 * typical]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(400, 1500))
def test_means_agree_with_the_obvious_way(seed: int, count: int) -> None:
    """Uneven times, gaps and all."""
    rng = np.random.default_rng(seed)
    t_s = np.sort(rng.uniform(0.0, 1000.0, count))
    y = rng.normal(size=count)

    levels = reduce(t_s, y, np.zeros(count, dtype=np.int64), 60)

    assert levels.kind is LevelKind.MEAN
    assert levels.y == pytest.approx(_means(t_s, y, 60))


def test_few_samples_are_their_own_levels() -> None:
    """Nothing is averaged that is fewer than the levels wanted."""
    t_s = np.arange(30.0)

    assert reduce(t_s, t_s, np.zeros(30, dtype=np.int64)).kind is LevelKind.SAMPLE


def test_troughs_stand_for_a_saw() -> None:
    """Under a saw the levels are what is left after each collection, and never more than the most."""
    t_s = np.arange(12_000.0)

    levels = reduce(t_s, 100.0 + t_s % 30.0, np.zeros(t_s.size, dtype=np.int64))

    assert levels.kind is LevelKind.TROUGH
    assert levels.count <= MOST_LEVELS
    assert levels.y == pytest.approx(np.full(levels.count, 100.0))


def test_spikes_do_not_move_levels() -> None:
    """One reading in a hundred thrown far up leaves the medians where they were."""
    rng = np.random.default_rng(1)
    t_s = np.arange(6000.0)
    y = 100.0 + rng.normal(size=t_s.size)
    y[::100] += 1000.0

    levels = reduce(t_s, y, np.zeros(t_s.size, dtype=np.int64))

    assert levels.kind is LevelKind.MEDIAN
    assert np.max(levels.y) < 103.0


def test_drained_levels_are_one_a_quiet_span() -> None:
    """What the load needs while it runs is in no level, and growth while idle is measured inside the spans."""
    t_s = np.arange(0.0, 200.0, 0.25)
    quiet = [(20.0 * i + 15.0, 20.0 * i + 20.0) for i in range(10)]
    idle = np.array([any(a <= t <= b for a, b in quiet) for t in t_s])
    y = 100.0 + 0.01 * t_s + np.where(idle, 0.0, 50.0)

    levels = reduce(t_s, y, np.zeros(t_s.size, dtype=np.int64), quiet=quiet)

    assert levels.kind is LevelKind.DRAINED
    assert levels.count == 10
    assert np.max(levels.y) < 103.0
    assert levels.idle is not None
    assert levels.idle.slope == pytest.approx(0.01)


def _drains_of(lengths_s: tuple[float, ...], count: int) -> list[tuple[float, float]]:
    """``count`` quiet spans at the ends of minutes, of these lengths in turn."""
    return [(60.0 * i - lengths_s[i % len(lengths_s)], 60.0 * i) for i in range(1, count + 1)]


def test_a_short_drain_beside_long_idle_time_is_a_level_too() -> None:
    """Two kinds with idle time after every second drain: half of the quiet spans are seven times as long."""
    t_s = np.arange(0.0, 500.0)
    quiet = _drains_of((2.5, 17.5), 8)

    levels = reduce(t_s, 100.0 + 0.01 * t_s, np.zeros(t_s.size, dtype=np.int64), quiet=quiet)

    assert (levels.kind, levels.count) == (LevelKind.DRAINED, 8)


def test_quiet_spans_of_which_too_few_hold_a_level_are_left() -> None:
    """Nothing was read in seven of twelve: the levels are those of any other run."""
    quiet = _drains_of((20.0,), 12)
    t_s = np.array([t for t in np.arange(0.0, 720.0) if not 0.0 <= t - quiet[int(t // 60)][0] < 20.0 or t < 300.0])

    levels = reduce(t_s, 100.0 + 0.01 * t_s, np.zeros(t_s.size, dtype=np.int64), quiet=quiet)

    assert levels.kind is LevelKind.MEAN
    assert levels.count > 60


def test_the_smallest_step_is_the_quantum() -> None:
    """A counter in pages moves by pages; one that never moves says nothing."""
    assert smallest_step(np.array([0.0, 4096.0, 12288.0])) == 4096.0
    assert smallest_step(np.ones(5)) == 0.0
