"""What forbids a pass, and the outcome, from facts made for the purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.facts import Facts, Setting, analyse
from harness.analysis.kinds import Part
from harness.model import Interval, Limits, Outcome, Shape
from harness.rules.circumstances import Circumstances
from harness.rules.gates import judge_gates
from harness.rules.obstacles import obstacles_of
from tests.support.judged import BETWEEN, FLAT, LEAK, MB_PER_MIN, T_S, facts_of, outcome, said


def test_defaults_pass_the_flat_fail_the_leak_and_leave_room_between() -> None:
    """0.1 MB/min fails where certain, 1 MB/min passes."""
    plain = Circumstances(Limits())

    assert outcome(FLAT, plain) is Outcome.PASS
    assert outcome(LEAK, plain) is Outcome.FAIL
    assert outcome(BETWEEN, plain) is Outcome.FAIL


def test_invalid_outranks_fail_outranks_inconclusive() -> None:
    """The order of the contract."""
    invalid = Circumstances(Limits(), invalid=("the target died",))

    assert outcome(LEAK, invalid) is Outcome.INVALID
    assert outcome(LEAK, Circumstances(Limits(), cut_short="the run was interrupted")) is Outcome.FAIL
    assert outcome(FLAT, Circumstances(Limits(), cut_short="the run was interrupted")) is Outcome.INCONCLUSIVE


def test_memory_held_on_purpose_must_come_round() -> None:
    """A plan that holds memory for half an hour cannot be passed in half an hour."""
    circumstances = Circumstances(Limits(), retention_s=1800.0)

    assert outcome(FLAT, circumstances) is Outcome.INCONCLUSIVE
    assert any("come round" in o.says for o in obstacles_of(FLAT, (), circumstances))


def test_a_run_without_power_cannot_pass() -> None:
    """When a planted leak is not seen, absence of evidence is none."""
    assert outcome(FLAT, Circumstances(Limits(), has_power=False)) is Outcome.INCONCLUSIVE


def test_too_few_samples_are_inconclusive() -> None:
    """Five samples of a second each, the reason, and how many seconds would be enough."""
    facts = analyse(np.arange(5.0), np.full(5, 1e8), Setting())
    circumstances = Circumstances(Limits())

    assert outcome(facts, circumstances) is Outcome.INCONCLUSIVE
    (obstacle,) = obstacles_of(facts, (), circumstances)
    assert "too few samples" in obstacle.says
    assert obstacle.needs_s == 25.0


def test_steps_that_no_use_explains_forbid_a_pass_of_a_run_that_grows_as_well() -> None:
    """Growth that the limit allows does not explain the steps beside it."""
    steps = np.sum([4e7 * (T_S > share * T_S[-1]) for share in (0.3, 0.5, 0.8)], axis=0)
    facts = facts_of(0.3 * MB_PER_MIN * T_S + steps)
    gates = judge_gates(facts, circumstances := Circumstances(Limits(max_growth_bytes_per_h=50.0 * MB_PER_MIN * 3600)))

    assert facts.form.shape is Shape.LINEAR
    assert [gate.outcome for gate in gates] == [Outcome.PASS]
    assert any("steps up" in obstacle.says for obstacle in obstacles_of(facts, gates, circumstances))


def test_few_collections_cannot_pass_a_small_budget() -> None:
    """Five teeth of 400 MB in half an hour say nothing about 1 MB/min."""
    facts = facts_of(4e8 * (T_S % 400.0) / 400.0)
    circumstances = Circumstances(Limits())

    assert outcome(facts, circumstances) is Outcome.INCONCLUSIVE


def test_a_kind_that_mostly_failed_is_not_judged_by_its_queries() -> None:
    """Three completed queries of a hundred say nothing about what a query leaves behind."""
    part = Part("normal", 3.0, Interval(9e4, 8e4, 1e5), Interval(9e4, 8e4, 1e5), None, True, failed=97.0)
    assert LEAK.growth is not None
    facts = replace(LEAK, growth=replace(LEAK.growth, parts=(part,)))
    circumstances = Circumstances(Limits(max_growth_bytes_per_query=16_384.0))

    (gate,) = judge_gates(facts, circumstances)

    assert gate.outcome is Outcome.INCONCLUSIVE
    assert any("97 of 100 queries" in obstacle.says for obstacle in obstacles_of(facts, (gate,), circumstances))


@pytest.mark.parametrize("turns", [0.6, 0.8, 1.1])
@pytest.mark.parametrize("from_turn", [0.0, 0.25, 0.5, 0.75])
def test_most_of_a_slow_cycle_is_neither_passed_nor_failed(turns: float, from_turn: float) -> None:
    """Wherever in the cycle the run begins: it may go on, and it may come back."""
    facts = facts_of(20e6 * np.sin(2.0 * np.pi * (turns * T_S / T_S[-1] + from_turn)))

    assert outcome(facts, Circumstances(Limits())) is Outcome.INCONCLUSIVE
    assert said(facts)


@pytest.mark.parametrize("seed", range(6))
def test_a_random_walk_is_neither_passed_nor_failed(seed: int) -> None:
    """Its trend is chance, and so is having none."""
    facts = facts_of(np.cumsum(np.random.default_rng([3, seed]).normal(0.0, 5e5, T_S.size)))

    assert outcome(facts, Circumstances(Limits())) is Outcome.INCONCLUSIVE


def test_memory_that_still_falls_has_not_settled() -> None:
    """It cannot fall for ever, so the run does not show what comes after; a fall that does not matter may pass."""
    assert outcome(facts_of(-2 * MB_PER_MIN * T_S), Circumstances(Limits())) is Outcome.INCONCLUSIVE
    assert any("given back" in says for says in said(facts_of(-2 * MB_PER_MIN * T_S)))
    assert outcome(facts_of(-0.15 * MB_PER_MIN * T_S), Circumstances(Limits())) is Outcome.INCONCLUSIVE
    assert outcome(facts_of(-0.08 * MB_PER_MIN * T_S), Circumstances(Limits())) is Outcome.PASS


def _with_queries(facts: Facts, count: float) -> Facts:
    """The same memory under ``count`` queries of a kind, none of which left anything."""
    none = Interval(0.0, -100.0, 100.0)
    part = Part("normal", count, none, none, None, True)
    assert facts.growth is not None
    return replace(facts, growth=replace(facts.growth, parts=(part,)))


def test_what_matters_follows_from_the_limit_per_query_where_it_is_the_only_one() -> None:
    """The same wandering or fall is nothing beside what a thousand queries may leave, and much beside what one may."""
    only = Circumstances(Limits(max_growth_bytes_per_query=1e6))
    falls = facts_of(-0.1 * MB_PER_MIN * T_S)
    assert FLAT.growth is not None
    wanders = replace(FLAT, growth=replace(FLAT.growth, wanders=0.6))

    for facts in (wanders, falls):
        assert outcome(_with_queries(facts, 1000.0), only) is Outcome.PASS
        assert outcome(_with_queries(facts, 1.0), only) is Outcome.INCONCLUSIVE


def test_a_fall_says_how_much_is_given_back() -> None:
    """A rate to hold beside the limit."""
    (says,) = said(facts_of(-2 * MB_PER_MIN * T_S))

    assert says == "memory is still being given back at the end, 2.00 MB/min: that may hide growth"


def test_slow_movement_that_does_not_matter_may_pass() -> None:
    """Half a megabyte up and down in half an hour is nothing beside a limit of one a minute."""
    facts = facts_of(5e5 * np.sin(2.0 * np.pi * 0.8 * T_S / T_S[-1]))

    assert outcome(facts, Circumstances(Limits())) is Outcome.PASS


def test_a_young_process_may_take_some_memory_to_settle() -> None:
    """The same certain growth fails a target that was there before the run; more of it fails a young one as well."""
    little = facts_of(0.25 * MB_PER_MIN * T_S)
    young = Circumstances(Limits(), young=True)
    gates = judge_gates(little, young)
    (settling,) = (o for o in obstacles_of(little, gates, young) if "to settle" in o.says)

    assert outcome(little, Circumstances(Limits())) is Outcome.FAIL
    assert outcome(little, young) is Outcome.INCONCLUSIVE
    assert outcome(LEAK, young) is Outcome.FAIL
    assert settling.needs_s == pytest.approx(3600.0, rel=0.2)
