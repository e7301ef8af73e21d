"""From a run directory to a verdict and its evidence: reads the run, calls the analysis, applies the rules.

Wires and computes nothing itself. ``assess`` is a function of the directory and of the limits, so a run may be judged
again tomorrow, or under other limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from harness.agreement import disagreements, grown_observers, self_growth
from harness.analysis.amplification import calls_per_query
from harness.analysis.drained import Drained, drained_levels
from harness.analysis.facts import Facts, Setting, analyse
from harness.analysis.growth import Growth
from harness.analysis.regression import Floats
from harness.analysis.segments import Phase
from harness.analysis.usage import Load, Steps
from harness.model import ContainerIdentity, EndReason, Event, Interval, Limits, Outcome, ProcessIdentity, Role, Unit
from harness.recorded import (
    NOTHING,
    PREFERRED,
    Recorded,
    Series,
    cut_short,
    invalid_reasons,
    limits_of,
    missing_samples,
    number,
    read_recorded,
    section,
)
from harness.rules.circumstances import DEFAULT_FAIL_BYTES_PER_H, Circumstances, growth_limits
from harness.rules.figures import figures, forecast, idle_per_h, kind_figures
from harness.rules.gates import certain_by_kind, judge_gates, longer_s, may_be_none, sentence
from harness.rules.obstacles import Obstacle, obstacles_of, outcome_of
from harness.store.reader import StoredRun
from harness.store.schema import Manifest
from harness.units import format_duration
from harness.verdict import GateResult, KindFigures, Verdict

__all__ = ["Assessment", "Evidence", "MetricEvidence", "assess", "setting_of"]

PAGE_BYTES = 4096.0
YOUNG_S = 600.0
"""A target that is no older when the run's clock begins may hardly have been used before."""
_MOST_POINTS = 4000


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """What a chart of one metric needs: some samples, the levels, the fit and its 95 % band at the levels."""

    metric: str
    unit: str
    t_s: Floats
    y: Floats
    level_t_s: Floats
    level_y: Floats
    levels_are: str
    fitted: Floats
    band: Floats


@dataclass(frozen=True, slots=True)
class Evidence:
    """What charts and further gates need beside the verdict; ``load`` holds running totals by kind, ``settling`` says
    that all certain growth is no more than a process that began with the run may take while it settles, or that no
    query was completed,
    ``certain_per_query`` holds the bytes that a query of each kind certainly leaves, as gates are judged."""

    primary: str
    metrics: dict[str, MetricEvidence]
    phases: tuple[Phase, ...]
    load: Load | None
    drained: Drained | None
    events: tuple[Event, ...]
    settling: bool = False
    certain_per_query: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict with what it rests on; ``run`` is the run as read, without its samples."""

    verdict: Verdict
    evidence: Evidence
    run: StoredRun


def assess(run_dir: Path, limits: Limits | None = None, ended: EndReason | None = None) -> Assessment:
    """Judge the run in ``run_dir`` under ``limits``, or those of its manifest. Raises RunFormatError if it is no run.

    A run that still goes on is judged as though it ended now for the reason ``ended``.
    """
    recorded = read_recorded(run_dir, ended)
    asked = limits if limits is not None else limits_of(recorded.run.manifest.config)
    setting = setting_of(recorded, asked)
    facts = {name: _facts(series, setting) for name, series in recorded.gauges.items()}
    primary = facts.setdefault(recorded.primary, analyse(NOTHING.t_s, NOTHING.y, setting))
    circumstances = _circumstances(recorded, asked, primary)
    observers = grown_observers(recorded.gauges, facts)
    circumstances = replace(circumstances, invalid=(*circumstances.invalid, *observers))
    circumstances = _with_power(circumstances, recorded, setting, primary)
    drained = _drained(recorded, primary)
    metrics = {name: _metric_evidence(series, facts[name]) for name, series in recorded.gauges.items()}
    evidence = Evidence(
        recorded.primary,
        metrics,
        recorded.phases,
        recorded.load,
        drained,
        recorded.run.events,
        may_be_none(facts[recorded.primary], circumstances),
        certain_by_kind(facts[recorded.primary], circumstances),
    )
    return Assessment(_verdict(recorded, facts, circumstances, drained), evidence, recorded.run)


def setting_of(recorded: Recorded, limits: Limits | None = None) -> Setting:
    """What happened around the target's series."""
    asked = limits if limits is not None else limits_of(recorded.run.manifest.config)
    return Setting(recorded.cuts_s, recorded.phases, recorded.load, _material(asked))


def _material(limits: Limits) -> float:
    """Growth of bytes per second that is worth a word in the shape (study, section 3.1).

    A generous limit does not make a growing run a level one: what may grow is the gates' matter, not the curve's.
    """
    hour, _ = growth_limits(limits)
    asked = DEFAULT_FAIL_BYTES_PER_H if hour is None else hour[0]
    return min(DEFAULT_FAIL_BYTES_PER_H, asked) / 3600.0


