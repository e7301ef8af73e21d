"""Puts the plan's further gates beside those of the verdict, and says what comes out of all of them together.

A gate is three-valued: it fails when its whole interval is beyond the limit, passes when all of it is within, and is
inconclusive between. An exact value at its limit is within.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.assess import Assessment, assess
from harness.gate import values
from harness.gate.values import Material, Value
from harness.model import EventName, Interval, Limits, Outcome, Role
from harness.plan.gate_rules import GateRule, Judged, Recorded, missing, require_recorded
from harness.plan.gates import GatesSection
from harness.plan.log_rules import gates_of, require_counted_alike, rules_of_config
from harness.report.story import gate_limit, gate_title, gate_value
from harness.rules.gates import reaching_none
from harness.store.reader import StoredRun, with_samples
from harness.verdict import GateResult, Verdict

if TYPE_CHECKING:
    from harness.plan.document import Plan


def judge_run(run_dir: Path, limits: Limits | None = None, plan: Plan | None = None) -> Assessment:
    """The run in ``run_dir`` under every gate: those of its own plan, unless ``limits`` or ``plan`` gives others.

    Raises RunFormatError, and UsageError for a gate of ``plan`` on something that was not recorded; one of the run's
    own plan is inconclusive then, because a run that ended early may lack what its plan promised.
    """
    assessment = assess(run_dir, limits)
    recorded_rules = rules_of_config(assessment.run.manifest.config)
    if plan is None:
        own = assessment.run.manifest.config.get("gates")
        gates, log_rules = GatesSection.from_config(own if isinstance(own, Mapping) else {}), recorded_rules
    else:
        gates, log_rules = plan.gates, plan.log_rules
        require_counted_alike(log_rules, recorded_rules)
    rules = gates.rules() + gates_of(log_rules)
    subjects = {rule.subject.rpartition(".")[2] for rule in rules}
    run = with_samples(assessment.run, lambda _probe, column: column.name in subjects)
    recorded = recorded_of(run, assessment)
    if plan is not None:
        require_recorded(rules, recorded)
    return with_gates(assessment, run, rules, recorded)


def recorded_of(run: StoredRun, assessment: Assessment) -> Recorded:
    """What a stored run has recorded."""
    matched = {str(event.fields.get("rule")) for event in run.events if event.event == EventName.LOG_MATCH}
    return Recorded.of(
        run.manifest.probes,
        run.load.kinds if run.load is not None else (),
        sum(phase.idle for phase in assessment.evidence.phases),
        has_memory_limit=assessment.verdict.forecast.limit_bytes is not None,
        log_rules=matched | {rule.name for rule in rules_of_config(run.manifest.config)},  # one may never have matched
    )


def with_gates(assessment: Assessment, run: StoredRun, rules: Sequence[GateRule], recorded: Recorded) -> Assessment:
    """The assessment under ``rules`` as well; one on what was not recorded is inconclusive, unless it is a default."""
    material = Material(run, assessment.verdict, assessment.evidence)
    results: list[GateResult] = []
    for rule in rules:
        problem = missing(rule, recorded)
        if problem is None:
            results += _results(rule, material, recorded)
        elif not rule.assumed:
            results.append(_gate_result(rule, values.unknown(problem), Outcome.INCONCLUSIVE))
    return replace(assessment, verdict=_merged(assessment.verdict, results))


def _results(rule: GateRule, material: Material, recorded: Recorded) -> list[GateResult]:
    measured = [_settled(rule, value, material) for value in _measured(rule, material, recorded)]
    if rule.judged is Judged.DETECTABLE:
        return [_power_result(rule, value) for value in measured]
    return [_result(rule, value) for value in measured]


def _settled(rule: GateRule, value: Value, material: Material) -> Value:
    """``value``, which cannot fail where it is growth that may be no more than a young target settling, or growth at
    another rate where that at the driven one is not certain."""
    if rule.judged is Judged.PRODUCTION_GROWTH and (material.verdict.memory.growth_per_h.low or 0.0) <= 0.0:
        return replace(value, interval=reaching_none(value.interval))
    if not material.evidence.settling or rule.judged not in _GROWTHS or not rule.unit.startswith("bytes"):
        return value
    if rule.judged is Judged.METRIC_GROWTH:
        info = material.run.manifest.probe((value.kind or "").partition(".")[0])
        if info is None or info.role is not Role.TARGET:
            return value
    return replace(value, interval=reaching_none(value.interval))


_GROWTHS = (Judged.PRODUCTION_GROWTH, Judged.IDLE_GROWTH, Judged.METRIC_GROWTH)


def _measured(rule: GateRule, material: Material, recorded: Recorded) -> list[Value]:
    verdict = material.verdict
    match rule.judged:
        case Judged.PRODUCTION_GROWTH:
            return [_known(verdict.memory.growth_at_production_per_h, "growth at the production rate is not known")]
        case Judged.IDLE_GROWTH:
            return [_known(verdict.idle_per_h, "growth while idle is not known")]
        case Judged.KIND_GROWTH:
            return [_kind_growth(material, rule.subject)]
        case Judged.DETECTABLE:
            seen = verdict.memory.detectable_per_h
            return [values.unknown("the power of the run is not known") if seen is None else values.exact(seen)]
        case Judged.TIME_TO_LIMIT:
            return [_time_to_limit(verdict)]
        case Judged.ERRORS:
            return [values.errors(material)]
        case Judged.COMPLETENESS:
            return [values.completeness(material)]
        case Judged.LATENCY_DRIFT:
            return values.latency_drift(material)
        case Judged.ANSWER_BYTES:
            return values.answer_bytes(material)
        case Judged.LOG_MATCHES:
            return [values.log_matches(material, rule.subject, rule.unit)]
        case _:
            return [_of_metric(rule.judged, material, metric) for metric in recorded.matching(rule.subject)]


def _of_metric(judged: Judged, material: Material, metric: str) -> Value:
    measure = {
        Judged.METRIC_GROWTH: values.metric_growth,
        Judged.METRIC_PEAK: values.metric_peak,
        Judged.METRIC_DRAINED: values.metric_drained,
        Judged.METRIC_PER_QUERY: values.metric_per_query,
    }[judged]
    return replace(measure(material, metric), kind=metric)


def _known(interval: Interval | None, reason: str) -> Value:
    if interval is None or interval.estimate is None:
        return values.unknown(reason)
    return Value(interval)


def _kind_growth(material: Material, kind: str) -> Value:
    figures = next((figures for figures in material.verdict.kinds if figures.kind == kind), None)
    certain = material.evidence.certain_per_query.get(kind)
    if figures is None or certain is None:
        return values.unknown("not known", kind)
    return Value(certain, figures.reason, kind)


def _time_to_limit(verdict: Verdict) -> Value:
    """Hours; a limit that is certainly never reached is very far away, and is said so."""
    hours, growth = verdict.forecast.hours_to_limit, verdict.memory.growth_per_h
    if verdict.forecast.limit_bytes is None or growth.high is None:
        return values.unknown("the time to the limit is not known")
    if hours.low is None:
        return Value(Interval(None, _NEVER_H, None, growth.confidence), "the limit is never reached at this growth")
    return Value(hours)


_NEVER_H = 1e9
"""Above any limit that a plan may ask for; JSON cannot say infinity."""


def _result(rule: GateRule, value: Value) -> GateResult:
    low, high = value.interval.low, value.interval.high
    within, beyond = (low, high) if rule.at_least else (high, low)
    sign = -1.0 if rule.at_least else 1.0
    outcome = Outcome.INCONCLUSIVE
    if beyond is not None and sign * beyond > sign * rule.limit:
        outcome = Outcome.FAIL
    elif within is not None and sign * within <= sign * rule.limit:
        outcome = Outcome.PASS
    return _gate_result(rule, value, outcome)


def _power_result(rule: GateRule, value: Value) -> GateResult:
    """Lack of power is no failure of the target: it passes or is inconclusive."""
    seen = value.interval.estimate
    return _gate_result(rule, value, Outcome.PASS if seen is not None and seen <= rule.limit else Outcome.INCONCLUSIVE)


def _gate_result(rule: GateRule, value: Value, outcome: Outcome) -> GateResult:
    interval = value.interval
    subject = value.kind or rule.subject or None
    return GateResult(
        name=rule.name,
        unit=rule.unit,
        limit=rule.limit,
        fail_above=rule.limit,
        value=interval.estimate,
        low=interval.low,
        high=interval.high,
        confidence=interval.confidence,
        outcome=outcome,
        kind=subject,
        reason=value.reason,
    )


def _merged(verdict: Verdict, results: list[GateResult]) -> Verdict:
    """The verdict with ``results`` added: further gates can only make it stricter."""
    if not results:
        return verdict
    outcome = _outcome(verdict.outcome, {gate.outcome for gate in results})
    decisive = [gate for gate in results if gate.outcome is outcome]
    kept = verdict.reasons if verdict.outcome is outcome else ()
    reasons = (*kept, *(further_sentence(gate) for gate in decisive))
    return replace(verdict, gates=(*verdict.gates, *results), outcome=outcome, reasons=reasons)


def _outcome(before: Outcome, added: set[Outcome]) -> Outcome:
    worst_first = (Outcome.INVALID, Outcome.FAIL, Outcome.INCONCLUSIVE)
    return next((outcome for outcome in worst_first if outcome is before or outcome in added), Outcome.PASS)


def further_sentence(gate: GateResult) -> str:
    """One further gate in words: ``errors: 3 % (…), beyond the limit of 1 %``."""
    relation = {Outcome.FAIL: "beyond", Outcome.PASS: "within"}.get(gate.outcome, "not certainly on one side of")
    return f"{gate_title(gate)}: {gate_value(gate)}, {relation} the limit of {gate_limit(gate)}"
