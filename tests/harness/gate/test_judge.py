"""Further gates make a verdict stricter, never milder, and say what they measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from harness.assess import Assessment, assess
from harness.errors import UsageError
from harness.gate.judge import judge_run, recorded_of, with_gates
from harness.model import EndReason, Event, Interval, Limits, Outcome
from harness.plan.document import Plan
from harness.plan.gate_rules import Recorded
from harness.plan.gates import GatesSection
from harness.store.reader import StoredRun, read_run
from harness.verdict import GateResult, Verdict
from tests.support.stored_runs import FIXED, LEAKING, STARTED_AT, Recipe, write_run

CLEAN = replace(FIXED, noise_bytes=0.05e6, saw_bytes=0.0)
LIMITS = Limits(max_growth_bytes_per_h=600e6)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quiet run that passes its growth gate."""
    return write_run(tmp_path_factory.mktemp("clean"), CLEAN)


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose disconnects leak."""
    return write_run(tmp_path_factory.mktemp("leaking"), LEAKING)


def _gates(**values: Any) -> GatesSection:
    return GatesSection.model_validate(values)


def _plan(**gates: Any) -> Plan:
    return Plan.model_validate({"gates": gates})


@lru_cache
def _assessed(run: Path) -> tuple[Assessment, StoredRun, Recorded]:
    assessment, stored = assess(run, LIMITS), read_run(run)
    return assessment, stored, recorded_of(stored, assessment)


def _judge(run: Path, **values: Any) -> tuple[Outcome, GateResult]:
    (name,) = values
    assessment, stored, recorded = _assessed(run)
    verdict = with_gates(assessment, stored, _gates(**values).rules(), recorded).verdict
    return verdict.outcome, _named(verdict, name)


def _named(verdict: Verdict, name: str) -> GateResult:
    return next(gate for gate in verdict.gates if gate.name.startswith(name))


@pytest.mark.parametrize(
    ("gates", "outcome"),
    [
        ({"max_errors": 0.05}, Outcome.PASS),
        ({"min_completeness": 0.99}, Outcome.PASS),
        ({"max_latency_drift": 1.2}, Outcome.PASS),
        ({"max_answer_bytes": "300 kB"}, Outcome.PASS),
        ({"max_answer_bytes": "200 kB"}, Outcome.FAIL),
        ({"max_tts_calls_per_query": 6}, Outcome.PASS),
        ({"max_tts_calls_per_query": 2}, Outcome.FAIL),
        ({"max_active_dialogues": 0}, Outcome.PASS),
        ({"max_threads_growth": 100}, Outcome.PASS),
        ({"max_detectable": "1 GB/min"}, Outcome.PASS),
        ({"max_detectable": "1 B/day"}, Outcome.INCONCLUSIVE),
        ({"max_idle_growth": "50 MB/min"}, Outcome.PASS),
        ({"max_growth_at_production": "50 MB/min"}, Outcome.PASS),
        ({"kinds": {"normal": "1 MB"}}, Outcome.PASS),
        ({"metrics": {"app.heap_used_bytes": {"max": "1 MB"}}}, Outcome.FAIL),
        ({"metrics": {"app.heap_used_bytes": {"max": "1 GB"}}}, Outcome.PASS),
    ],
    ids=str,
)
def test_each_gate_has_its_outcome(clean: Path, gates: dict[str, Any], outcome: Outcome) -> None:
    """Pass, fail or inconclusive by where the interval lies; the run follows its worst gate."""
    whole, gate = _judge(clean, **gates)

    assert gate.outcome is outcome
    assert whole is outcome


@pytest.mark.parametrize(
    "gates",
    [
        {"max_growth_at_production": "0.2 MB/min"},
        {"max_idle_growth": "0.2 MB/min"},
        {"metrics": {"target.rss_bytes": {"max_growth": "0.2 MB/min"}}},
    ],
    ids=str,
)
def test_growth_that_a_young_target_may_take_to_settle_fails_no_gate(gates: dict[str, Any], tmp_path: Path) -> None:
    """20 MB in twenty minutes fail a target that was there before, and not one that began with the run."""
    growing = replace(CLEAN, drift_bytes_per_h=60e6)
    started_s = datetime.fromisoformat(STARTED_AT).timestamp()
    old = write_run(tmp_path / "old", growing)
    young = write_run(tmp_path / "young", replace(growing, target_start_time=started_s - 1.0))

    assert _judge(old, **gates)[1].outcome is Outcome.FAIL
    assert _judge(young, **gates)[1].outcome is Outcome.INCONCLUSIVE


def test_kinds_are_judged_alike_whichever_limits_stand_beside_them(tmp_path: Path) -> None:
    """The gate on one kind has the verdict's own guards and confidence, also where that has no limit per query: what
    a young process takes while it settles is no leak of a kind."""
    started_s = datetime.fromisoformat(STARTED_AT).timestamp()
    settling = replace(CLEAN, leak_bytes={"normal": 3000.0, "duplicate": 3000.0, "disconnect": 3000.0})
    young = write_run(tmp_path, replace(settling, target_start_time=started_s - 1.0))
    plan = _plan(kinds={"normal": "1 KiB"})
    alone = _named(judge_run(young, LIMITS, plan).verdict, "kinds")
    beside = _named(judge_run(young, Limits(max_growth_bytes_per_query=1024.0), plan).verdict, "kinds")

    assert alone == beside
    assert alone.outcome is Outcome.INCONCLUSIVE
    assert alone.confidence == 0.98


@pytest.mark.parametrize(("low", "outcome"), [(-1.0, Outcome.INCONCLUSIVE), (1.0, Outcome.FAIL)])
def test_growth_at_another_rate_is_no_more_certain_than_at_the_driven_one(
    clean: Path, low: float, outcome: Outcome
) -> None:
    """What may be a warm-up at the driven rate may be one at the rate of production."""
    assessment, stored, recorded = _assessed(clean)
    memory = replace(
        assessment.verdict.memory,
        growth_per_h=Interval(2.0, low, 3.0),
        growth_at_production_per_h=Interval(200.0, 100.0, 300.0),
    )
    judged = replace(assessment, verdict=replace(assessment.verdict, memory=memory))
    rules = _gates(max_growth_at_production="50 B/h").rules()

    assert _named(with_gates(judged, stored, rules, recorded).verdict, "max_growth_at").outcome is outcome


def test_exact_values_are_their_own_interval(clean: Path) -> None:
    """A count has no sampling error, and at its limit it is within."""
    _, gate = _judge(clean, max_active_dialogues=0)

    assert (gate.value, gate.low, gate.high) == (0.0, 0.0, 0.0)


def test_shares_have_wilsons_interval(tmp_path: Path) -> None:
    """Three per cent of failures is certainly more than one and less than ten, and neither more nor less than three."""
    run = write_run(tmp_path, replace(CLEAN, failed_ratio=0.03))
    outcomes = [_judge(run, max_errors=limit)[1].outcome for limit in (0.01, 0.03, 0.1)]

    assert outcomes == [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS]
    gate = _judge(run, max_errors=0.03)[1]
    assert gate.low is not None
    assert gate.high is not None
    assert gate.low < 0.03 < gate.high


def test_slowing_down_is_seen(tmp_path: Path) -> None:
    """Latencies that double over the run fail a drift gate, for each kind."""
    run = write_run(tmp_path, replace(CLEAN, latency_growth=1.0))
    whole, gate = _judge(run, max_latency_drift=1.2)

    assert whole is gate.outcome is Outcome.FAIL
    assert gate.kind in ("normal", "duplicate", "disconnect")
    assert gate.value is not None
    assert 1.3 < gate.value < 2.2


def test_a_run_in_which_everything_failed_does_not_pass(tmp_path: Path) -> None:
    """Level memory without a single answer is no proof: the default gate on errors says so."""
    run = write_run(tmp_path, replace(CLEAN, failed_ratio=1.0))
    verdict = judge_run(run, LIMITS).verdict

    assert verdict.outcome is Outcome.FAIL
    assert any("failed queries: 100 %" in reason for reason in verdict.reasons)


def test_further_gates_never_make_it_milder(leaking: Path) -> None:
    """A passing gate changes neither outcome nor reasons of a run that fails."""
    plain = judge_run(leaking, None, _plan()).verdict
    more = judge_run(leaking, None, _plan(max_threads_growth=1000, max_active_dialogues=5)).verdict

    assert plain.outcome is more.outcome is Outcome.FAIL
    assert more.reasons == plain.reasons
    assert len(more.gates) == len(plain.gates) + 2


def test_an_invalid_run_stays_invalid(tmp_path: Path) -> None:
    """No gate can make a run valid, or a failure of it."""
    run = write_run(tmp_path, replace(CLEAN, duration_s=300.0, end=EndReason.TARGET_DIED))

    assert (
        judge_run(run, None, _plan(max_active_dialogues=0, max_answer_bytes="1 B")).verdict.outcome is Outcome.INVALID
    )


def test_log_rules_count_their_matches(tmp_path: Path) -> None:
    """Matches are added up by rule; a rule of the plan that never matched is none."""
    events = tuple(Event(float(at), "log_match", {"rule": "leak", "count": 2}) for at in (5, 6))
    config: dict[str, object] = {
        "log_rules": [{"name": n, "contains": t} for n, t in (("leak", "LEAK"), ("crash", "Trace"))]
    }
    run = write_run(tmp_path, replace(CLEAN, more_events=events, config=config))
    gates = {gate.kind: gate for gate in judge_run(run, LIMITS, _plan(log_rules={"leak": 3, "crash": 0})).verdict.gates}

    assert (gates["leak"].value, gates["leak"].outcome) == (4.0, Outcome.FAIL)
    assert (gates["crash"].value, gates["crash"].outcome) == (0.0, Outcome.PASS)


def test_log_rules_of_the_plan_are_gates(tmp_path: Path) -> None:
    """Forbidden, expected and counted by query, with the bytes of their lines against the bytes received."""
    rules = [
        {"name": "alarm", "contains": "LEAK", "max": 0},
        {"name": "greeting", "contains": "hello", "min": 1},
        {"name": "chunk", "pattern": "made (?P<value>[0-9]+)", "max_per_query": 0.5, "min_share_of_answers": 1e-9},
    ]
    events = (
        Event(5.0, "log_match", {"rule": "alarm", "count": 2}),
        Event(6.0, "log_match", {"rule": "chunk", "count": 10**6, "value": 9e6}),
    )
    run = write_run(tmp_path, replace(CLEAN, more_events=events, config={"log_rules": rules}))
    gates = {(gate.kind, gate.unit): gate.outcome for gate in judge_run(run, LIMITS).verdict.gates if gate.kind}

    assert gates[("alarm", "count")] is Outcome.FAIL
    assert gates[("greeting", "count")] is Outcome.FAIL
    assert gates[("chunk", "count_per_query")] is Outcome.FAIL
    assert gates[("chunk", "ratio")] is Outcome.PASS


def test_another_plan_brings_its_own_bounds_of_log_rules(tmp_path: Path) -> None:
    """The matches stay as they were counted; a rule of that name that looks for another text was not counted."""
    counted = {"name": "alarm", "contains": "LEAK"}
    events = (Event(5.0, "log_match", {"rule": "alarm", "count": 2}),)
    recipe = replace(CLEAN, more_events=events, config={"log_rules": [{**counted, "max": 0}]})
    run = write_run(tmp_path, recipe)

    def outcome(rule: dict[str, object]) -> Outcome:
        plan = Plan.model_validate({"log_rules": [rule]})
        return _named(judge_run(run, LIMITS, plan).verdict, "log_rules").outcome

    assert _named(judge_run(run, LIMITS).verdict, "log_rules").outcome is Outcome.FAIL
    assert outcome({**counted, "max": 2}) is Outcome.PASS
    assert outcome({**counted, "max": 1}) is Outcome.FAIL
    with pytest.raises(UsageError, match="expected the log rule 'alarm' as the run counted it, 'LEAK'"):
        outcome({**counted, "contains": "leak", "max": 2})


@pytest.mark.parametrize(
    ("recipe", "gates"),
    [
        (replace(CLEAN, with_load=False), {"max_errors": 0.1}),
        (CLEAN, {"max_sockets_growth": 1}),
        (CLEAN, {"kinds": {"barge-in": "1 KiB"}}),
        (CLEAN, {"min_time_to_limit": "7d"}),
        (CLEAN, {"log_rules": {"leak": 0}}),
        (CLEAN, {"metrics": {"nothing_count": {"max": 1}}}),
    ],
    ids=str,
)
def test_a_gate_on_what_was_not_recorded_is_refused(recipe: Recipe, gates: dict[str, Any], tmp_path: Path) -> None:
    """Asked for now: a mistake of usage. In the run's own plan: inconclusive, because the run may have ended early."""
    run = write_run(tmp_path / "asked", replace(recipe, duration_s=120.0))
    with pytest.raises(UsageError, match="does not record"):
        judge_run(run, LIMITS, _plan(**gates))
    planned = replace(recipe, duration_s=120.0, config={"gates": _gates(**gates).to_config()})
    verdict = judge_run(write_run(tmp_path / "planned", planned)).verdict

    gate = _named(verdict, next(iter(gates)))
    assert gate.outcome is Outcome.INCONCLUSIVE
    assert gate.reason is not None
    assert verdict.outcome is not Outcome.PASS


def test_time_to_the_limit_is_judged_from_below(leaking: Path) -> None:
    """A leak that reaches the limit tomorrow fails a gate of a week."""
    verdict = judge_run(leaking, Limits(max_memory_bytes=2e9), _plan(min_time_to_limit="7d")).verdict
    gate = _named(verdict, "min_time_to_limit")

    assert gate.outcome is Outcome.FAIL
    assert gate.value is not None
    assert gate.value < 24


def test_every_gate_stands_in_the_documented_table() -> None:
    """With what holds where it is not given."""
    table = (Path(__file__).parents[3] / "docs" / "ci.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("| `")]

    for name in GatesSection.model_fields:
        assert any(f"`{name}`" in row or f"[gates.{name}" in row for row in rows), name
