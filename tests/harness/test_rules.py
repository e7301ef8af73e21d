"""Gates, obstacles and outcome, from facts made for the purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.abating import SecondHalf
from harness.analysis.facts import Facts, Setting, analyse
from harness.analysis.growth import Part
from harness.analysis.regression import Floats
from harness.model import Interval, Limits, Outcome
from harness.rules import (
    Circumstances,
    at_production,
    figures,
    forecast,
    held_back,
    judge_gates,
    longer_s,
    obstacles_of,
    outcome_of,
    sentence,
)

T_S = np.arange(1800.0)
RNG = np.random.default_rng(5)
NOISE = 3e5 * RNG.normal(size=T_S.size)
MB_PER_MIN = 1e6 / 60.0


def _facts(y: Floats) -> Facts:
    return analyse(T_S, 2e8 + y + NOISE, Setting(material=1e3))


def _outcome(facts: Facts, circumstances: Circumstances) -> Outcome:
    gates = judge_gates(facts, circumstances)
    return outcome_of(gates, obstacles_of(facts, gates, circumstances), circumstances.invalid)


FLAT = _facts(0.0 * T_S)
LEAK = _facts(5 * MB_PER_MIN * T_S)
BETWEEN = _facts(0.5 * MB_PER_MIN * T_S)


def test_defaults_pass_the_flat_fail_the_leak_and_leave_room_between() -> None:
    """0.1 MB/min fails where certain, 1 MB/min passes."""
    plain = Circumstances(Limits())

    assert _outcome(FLAT, plain) is Outcome.PASS
    assert _outcome(LEAK, plain) is Outcome.FAIL
    assert _outcome(BETWEEN, plain) is Outcome.FAIL


def test_a_limit_replaces_the_defaults() -> None:
    """With 50 MB/min a leak of 5 passes; there is one bound, not two."""
    circumstances = Circumstances(Limits(max_growth_bytes_per_h=50e6 * 60))
    (gate,) = judge_gates(LEAK, circumstances)

    assert _outcome(LEAK, circumstances) is Outcome.PASS
    assert (gate.limit, gate.fail_above) == (50e6 * 60, 50e6 * 60)
    assert gate.high is not None
    assert gate.high < gate.limit


@pytest.mark.parametrize("outcome", list(Outcome))
def test_gates_keep_the_contract(outcome: Outcome) -> None:
    """Fail when low is above the limit, pass when high is below it, inconclusive between."""
    limits = {Outcome.PASS: 50e6 * 60, Outcome.FAIL: 1e6 * 60, Outcome.INCONCLUSIVE: 5e6 * 60}
    if outcome is Outcome.INVALID:
        return
    (gate,) = judge_gates(LEAK, Circumstances(Limits(max_growth_bytes_per_h=limits[outcome])))

    assert gate.outcome is outcome
    assert gate.low is not None
    assert gate.high is not None
    assert (gate.low > gate.limit, gate.high < gate.limit) == (outcome is Outcome.FAIL, outcome is Outcome.PASS)


def test_invalid_outranks_fail_outranks_inconclusive() -> None:
    """The order of the contract."""
    invalid = Circumstances(Limits(), invalid=("the target died",))

    assert _outcome(LEAK, invalid) is Outcome.INVALID
    assert _outcome(LEAK, Circumstances(Limits(), cut_short="the run was interrupted")) is Outcome.FAIL
    assert _outcome(FLAT, Circumstances(Limits(), cut_short="the run was interrupted")) is Outcome.INCONCLUSIVE


def test_memory_held_on_purpose_must_come_round() -> None:
    """A plan that holds memory for half an hour cannot be passed in half an hour."""
    circumstances = Circumstances(Limits(), retention_s=1800.0)

    assert _outcome(FLAT, circumstances) is Outcome.INCONCLUSIVE
    assert any("come round" in o.says for o in obstacles_of(FLAT, (), circumstances))


def test_a_run_without_power_cannot_pass() -> None:
    """When a planted leak is not seen, absence of evidence is none."""
    assert _outcome(FLAT, Circumstances(Limits(), has_power=False)) is Outcome.INCONCLUSIVE


def test_too_few_samples_are_inconclusive() -> None:
    """Five samples, and the reason."""
    facts = analyse(np.arange(5.0), np.full(5, 1e8), Setting())
    circumstances = Circumstances(Limits())

    assert _outcome(facts, circumstances) is Outcome.INCONCLUSIVE
    assert "too few samples" in obstacles_of(facts, (), circumstances)[0].says


def test_few_collections_cannot_pass_a_small_budget() -> None:
    """Five teeth of 400 MB in half an hour say nothing about 1 MB/min."""
    facts = _facts(4e8 * (T_S % 400.0) / 400.0)
    circumstances = Circumstances(Limits())

    assert _outcome(facts, circumstances) is Outcome.INCONCLUSIVE


def test_peak_memory_is_judged_as_it_was() -> None:
    """The highest sample against the limit, with no interval around it."""
    (_, gate) = judge_gates(FLAT, Circumstances(Limits(max_growth_bytes_per_h=1e9, max_memory_bytes=1e8)))

    assert (gate.name, gate.outcome) == ("max_memory", Outcome.FAIL)
    assert gate.value == FLAT.peak


def test_per_query_without_load_is_inconclusive_only_when_asked() -> None:
    """The defaults judge no query where none was recorded; a limit that was asked for is answered."""
    asked = Circumstances(Limits(max_growth_bytes_per_query=4096.0))

    assert [gate.name for gate in judge_gates(FLAT, Circumstances(Limits()))] == ["max_growth"]
    assert [gate.outcome for gate in judge_gates(FLAT, asked)] == [Outcome.INCONCLUSIVE]


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


def test_what_is_missing_has_a_length() -> None:
    """An undecided gate says how much longer the run had to be, when that is within reach."""
    facts = _facts(0.95 * MB_PER_MIN * T_S)
    (gate,) = judge_gates(facts, Circumstances(Limits(max_growth_bytes_per_h=1e6 * 60)))
    if gate.outcome is Outcome.INCONCLUSIVE:
        needs_s = longer_s(gate, facts.length_s)
        assert needs_s is None or needs_s > 0

    assert longer_s(replace(gate, outcome=Outcome.PASS), 100.0) is None


def test_sentences_name_value_interval_and_limit() -> None:
    """What people read first."""
    (gate,) = judge_gates(LEAK, Circumstances(Limits(max_growth_bytes_per_h=1e6 * 60)))

    assert sentence(gate).startswith("growth of 5.0")
    assert sentence(gate).endswith("is above the limit of 1.00 MB/min")


def test_figures_carry_their_evidence() -> None:
    """Levels, independent facts and what could have been seen stand beside the growth."""
    found = figures("target.anon_bytes", "bytes", LEAK, Circumstances(Limits()))

    assert found.growth_per_h.estimate == pytest.approx(5e6 * 60, rel=0.05)
    assert found.detectable_per_h is not None
    assert 0 < found.detectable_per_h < 1e6 * 60
    assert found.levels_count == LEAK.levels.count if LEAK.levels else False
    assert found.facts is not None


def test_a_kind_that_mostly_failed_is_not_judged_by_its_queries() -> None:
    """Three completed queries of a hundred say nothing about what a query leaves behind."""
    part = Part("normal", 3.0, Interval(9e4, 8e4, 1e5), Interval(9e4, 8e4, 1e5), None, True, failed=97.0)
    assert LEAK.growth is not None
    facts = replace(LEAK, growth=replace(LEAK.growth, parts=(part,)))
    circumstances = Circumstances(Limits(max_growth_bytes_per_query=16_384.0))

    (gate,) = judge_gates(facts, circumstances)

    assert gate.outcome is Outcome.INCONCLUSIVE
    assert any("97 of 100 queries" in obstacle.says for obstacle in obstacles_of(facts, (gate,), circumstances))


def _said(facts: Facts) -> list[str]:
    circumstances = Circumstances(Limits())
    return [obstacle.says for obstacle in obstacles_of(facts, judge_gates(facts, circumstances), circumstances)]


@pytest.mark.parametrize("turns", [0.6, 0.8, 1.1])
@pytest.mark.parametrize("from_turn", [0.0, 0.25, 0.5, 0.75])
def test_most_of_a_slow_cycle_is_neither_passed_nor_failed(turns: float, from_turn: float) -> None:
    """Wherever in the cycle the run begins: it may go on, and it may come back."""
    facts = _facts(20e6 * np.sin(2.0 * np.pi * (turns * T_S / T_S[-1] + from_turn)))

    assert _outcome(facts, Circumstances(Limits())) is Outcome.INCONCLUSIVE
    assert _said(facts)


@pytest.mark.parametrize("seed", range(6))
def test_a_random_walk_is_neither_passed_nor_failed(seed: int) -> None:
    """Its trend is chance, and so is having none."""
    facts = _facts(np.cumsum(np.random.default_rng([3, seed]).normal(0.0, 5e5, T_S.size)))

    assert _outcome(facts, Circumstances(Limits())) is Outcome.INCONCLUSIVE


def test_memory_that_still_falls_has_not_settled() -> None:
    """It cannot fall for ever, so the run does not show what comes after; a fall that does not matter may pass."""
    assert _outcome(_facts(-2 * MB_PER_MIN * T_S), Circumstances(Limits())) is Outcome.INCONCLUSIVE
    assert any("given back" in says for says in _said(_facts(-2 * MB_PER_MIN * T_S)))
    assert _outcome(_facts(-0.02 * MB_PER_MIN * T_S), Circumstances(Limits())) is Outcome.PASS


def test_slow_movement_that_does_not_matter_may_pass() -> None:
    """Half a megabyte up and down in half an hour is nothing beside a limit of one a minute."""
    facts = _facts(5e5 * np.sin(2.0 * np.pi * 0.8 * T_S / T_S[-1]))

    assert _outcome(facts, Circumstances(Limits())) is Outcome.PASS


def test_a_cycle_without_growth_is_shown_in_the_interval() -> None:
    """Where it explains the run better than a trend does, growth of none is not ruled out."""
    facts = _facts(20e6 * np.sin(2.0 * np.pi * (0.7 * T_S / T_S[-1] + 0.6)))
    growth = facts.growth
    assert growth is not None
    shown = held_back(growth, growth.at_end)

    assert growth.advantage < 0.0
    assert shown.low is not None
    assert shown.low <= 0.0


def test_a_young_process_may_take_a_twentieth_of_its_memory_to_settle() -> None:
    """The same certain growth fails a target that was there before the run; more of it fails a young one as well."""
    little = _facts(0.25 * MB_PER_MIN * T_S)
    young = Circumstances(Limits(), young=True)
    gates = judge_gates(little, young)
    (settling,) = (o for o in obstacles_of(little, gates, young) if "to settle" in o.says)

    assert _outcome(little, Circumstances(Limits())) is Outcome.FAIL
    assert _outcome(little, young) is Outcome.INCONCLUSIVE
    assert _outcome(LEAK, young) is Outcome.FAIL
    assert settling.needs_s == pytest.approx(600.0, rel=0.5)


def test_growth_that_abates_is_held_back_to_its_second_half() -> None:
    """What the first half alone shows is no certain growth."""
    growth = LEAK.growth
    assert growth is not None
    abating = replace(growth, second_half=SecondHalf(0.1, -0.2))

    assert (held_back(growth, growth.certain).low or 0.0) > 0.0
    assert held_back(abating, growth.certain).low == 0.0
    assert _outcome(replace(LEAK, growth=abating), Circumstances(Limits())) is Outcome.INCONCLUSIVE
