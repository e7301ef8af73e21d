"""Figures, from facts made for the purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.abating import SecondHalf
from harness.model import Limits, Outcome
from harness.rules.circumstances import Circumstances
from harness.rules.figures import at_production, figures, forecast, held_back
from tests.support.judged import FLAT, LEAK, T_S, facts_of, outcome


def test_the_forecast_is_the_room_over_the_rate() -> None:
    """5 MB/min to a limit 1.15 GB above the end takes about four hours; flat memory never gets there."""
    coming = forecast(LEAK, Circumstances(Limits(), memory_limit_bytes=1.5e9))
    never = forecast(FLAT, Circumstances(Limits(), memory_limit_bytes=1.5e9))

    assert coming.hours_to_limit.estimate == pytest.approx(1.15e9 / (5e6 * 60), rel=0.05)
    assert never.hours_to_limit.high is None


def test_production_growth_without_load_is_known_only_at_production_speed() -> None:
    """What was driven faster cannot be restated without knowing what was driven."""
    assert at_production(LEAK, Circumstances(Limits())).estimate == pytest.approx(5e6 * 60, rel=0.05)
    assert at_production(LEAK, Circumstances(Limits(), speedup=10.0)).estimate is None


def test_figures_carry_their_evidence() -> None:
    """Levels, independent facts and what could have been seen stand beside the growth."""
    found = figures("target.anon_bytes", "bytes", LEAK, Circumstances(Limits()))

    assert found.growth_per_h.estimate == pytest.approx(5e6 * 60, rel=0.05)
    assert found.detectable_per_h is not None
    assert 0 < found.detectable_per_h < 1e6 * 60
    assert found.levels_count == LEAK.levels.count if LEAK.levels else False
    assert found.facts is not None


def test_a_cycle_without_growth_is_shown_in_the_interval() -> None:
    """Where it explains the run better than a trend does, growth of none is not ruled out."""
    facts = facts_of(20e6 * np.sin(2.0 * np.pi * (0.7 * T_S / T_S[-1] + 0.6)))
    growth = facts.growth
    assert growth is not None
    shown = held_back(growth, growth.at_end)

    assert growth.advantage < 0.0
    assert shown.low is not None
    assert shown.low <= 0.0


def test_growth_that_abates_is_held_back_to_its_second_half() -> None:
    """What the first half alone shows is no certain growth."""
    growth = LEAK.growth
    assert growth is not None
    abating = replace(growth, second_half=SecondHalf(0.1, -0.2))

    assert (held_back(growth, growth.certain).low or 0.0) > 0.0
    assert held_back(abating, growth.certain, young=True).low == 0.0
    assert held_back(abating, growth.certain).low == held_back(growth, growth.certain).low
    assert outcome(replace(LEAK, growth=abating), Circumstances(Limits(), young=True)) is Outcome.INCONCLUSIVE


def test_growth_that_is_taken_back_within_the_run_is_held_back_to_what_is_left() -> None:
    """A fit that lets one part rise and another one fall by as much has found no growth."""
    growth = LEAK.growth
    assert growth is not None
    undone = replace(growth, undone=True, net_slope=10.0)

    assert held_back(undone, growth.certain).low == 10.0
    assert outcome(replace(LEAK, growth=undone), Circumstances(Limits())) is Outcome.INCONCLUSIVE
