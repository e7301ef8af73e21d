"""Calls a query, counted by kind."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.amplification import calls_per_query
from harness.analysis.segments import Phase
from harness.analysis.usage import Steps

_PHASES = tuple(
    phase
    for number in range(4)
    for phase in (
        Phase(f"load-{number}", "ab"[number % 2], number, 20.0 * number, 20.0 * number + 10.0, idle=False),
        Phase(f"idle-{number}", "idle", number, 20.0 * number + 10.0, 20.0 * number + 20.0, idle=True),
    )
)
_T_S = np.arange(0.0, 81.0)


def _started(kind: str) -> Steps:
    """One query a second in the kind's phases."""
    rate = np.array([any(p.kind == kind and p.start_s <= t < p.end_s for p in _PHASES) for t in _T_S[:-1]])
    return Steps(_T_S, np.concatenate([[0.0], np.cumsum(rate.astype(np.float64))]))


def test_a_doubled_query_makes_twice_the_calls() -> None:
    """Eight calls for a duplicate against four, two seconds after the queries were started."""
    started = {kind: _started(kind) for kind in "ab"}
    calls = 4.0 * started["a"].at(_T_S - 2.0) + 8.0 * started["b"].at(_T_S - 2.0)
    found = calls_per_query(_T_S, calls, _PHASES, started)

    assert found["a"].estimate == pytest.approx(4.0)
    assert found["b"].estimate == pytest.approx(8.0)
    assert found["b"].low == pytest.approx(8.0, abs=0.5)


def test_what_scatters_from_phase_to_phase_has_an_interval() -> None:
    """Some duplicates recognised and some not give a ratio between, and a width."""
    started = {"a": _started("a")}
    calls = np.where(_T_S < 30.0, 4.0, 8.0) * started["a"].at(_T_S)
    found = calls_per_query(_T_S, calls, _PHASES, started)["a"]

    assert found.low is not None
    assert found.high is not None
    assert found.low < 6.0 < found.high


def test_one_stretch_alone_gives_no_figure() -> None:
    """A kind driven once has no scatter to judge it by."""
    assert calls_per_query(_T_S, _T_S, _PHASES[:2], {"a": _started("a")}) == {}


def test_a_run_without_loaded_phases_has_no_figures() -> None:
    """The idle scenario drives nothing."""
    idle = tuple(phase for phase in _PHASES if phase.idle)

    assert calls_per_query(_T_S, _T_S, idle, {}) == {}
