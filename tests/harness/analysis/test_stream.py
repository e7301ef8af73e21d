"""Samples of any number in memory of fixed size."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.stream import MOST_SPANS, Reducer


def test_short_runs_keep_every_sample() -> None:
    """Nothing is lost where there is room; blanks are left out of their own metric only."""
    reducer = Reducer(2)
    reducer.add(np.arange(3.0), np.array([[1.0, np.nan], [2.0, 5.0], [3.0, 6.0]]))

    first, second = reducer.results()

    assert first.y.tolist() == [1.0, 2.0, 3.0]
    assert second.t_s.tolist() == [1.0, 2.0]
    assert (second.samples, second.peak, second.resolution_s) == (2, 6.0, 0.0)


@pytest.mark.parametrize("chunk", [999, 65_536])
def test_long_runs_become_means_of_equal_spans(chunk: int) -> None:
    """However the samples arrive, the points are the means of the same spans, and nothing is counted twice."""
    count = 100_000
    t_s = np.arange(float(count))
    rng = np.random.default_rng(1)
    y = 0.5 * t_s + rng.normal(size=count)
    reducer = Reducer(1)
    for at in range(0, count, chunk):
        reducer.add(t_s[at : at + chunk], y[at : at + chunk, None])

    (reduced,) = reducer.results()

    number = (t_s / reduced.resolution_s).astype(int)
    expected = np.bincount(number, y) / np.bincount(number)
    assert reduced.t_s.size <= MOST_SPANS
    assert reduced.y == pytest.approx(expected)
    assert reduced.samples == count
    assert reduced.peak == np.max(y)


def test_a_saw_too_fast_for_the_spans_gives_its_troughs() -> None:
    """Means of many teeth would hide a trough's level; the lowest reading of each span is it."""
    t_s = np.arange(200_000.0)
    reducer = Reducer(1)
    reducer.add(t_s, (100.0 + t_s % 30.0)[:, None])

    (reduced,) = reducer.results()

    assert np.all(reduced.y[:-1] == 100.0)


def test_nothing_gives_nothing() -> None:
    """No sample is no reason to stop."""
    reducer = Reducer(1)
    reducer.add(np.empty(0), np.empty((0, 1)))

    assert reducer.results()[0].samples == 0