def _facts(series: Series, setting: Setting) -> Facts:
    if series.role is not Role.TARGET:
        setting = Setting(material=setting.material)
    in_bytes = series.unit is Unit.BYTES
    setting = replace(setting, quantum=PAGE_BYTES if in_bytes else 1.0, material=setting.material if in_bytes else 0.0)
    found = analyse(series.t_s, series.y, setting, series.reduced.resolution_s)
    return replace(found, samples=series.reduced.samples, peak=series.reduced.peak)


def _circumstances(recorded: Recorded, limits: Limits, primary: Facts) -> Circumstances:
    run = recorded.run
    invalid = invalid_reasons(run)
    if primary.samples == 0:
        invalid = (*invalid, _no_primary(recorded))
    elif recorded.gauges[recorded.primary].unit is not Unit.BYTES:
        invalid = (*invalid, f"the primary metric {recorded.primary} is not in bytes, as the limits are")
    elif not invalid and (missing := missing_samples(recorded)) is not None:  # else the reason is known already
        invalid = (missing,)
    target = section(run.manifest.config, "target")
    return Circumstances(
        limits=limits,
        invalid=invalid,
        cut_short=cut_short(run),
        retention_s=number(target, "retention_s"),
        heap_limit_bytes=number(target, "heap_limit"),
        garbage_share=number(target, "garbage_share") or 0.0,
        speedup=run.manifest.speedup,
        production_queries_per_h=number(target, "production_queries_per_h"),
        memory_limit_bytes=_memory_limit(limits, recorded),
        idle_phases=sum(1 for phase in recorded.phases if phase.idle),
        young=_began_with_the_run(run.manifest, recorded.primary),
        unused=_unused(recorded),
    )


def _unused(recorded: Recorded) -> bool:
    """Whether load.csv tells of phases with queries, none of which was completed: so few were planned, or none came
    through."""
    if recorded.run.load is None:
        return False
    counts = recorded.load.counts().values() if recorded.load is not None else ()
    return any(phase.loaded for phase in recorded.phases) and not any(counts)


def _no_primary(recorded: Recorded) -> str:
    if recorded.run.manifest.primary is None:
        return f"the manifest names no primary metric, and no probe of the target has {', '.join(PREFERRED)} to take"
    return f"there is no sample of the primary metric {recorded.primary}"


def _began_with_the_run(manifest: Manifest, primary: str) -> bool:
    """Whether what is judged was no older than ``YOUNG_S`` when the run began; an unknown age is not young."""
    info = manifest.probe(primary.partition(".")[0])
    identity = info.identity if info is not None else None
    try:
        run_s = datetime.fromisoformat(manifest.started_at).timestamp()
        if isinstance(identity, ContainerIdentity):
            return abs(run_s - datetime.fromisoformat(identity.started_at).timestamp()) < YOUNG_S
    except ValueError:
        return False
    return isinstance(identity, ProcessIdentity) and abs(run_s - identity.start_time) < YOUNG_S


def _memory_limit(limits: Limits, recorded: Recorded) -> float | None:
    """Whichever is reached first: the gate's limit, or that of the container (of the primary's own one, where several
    have one)."""
    own = recorded.primary.partition(".")[0] + ".limit_bytes"
    series = [s for s in recorded.gauges.values() if s.role is Role.TARGET and s.column == "limit_bytes" and s.y.size]
    last = [float(s.y[-1]) for s in sorted(series, key=lambda s: s.metric != own)]
    container = [limit for limit in last if 0 < limit < 2.0**60][:1]
    gate = [] if limits.max_memory_bytes is None else [limits.max_memory_bytes]
    return min(container + gate, default=None)


def _with_power(circumstances: Circumstances, recorded: Recorded, setting: Setting, facts: Facts) -> Circumstances:
    """Plants a leak of the size of the limit into the recorded series: a run where that is not seen cannot pass."""
    hour, _ = growth_limits(circumstances.limits)
    if facts.growth is None or hour is None or circumstances.invalid:
        return circumstances
    if any(gate.outcome is not Outcome.PASS for gate in judge_gates(facts, circumstances)):
        return circumstances
    leak = hour[1] / 3600.0
    series = recorded.gauges[recorded.primary]
    planted = series.y + leak * (series.t_s - series.t_s[0])
    growth = _facts(replace(series, reduced=replace(series.reduced, y=planted)), setting).growth
    high = growth.certain.high if growth is not None else None
    return replace(circumstances, has_power=high is not None and high + _certain_fall(facts.growth) >= leak)


