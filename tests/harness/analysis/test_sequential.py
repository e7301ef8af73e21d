"""Decisions while a run goes on: early where the truth is plain, never where it is not, and rarely wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.facts import Setting
from harness.analysis.segments import Phase
from harness.analysis.sequential import Bounds, Look, Question, kinds_seen, look, standard_errors
from harness.analysis.usage import running_totals
from harness.model import Outcome

_MB_PER_MIN = 1e6 / 60.0
_QUESTION = Question(
    planned_s=240.0,
    growth=Bounds(50 * _MB_PER_MIN, 50 * _MB_PER_MIN),
    per_query=None,
    max_memory=None,
    rates_per_s={"a": 2.0, "b": 2.0},
)


def _phases(until_s: float) -> tuple[Phase, ...]:
    """Warm-up, then kinds a and b in turn for 12 s each with 12 s of idle after each."""
    phases = [Phase("warmup", "mixed", 0, 0.0, 24.0, idle=False, warmup=True)]
    for number in range(9):
        kind, at_s = "ab"[number % 2], 24.0 + 24.0 * number
        phases.append(Phase(f"{kind}-{number}", kind, number, at_s, at_s + 12.0, idle=False))
        phases.append(Phase(f"idle-{number}", "idle", number, at_s + 12.0, at_s + 24.0, idle=True))
    return tuple(replace(p, end_s=min(p.end_s, until_s)) for p in phases if p.start_s < until_s)


def _soak(
    until_s: float, bytes_per_query: dict[str, float], seed: int = 1, noise_bytes: float = 5e5
) -> tuple[np.ndarray, np.ndarray, Setting]:
    rng = np.random.default_rng(seed)
    t_s = np.arange(0.0, until_s, 0.5)
    y = 80e6 + rng.normal(0.0, noise_bytes, t_s.size)
    rows = []
    for phase in _phases(240.0):
        for second in np.arange(phase.start_s + 1.0, phase.end_s + 0.5):
            if phase.kind in bytes_per_query and second <= until_s:
                rows.append((second, phase.kind, 4.0))
                y += bytes_per_query[phase.kind] * 4.0 * (t_s >= second)
    counts = np.array([count for _, _, count in rows])
    ends_s, kinds = np.array([second for second, _, _ in rows]), np.array([kind for _, kind, _ in rows], dtype=np.str_)
    load = running_totals(ends_s, kinds, counts, counts, np.zeros(counts.size)) if rows else None
    return t_s, y, Setting((), _phases(until_s), load)


def _first_decision(bytes_per_query: dict[str, float], question: Question = _QUESTION, seed: int = 1) -> Look:
    for until_s in range(12, 240, 6):
        found = look(*_soak(float(until_s), bytes_per_query, seed), question)
        if found.decision is not None:
            break
    return found


def test_a_leak_far_above_the_limit_is_failed_soon_after_the_warm_up() -> None:
    """500 MB/min in one kind is certain within its first minute of load."""
    found = _first_decision({"a": 1.0e6, "b": 1.0e6})

    assert found.decision is Outcome.FAIL
    assert found.t_s <= 84.0


def test_a_clean_target_is_passed_only_after_every_kind_came_twice() -> None:
    """However flat the memory is, a kind that came once has not shown that it does not leak."""
    found = _first_decision({"a": 0.0, "b": 0.0})

    assert found.decision is Outcome.PASS
    assert kinds_seen(_phases(found.t_s), found.t_s) == {"a": 2, "b": 2}


def test_a_kind_not_driven_twice_is_what_the_verdict_waits_for() -> None:
    """What is missing stands in words in the look."""
    found = look(*_soak(80.0, {"a": 0.0, "b": 0.0}), _QUESTION)

    assert found.decision is None
    assert "kind a, b to be driven 2 times" in found.waits_for


def test_growth_at_the_limit_is_not_decided() -> None:
    """The limit itself is neither certainly above nor certainly below the limit."""
    at_limit = 50 * _MB_PER_MIN / 4.0
    decisions = [_first_decision({"a": at_limit, "b": at_limit}, seed=seed).decision for seed in range(6)]

    assert Outcome.PASS not in decisions
    assert Outcome.FAIL not in decisions


def test_nothing_is_decided_before_the_warm_up_has_ended() -> None:
    """A start-up that grows like a leak is not looked at."""
    found = look(*_soak(24.0, {"a": 1e7, "b": 1e7}), _QUESTION)

    assert found.decision is None
    assert found.waits_for == "the end of the warm-up"


def test_one_leaking_kind_fails_its_own_gate() -> None:
    """A limit per query is asked of every kind."""
    question = replace(_QUESTION, growth=None, per_query=Bounds(16384.0, 16384.0))

    assert _first_decision({"a": 0.0, "b": 2e6}, question).decision is Outcome.FAIL
    assert _first_decision({"a": 0.0, "b": 0.0}, question).decision is not Outcome.FAIL


def test_memory_above_its_limit_fails_at_once() -> None:
    """A peak is a fact, not an estimate."""
    found = look(*_soak(6.0, {}), replace(_QUESTION, max_memory=1e6))

    assert found.decision is Outcome.FAIL


def test_a_peak_passes_only_if_the_rest_of_the_plan_cannot_reach_its_limit() -> None:
    """Memory near its limit may still pass it later."""
    t_s, y, setting = _soak(150.0, {"a": 0.0, "b": 0.0})
    near = replace(_QUESTION, max_memory=float(np.max(y)) + 1e6)

    assert look(t_s, y, setting, near).decision is None
    assert look(t_s, y, setting, replace(near, max_memory=1e9)).decision is Outcome.PASS


def test_growth_so_near_the_limit_that_the_plan_is_far_too_short_is_hopeless() -> None:
    """Past three quarters of the plan, a gate that needs many times the plan is given up, unless the end is near."""
    t_s, y, setting = _soak(216.0, {"a": 0.0, "b": 0.0}, noise_bytes=2e7)
    tight = replace(_QUESTION, growth=Bounds(0.01 * _MB_PER_MIN, 0.01 * _MB_PER_MIN))

    assert look(t_s, y, setting, tight).decision is Outcome.INCONCLUSIVE
    assert look(t_s, y, setting, replace(tight, planned_s=225.0)).decision is None


def test_nothing_at_all_is_nothing_decided() -> None:
    """The first look may come before the first sample."""
    found = look(np.empty(0), np.empty(0), Setting(), _QUESTION)

    assert found.decision is None


@pytest.mark.parametrize("information", [1e-4, 1.0, 1e4])
def test_the_boundary_holds_over_all_looks(information: float) -> None:
    """A bound for all looks is wider than one for a single look, and not absurdly so."""
    errors = standard_errors(information, 1.0, 0.01)

    assert 2.33 < errors < 40.0


def test_a_random_walk_crosses_the_boundary_as_rarely_as_promised() -> None:
    """Over 400 looks of 300 walks at most the promised share is ever beyond the boundary."""
    rng = np.random.default_rng(7)
    information = np.geomspace(1.0, 1000.0, 400)
    boundary = np.array([standard_errors(float(i), 0.3, 0.05) for i in information])
    steps = rng.normal(size=(300, information.size)) * np.sqrt(np.diff(information, prepend=0.0))
    z = np.cumsum(steps, axis=1) / np.sqrt(information)

    assert np.mean(np.any(z > boundary, axis=1)) <= 0.05
