"""The estimate that every verdict rests on: what it finds, and what must not move it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.dictionary import TermKind
from harness.analysis.facts import Setting, analyse
from harness.analysis.growth import Growth
from harness.analysis.regression import Floats
from harness.model import Interval

LENGTH = 1200


def _noise(seed: int, phi: float = 0.8, sd: float = 1e6) -> Floats:
    rng = np.random.default_rng(seed)
    y = np.empty(LENGTH)
    y[0] = rng.normal()
    shocks = rng.normal(size=LENGTH) * np.sqrt(1 - phi * phi)
    for i in range(1, LENGTH):
        y[i] = phi * y[i - 1] + shocks[i]
    return y * sd


T_S = np.arange(float(LENGTH))
SEEDS = st.integers(0, 10_000)


def _growth(t_s: Floats, y: Floats, setting: Setting | None = None) -> Growth:
    growth = analyse(t_s, y, setting or Setting()).growth
    assert growth is not None
    return growth


def _ends(interval: Interval) -> tuple[float, float, float]:
    assert interval.estimate is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.estimate, interval.high


def _width(interval: Interval) -> float:
    low, _, high = _ends(interval)
    return high - low


def test_a_leak_is_measured_within_its_interval() -> None:
    """Most of 40 leaks of 20 kB/s under autocorrelated noise are covered, and none is missed by far."""
    covered = 0
    for seed in range(40):
        low, estimate, high = _ends(_growth(T_S, 2e8 + 2e4 * T_S + _noise(seed)).at_end)
        covered += low <= 2e4 <= high
        assert estimate == pytest.approx(2e4, rel=0.2)

    assert covered >= 35


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(1e-3, 1e6), st.floats(-1e9, 1e9), st.floats(0.0, 1e6))
def test_units_and_origin_do_not_matter(seed: int, unit: float, level: float, start_s: float) -> None:
    """In other units, from another level and another start, the same growth comes out in those units."""
    y = 1e4 * T_S + _noise(seed)
    plain = _ends(_growth(T_S, y).at_end)

    moved = _ends(_growth(T_S + start_s, unit * y + unit * level).at_end)

    assert np.array(moved) / unit == pytest.approx(plain, rel=1e-3, abs=1e-3 * _width(Interval(*plain)) + 1.0)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_duplicated_samples_do_not_narrow(seed: int) -> None:
    """Reading the same numbers twice is no new evidence."""
    y = 1e4 * T_S + _noise(seed)
    twice_t = np.sort(np.concatenate([T_S, T_S + 1e-3]))

    once, twice = _growth(T_S, y).at_end, _growth(twice_t, np.repeat(y, 2)).at_end

    assert _width(twice) >= 0.9 * _width(once)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(0.2, 0.7), st.floats(0.05, 0.2))
def test_gaps_do_not_move_the_estimate_beyond_its_interval(seed: int, start: float, length: float) -> None:
    """A stretch that was not recorded is not invented."""
    y = 2e4 * T_S + _noise(seed)
    kept = (T_S < start * LENGTH) | (T_S > (start + length) * LENGTH)
    low, _, high = _ends(_growth(T_S, y).certain)

    assert low <= _ends(_growth(T_S[kept], y[kept]).at_end)[1] <= high


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.floats(2e4, 1e6))
def test_a_planted_leak_raises_the_estimate(seed: int, leak: float) -> None:
    """Growth that is added to the series is added to what is found, give or take the interval."""
    y = 2e8 + _noise(seed)
    before, after = _growth(T_S, y).at_end, _growth(T_S, y + leak * T_S).at_end

    assert _ends(after)[2] >= leak + _ends(before)[0]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60),
    st.integers(0, 3),
)
def test_any_finite_numbers_are_judged_without_a_warning(values: list[float], cuts: int) -> None:
    """Constant, huge, tiny, two samples or a restart a minute: a result or none, never a warning."""
    t_s = np.arange(float(len(values)))
    facts = analyse(t_s, np.array(values), Setting(cuts_s=tuple(float(c + 1) * len(values) / 5 for c in range(cuts))))

    if facts.growth is not None:
        assert all(np.isfinite(v) for v in _ends(facts.growth.at_end))


def test_a_constant_series_does_not_grow_and_is_not_overtrusted() -> None:
    """A counter that never moves still has its quantum as noise."""
    growth = _growth(T_S, np.full(LENGTH, 5e7), Setting(quantum=4096.0))

    low, estimate, high = _ends(growth.at_end)
    assert estimate == 0.0
    assert low < 0.0 < high


def test_too_few_levels_give_no_growth() -> None:
    """Seven samples are no run."""
    assert analyse(np.arange(7.0), np.arange(7.0), Setting()).growth is None


def test_a_restart_starts_a_new_level() -> None:
    """Memory that begins anew after a restart has not shrunk, and the leak is common to both pieces."""
    since = np.where(T_S < 600, T_S, T_S - 600)
    y = 2e8 + 2e4 * since + _noise(3)

    low, _, high = _ends(_growth(T_S, y, Setting(cuts_s=(600.0,))).at_end)

    assert low <= 2e4 <= high


def test_a_warm_up_does_not_last() -> None:
    """Growth that dies out is in the end of the run, and not in what lasts."""
    y = 2e8 + 5e7 * (1 - np.exp(-T_S / 250.0)) + _noise(1, sd=2e5)

    growth = _growth(T_S, y)

    assert growth.warming
    assert _ends(growth.lasting)[0] < 2e3


def test_part_of_a_cycle_turns() -> None:
    """Memory that rises and falls once within the run is said to turn, or to be better explained by a cycle."""
    y = 2e8 + 3e7 * np.sin(2 * np.pi * 0.8 * T_S / LENGTH) + _noise(2, sd=3e5)
    growth = _growth(T_S, y)

    assert growth.turns or growth.advantage < 0.0
    assert not _growth(T_S, 2e8 + 2e4 * T_S + _noise(2)).turns


def test_setting_without_load_has_no_query_figures() -> None:
    """No load recorded, no bytes per query, with the reason."""
    growth = _growth(T_S, _noise(1), replace(Setting()))

    assert growth.per_query.estimate is None
    assert growth.per_query_reason == "no load was recorded"


def test_a_random_walk_is_known_and_its_gates_are_wider() -> None:
    """Levels that do not come back wander; what is certain holds for a walk with a drift too."""
    walk = np.cumsum(np.random.default_rng(4).normal(0.0, 3e5, LENGTH))
    growth, still = _growth(T_S, 2e8 + walk), _growth(T_S, 2e8 + _noise(4))

    assert growth.wanders > 0.5 > still.wanders
    assert _width(growth.certain) > 1.35 * _width(growth.at_end)


def test_a_cache_that_is_filled_again_after_each_restart_is_one_warm_up() -> None:
    """The same warm-up after a restart needs one term, and what is left has no trend."""
    since = np.where(T_S < 600.0, T_S, T_S - 600.0)
    y = 2e8 + 5e7 * (1.0 - np.exp(-since / 60.0)) + _noise(9, sd=3e5)
    growth = _growth(T_S, y, Setting(cuts_s=(600.0,)))
    low, _, high = _ends(growth.at_end)

    assert [term.starts_s for term in growth.terms if term.starts_s]
    assert low < 0.0 < high


def test_a_job_every_few_minutes_is_no_random_walk() -> None:
    """A wave with corners has a term of its own, and a slow leak below it is measured."""
    jobs = 4e7 * ((T_S / 230.0 + 0.4) % 1.0 < 0.25)
    growth = _growth(T_S, 2e8 + jobs + 5e3 * T_S + _noise(11, sd=1e6))
    low, _, high = _ends(growth.at_end)

    assert TermKind.SQUARE in {term.kind for term in growth.terms}
    assert low <= 5e3 <= high
    assert low > 0.0