def _certain_fall(growth: Growth) -> float:
    """By how much memory falls a second at the end, where that is certain: a leak planted into such a run shows less
    by so much, and how much of a fall is too much is a question of its own (``harness.rules.obstacles``)."""
    certain = growth.certain
    if certain.estimate is None or certain.high is None or certain.high >= 0.0:
        return 0.0
    return -certain.estimate


def _drained(recorded: Recorded, facts: Facts) -> Drained | None:
    if recorded.load is None or facts.levels is None:
        return None
    series = recorded.gauges[recorded.primary]
    after = series.t_s >= facts.start_s
    return drained_levels(series.t_s[after], series.y[after], recorded.phases, recorded.load)


def _verdict(
    recorded: Recorded, all_facts: Mapping[str, Facts], circumstances: Circumstances, drained: Drained | None
) -> Verdict:
    facts = all_facts[recorded.primary]
    others = {name: f for name, f in all_facts.items() if name != recorded.primary}
    gates = judge_gates(facts, circumstances)
    obstacles = obstacles_of(facts, gates, circumstances)
    if facts.growth is not None:
        obstacles += _undecided(gates, facts.length_s, max((o.needs_s or 0.0 for o in obstacles), default=0.0))
    outcome = outcome_of(gates, obstacles, circumstances.invalid)
    decisive = [gate for gate in gates if gate.outcome is outcome] if outcome is not Outcome.INVALID else list(gates)
    reasons = [*circumstances.invalid, *(sentence(gate) for gate in decisive)]
    if outcome is Outcome.INCONCLUSIVE:
        reasons += [_obstacle_sentence(obstacle) for obstacle in obstacles]
    elif circumstances.cut_short is not None:
        reasons.append(circumstances.cut_short)
    needed = [obstacle.needs_s for obstacle in obstacles if obstacle.needs_s is not None]
    gauges = recorded.gauges
    return Verdict(
        outcome=outcome,
        reasons=tuple(reasons),
        memory=figures(recorded.primary, "bytes", facts, circumstances),
        metrics=tuple(figures(name, gauges[name].unit.value, f, circumstances) for name, f in others.items()),
        kinds=_with_calls(recorded, kind_figures(facts, drained.per_query if drained is not None else {})),
        idle_per_h=idle_per_h(facts, circumstances),
        gates=gates,
        forecast=forecast(facts, circumstances),
        disagreements=disagreements(gauges, recorded.primary, facts, others),
        self_growth=self_growth(gauges, others),
        notes=recorded.run.notes,
        needs_s=max(needed) if outcome is Outcome.INCONCLUSIVE and needed else None,
    )


def _with_calls(recorded: Recorded, kinds: tuple[KindFigures, ...]) -> tuple[KindFigures, ...]:
    """The kinds with the calls to the speech service that each of their queries made, where those were counted."""
    load = recorded.run.load
    if recorded.calls is None or load is None:
        return kinds
    names = np.array(load.kinds)[load.codes]
    started = {
        name: Steps(load.t_s[names == name], np.cumsum(np.nan_to_num(load.columns["started_count"][names == name])))
        for name in load.kinds
    }
    calls = calls_per_query(recorded.calls.t_s, recorded.calls.y, recorded.phases, started)
    return tuple(replace(kind, tts_calls_per_query=calls.get(kind.kind)) for kind in kinds)


def _undecided(gates: tuple[GateResult, ...], length_s: float, otherwise_s: float) -> list[Obstacle]:
    """What gates that are not decided need, where that is more than the ``otherwise_s`` that other obstacles need."""
    if not any(gate.outcome is Outcome.INCONCLUSIVE for gate in gates):
        return []
    gates_s = max((gate_s for gate in gates if (gate_s := longer_s(gate, length_s)) is not None), default=0.0)
    if gates_s > otherwise_s:
        return [Obstacle("the growth is not certain yet", gates_s)]
    if otherwise_s > 0.0:
        return []
    return [Obstacle("the growth is too close to the limit, or the run far too short, to be certain")]


def _obstacle_sentence(obstacle: Obstacle) -> str:
    if obstacle.needs_s is None or obstacle.needs_s <= 0:
        return obstacle.says
    return f"{obstacle.says}; needs about {format_duration(obstacle.needs_s)} more"


def _metric_evidence(series: Series, facts: Facts) -> MetricEvidence:
    stride = max(series.t_s.size // _MOST_POINTS, 1)
    levels, growth, empty = facts.levels, facts.growth, np.empty(0)
    return MetricEvidence(
        series.metric,
        series.unit.value,
        series.t_s[::stride],
        series.y[::stride],
        levels.t_s if levels is not None else empty,
        levels.y if levels is not None else empty,
        levels.kind.value if levels is not None else "none",
        growth.fitted if growth is not None else empty,
        growth.band if growth is not None else empty,
    )
