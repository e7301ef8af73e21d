"""From a run directory to a verdict and its evidence: reads the store, calls the analysis, applies the rules.

The only module that knows both files and statistics; it computes nothing itself. ``assess`` is a function of the
directory and of the limits, so a run may be judged again tomorrow, or under other limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis.drained import Drained, drained_levels
from harness.analysis.facts import Facts, Setting, analyse
from harness.analysis.regression import Floats
from harness.analysis.segments import Phase
from harness.analysis.several import holm
from harness.analysis.usage import Load, running_totals
from harness.model import (
    IDLE_KIND,
    WARMUP_PHASE,
    ColumnKind,
    EndReason,
    Event,
    EventName,
    Limits,
    Outcome,
    Role,
    Shape,
    Unit,
)
from harness.rules import (
    Circumstances,
    Obstacle,
    figures,
    forecast,
    growth_limits,
    idle_per_h,
    judge_gates,
    kind_figures,
    longer_s,
    obstacles_of,
    outcome_of,
    sentence,
)
from harness.store.reader import End, StoredRun, read_run
from harness.store.schema import Manifest
from harness.units import (
    format_bytes,
    format_duration,
    format_rate_per_min,
    parse_bytes_per_query,
    parse_rate_bytes_per_h,
    parse_size_bytes,
)
from harness.verdict import Disagreement, SelfGrowth, Verdict

PAGE_BYTES = 4096.0
_ADVISORY_ALPHA = 0.01
_SELF_LIMIT_BYTES_PER_H = 30e6 * 60.0
"""A harness, generator or mock that certainly grows faster than this makes the run invalid."""
_PREFERRED = ("anon_bytes", "pss_bytes", "rss_bytes")
_INNER = ("heap_used_bytes", "heap_total_bytes", "external_bytes", "array_buffers_bytes")
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
    """What the charts of a report need beside the verdict; ``load`` holds running totals by kind."""

    primary: str
    metrics: dict[str, MetricEvidence]
    phases: tuple[Phase, ...]
    load: Load | None
    drained: Drained | None
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict with what it rests on."""

    verdict: Verdict
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class _Series:
    metric: str
    probe: str
    column: str
    unit: str
    role: Role
    t_s: Floats
    y: Floats


def assess(run_dir: Path, limits: Limits | None = None, ended: EndReason | None = None) -> Assessment:
    """Judge the run in ``run_dir`` under ``limits``, or those of its manifest. Raises RunFormatError if it is not a
    run.

    A run that still goes on is judged as though it ended now for the reason ``ended``.
    """
    run = read_run(run_dir)
    if ended is not None and run.end is None:
        run = replace(run, end=End(ended, 0.0, {}))
    manifest = run.manifest
    config = manifest.config
    all_series = _gauges(run)
    primary_name = _primary(manifest, all_series)
    end_s = max((float(s.t_s[-1]) for s in all_series.values() if s.t_s.size), default=0.0)
    phases = phases_of(run.events, end_s)
    load = _load(run)
    target_limits = limits if limits is not None else limits_of(config)
    setting = Setting(_cuts(run), phases, load, _material(target_limits))
    primary = all_series.get(primary_name)
    facts = _facts(primary, setting)
    circumstances = _circumstances(run, config, target_limits, phases, primary_name, facts, all_series)
    others = {name: _facts(s, setting) for name, s in all_series.items() if name != primary_name}
    circumstances = _with_self_growth(circumstances, all_series, {**others, primary_name: facts})
    circumstances = _with_power(circumstances, primary, setting, facts)
    drained = _drained(primary, setting, facts)
    return Assessment(
        _verdict(run, primary_name, all_series, facts, others, circumstances, drained),
        _evidence(run, primary_name, all_series, {**others, primary_name: facts}, phases, load, drained),
    )


def phases_of(events: tuple[Event, ...], end_s: float) -> tuple[Phase, ...]:
    """The phases and drains that the events describe; one without an end lasts until ``end_s``."""
    out: list[Phase] = []
    open_phases: dict[tuple[str, object, object], Event] = {}
    names = {
        EventName.PHASE_START: ("phase", True),
        EventName.PHASE_END: ("phase", False),
        EventName.DRAIN_START: ("drain", True),
        EventName.DRAIN_END: ("drain", False),
    }
    for event in events:
        if event.event not in names:
            continue
        what, starts = names[EventName(event.event)]
        key = (what, event.fields.get("phase"), event.fields.get("cycle"))
        if starts:
            open_phases[key] = event
        elif key in open_phases:
            out.append(_phase(what, open_phases.pop(key), event.t_s))
    out += [_phase(key[0], event, end_s) for key, event in open_phases.items() if end_s > event.t_s]
    return tuple(sorted((p for p in out if p.end_s > p.start_s), key=lambda p: (p.start_s, p.end_s)))


def _phase(what: str, start: Event, end_s: float) -> Phase:
    name, kind = str(start.fields.get("phase", "")), str(start.fields.get("kind", ""))
    cycle = start.fields.get("cycle")
    drain = what == "drain"
    warmup = WARMUP_PHASE in (name, kind)
    idle = not drain and IDLE_KIND in (kind, name)
    return Phase(name, kind, cycle if isinstance(cycle, int) else None, start.t_s, end_s, idle, drain, warmup)


def limits_of(config: Mapping[str, Any]) -> Limits:
    """The limits that a manifest's configuration names; a text is read as on the command line."""
    gates = _section(config, "gates")

    def read(names: tuple[str, ...], parse: Any) -> float | None:
        for name in names:
            value = gates.get(name)
            if isinstance(value, str):
                return float(parse(value))
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                return float(value)
        return None

    return Limits(
        read(("max_growth_bytes_per_h", "max_growth"), parse_rate_bytes_per_h),
        read(("max_growth_bytes_per_query", "max_growth_per_query"), parse_bytes_per_query),
        read(("max_memory_bytes", "max_memory"), parse_size_bytes),
    )


def _section(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, Mapping) else {}


def _number(section: Mapping[str, Any], name: str) -> float | None:
    value = section.get(name)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    return float(value) if usable else None  # type: ignore[arg-type]


def _material(limits: Limits) -> float:
    """Growth of bytes per second that is worth a word in the shape (study, section 3.1)."""
    hour, _ = growth_limits(limits)
    return (0.1e6 * 60.0 if hour is None else min(hour[0], 0.25 * hour[1])) / 3600.0


def _gauges(run: StoredRun) -> dict[str, _Series]:
    """Every gauge in bytes or counts, by ``probe.column``."""
    out: dict[str, _Series] = {}
    for name, samples in run.probes.items():
        for column in samples.info.columns:
            if column.kind is not ColumnKind.GAUGE or column.unit not in (Unit.BYTES, Unit.COUNT):
                continue
            if column.name in samples.columns:
                metric = f"{name}.{column.name}"
                y = samples.columns[column.name]
                out[metric] = _Series(metric, name, column.name, column.unit.value, samples.info.role, samples.t_s, y)
    return out


def _primary(manifest: Manifest, series: Mapping[str, _Series]) -> str:
    if manifest.primary:
        return manifest.primary
    for column in _PREFERRED:
        for metric, s in series.items():
            if s.role is Role.TARGET and s.column == column:
                return metric
    return "unknown"


def _load(run: StoredRun) -> Load | None:
    if run.load is None or run.load.t_s.size == 0:
        return None
    columns = [run.load.columns[name] for name in ("started_count", "completed_count", "failed_count")]
    kinds = np.array(run.load.kinds)[run.load.codes]
    return running_totals(run.load.t_s, kinds, *[np.nan_to_num(c) for c in columns])


def _cuts(run: StoredRun) -> tuple[float, ...]:
    """Times at which the target began anew or was disturbed."""
    roles = _roles(run)
    return tuple(
        event.t_s
        for event in run.events
        if (event.event == EventName.RESTART and roles.get(str(event.fields.get("probe")), Role.TARGET) is Role.TARGET)
        or event.event == EventName.PERTURBED
    )


def _roles(run: StoredRun) -> dict[str, Role]:
    return {probe.name: probe.role for probe in run.manifest.probes}


def _facts(series: _Series | None, setting: Setting) -> Facts:
    if series is None:
        return analyse(np.empty(0), np.empty(0), setting)
    if series.role is not Role.TARGET:
        setting = Setting(material=setting.material)
    in_bytes = series.unit == "bytes"
    setting = replace(setting, quantum=PAGE_BYTES if in_bytes else 1.0, material=setting.material if in_bytes else 0.0)
    return analyse(series.t_s, series.y, setting)


def _circumstances(
    run: StoredRun,
    config: Mapping[str, Any],
    limits: Limits,
    phases: tuple[Phase, ...],
    primary_name: str,
    facts: Facts,
    series: Mapping[str, _Series],
) -> Circumstances:
    target = _section(config, "target")
    return Circumstances(
        limits=limits,
        invalid=_invalid(run, primary_name, facts),
        cut_short=_cut_short(run),
        retention_s=_number(target, "retention_s"),
        speedup=run.manifest.speedup,
        production_queries_per_h=_number(target, "production_queries_per_h"),
        memory_limit_bytes=_memory_limit(limits, series),
        idle_phases=sum(1 for phase in phases if phase.idle),
    )


def _invalid(run: StoredRun, primary_name: str, facts: Facts) -> tuple[str, ...]:
    reasons: list[str] = []
    roles = _roles(run)
    end = _end_reason(run)
    deaths = {
        EndReason.TARGET_DIED: "the target died",
        EndReason.GENERATOR_FAILED: "the load generator failed",
        EndReason.MOCK_FAILED: "the mock failed",
        EndReason.DISK_FULL: "the disk was full, so samples are missing",
    }
    if end in deaths:
        reasons.append(deaths[end])
    for event in run.events:
        at = f"at {event.t_s:.0f} s"
        probe = str(event.fields.get("probe", ""))
        if event.event == EventName.RESTART and event.fields.get("planned") is not True:
            who = roles.get(probe, Role.TARGET).value
            reasons.append(f"the {who} restarted {at}, and that was not planned")
        elif event.event == EventName.OOM_KILL:
            reasons.append(f"the kernel killed a process of {probe or 'the target'} for lack of memory {at}")
        elif event.event == EventName.GENERATOR_SATURATED:
            reasons.append(f"the load generator was saturated {at}: {event.fields.get('reason', 'no reason given')}")
    if facts.samples == 0:
        reasons.append(f"there is no sample of the primary metric {primary_name}")
    return tuple(dict.fromkeys(reasons))


def _end_reason(run: StoredRun) -> EndReason | None:
    return None if run.end is None else run.end.reason


def _cut_short(run: StoredRun) -> str | None:
    reason = _end_reason(run)
    if reason is None:
        return "the run was cut short (it has no end.json)"
    if reason == EndReason.INTERRUPTED:
        return "the run was interrupted"
    return None


def _memory_limit(limits: Limits, series: Mapping[str, _Series]) -> float | None:
    """The container's limit, else the gate's."""
    for s in series.values():
        values = s.y[np.isfinite(s.y)]
        if s.role is Role.TARGET and s.column == "limit_bytes" and values.size and 0 < values[-1] < 2.0**60:
            return float(values[-1])
    return limits.max_memory_bytes


def _with_self_growth(
    circumstances: Circumstances, series: Mapping[str, _Series], facts: Mapping[str, Facts]
) -> Circumstances:
    reasons = list(circumstances.invalid)
    for role in (Role.HARNESS, Role.GENERATOR, Role.MOCK):
        metric = _role_metric(role, series)
        growth = facts[metric].growth if metric is not None else None
        low = growth.certain.low if growth is not None else None
        if low is not None and low * 3600.0 > _SELF_LIMIT_BYTES_PER_H:
            reasons.append(f"the {role.value} itself grew by at least {format_rate_per_min(low * 3600.0)}")
    return replace(circumstances, invalid=tuple(reasons))


def _role_metric(role: Role, series: Mapping[str, _Series]) -> str | None:
    """The memory held by ``role``: the best column that has samples."""
    for column in _PREFERRED:
        for metric, s in series.items():
            if s.role is role and s.column == column and np.any(np.isfinite(s.y)):
                return metric
    return None


def _with_power(circumstances: Circumstances, primary: _Series | None, setting: Setting, facts: Facts) -> Circumstances:
    """Plants a leak of the size of the limit into the recorded series: a run where that is not seen cannot pass."""
    hour, _ = growth_limits(circumstances.limits)
    if primary is None or facts.growth is None or hour is None or circumstances.invalid:
        return circumstances
    if any(gate.outcome is not Outcome.PASS for gate in judge_gates(facts, circumstances)):
        return circumstances
    leak = hour[1] / 3600.0
    planted = _facts(replace(primary, y=primary.y + leak * (primary.t_s - primary.t_s[0])), setting)
    seen = planted.growth is not None and planted.growth.certain.high is not None
    seen = seen and planted.growth.certain.high >= leak  # type: ignore[union-attr,operator]
    return replace(circumstances, has_power=seen)


def _drained(primary: _Series | None, setting: Setting, facts: Facts) -> Drained | None:
    if primary is None or setting.load is None or facts.levels is None:
        return None
    good = np.isfinite(primary.y) & (primary.t_s >= facts.start_s)
    return drained_levels(primary.t_s[good], primary.y[good], setting.phases, setting.load)


def _verdict(
    run: StoredRun,
    primary_name: str,
    series: Mapping[str, _Series],
    facts: Facts,
    others: Mapping[str, Facts],
    circumstances: Circumstances,
    drained: Drained | None,
) -> Verdict:
    gates = judge_gates(facts, circumstances)
    obstacles = obstacles_of(facts, gates, circumstances)
    needs_s = [gate_s for gate in gates if (gate_s := longer_s(gate, facts.length_s)) is not None]
    undecided = any(gate.outcome is Outcome.INCONCLUSIVE for gate in gates)
    if undecided and not any(obstacle.needs_s for obstacle in obstacles) and facts.growth is not None:
        obstacles = [*obstacles, _too_noisy(max(needs_s, default=None))]
    outcome = outcome_of(gates, obstacles, circumstances.invalid)
    decisive = [gate for gate in gates if gate.outcome is outcome] if outcome is not Outcome.INVALID else list(gates)
    reasons = [*circumstances.invalid, *(sentence(gate) for gate in decisive)]
    if outcome is Outcome.INCONCLUSIVE:
        reasons += [_obstacle_sentence(obstacle) for obstacle in obstacles]
    needed = [obstacle.needs_s for obstacle in obstacles if obstacle.needs_s is not None]
    metrics = tuple(figures(name, series[name].unit, f, circumstances) for name, f in others.items())
    return Verdict(
        outcome=outcome,
        reasons=tuple(reasons),
        memory=figures(primary_name, "bytes", facts, circumstances),
        metrics=metrics,
        kinds=kind_figures(facts, drained.per_query if drained is not None else {}),
        idle_per_h=idle_per_h(facts, circumstances),
        gates=gates,
        forecast=forecast(facts, circumstances),
        disagreements=_disagreements(series, primary_name, facts, others),
        self_growth=_self_growth(series, others),
        notes=tuple(run.notes),
        needs_s=max(needed) if outcome is Outcome.INCONCLUSIVE and needed else None,
    )


def _too_noisy(needs_s: float | None) -> Obstacle:
    if needs_s is None:
        return Obstacle("the growth is too close to the limit, or the run far too short, to be certain")
    return Obstacle("the growth is not certain yet", needs_s)


def _obstacle_sentence(obstacle: Obstacle) -> str:
    if obstacle.needs_s is None or obstacle.needs_s <= 0:
        return obstacle.says
    return f"{obstacle.says}; needs about {format_duration(obstacle.needs_s)} more"


def _disagreements(
    series: Mapping[str, _Series], primary_name: str, facts: Facts, others: Mapping[str, Facts]
) -> tuple[Disagreement, ...]:
    """Byte counts of the target that tell another story than the memory held, certain over all of them together."""
    growth = facts.growth
    if growth is None:
        return ()
    judged = [
        (name, f.growth)
        for name, f in others.items()
        if f.growth is not None and series[name].role is Role.TARGET and series[name].unit == "bytes"
    ]
    chances = [g.chance_of_none() for _, g in judged]
    rejected = holm(chances, _ADVISORY_ALPHA)
    held = max(growth.at_end.high or 0.0, 0.0)
    held_grows = growth.certain.low is not None and growth.certain.low > 0.0
    out = []
    for (name, g), grows in zip(judged, rejected, strict=True):
        low, estimate = g.certain.low, g.certain.estimate
        if grows and low is not None and estimate is not None and low > held and estimate > 2.0 * held:
            rate = format_rate_per_min(estimate * 3600.0)
            other = f"grows at most {format_rate_per_min(held * 3600.0)}" if held_grows else "does not grow"
            out.append(Disagreement(name, f"grows {rate} while the memory held {other}"))
        elif g.level > 1.2 * growth.level > 0.0 and series[name].column in _INNER:
            says = f"counts {format_bytes(g.level)} while the memory held is {format_bytes(growth.level)}"
            out.append(Disagreement(name, says))
    inner = [(name, g) for name, g in judged if series[name].column in _INNER]
    flat = all((g.at_end.high or 0.0) < 0.3 * (growth.at_end.estimate or 0.0) for _, g in inner)
    if inner and held_grows and flat and facts.form.shape is not Shape.PLATEAU:
        rate = format_rate_per_min((growth.at_end.estimate or 0.0) * 3600.0)
        says = (
            f"grows {rate} while {', '.join(name for name, _ in inner)} do not: suspect the allocator "
            "or fragmentation; repeat with MALLOC_ARENA_MAX=2 or another allocator, growth that vanishes was not a leak"
        )
        out.append(Disagreement(primary_name, says))
    return tuple(out)


def _self_growth(series: Mapping[str, _Series], facts: Mapping[str, Facts]) -> SelfGrowth:
    def rate(role: Role) -> float | None:
        metric = _role_metric(role, series)
        growth = facts[metric].growth if metric in facts else None  # type: ignore[index]
        return None if growth is None or growth.at_end.estimate is None else growth.at_end.estimate * 3600.0

    return SelfGrowth(rate(Role.HARNESS), rate(Role.GENERATOR), rate(Role.MOCK))


def _evidence(
    run: StoredRun,
    primary_name: str,
    series: Mapping[str, _Series],
    facts: Mapping[str, Facts],
    phases: tuple[Phase, ...],
    load: Load | None,
    drained: Drained | None,
) -> Evidence:
    metrics = {name: _metric_evidence(s, facts[name]) for name, s in series.items()}
    return Evidence(primary_name, metrics, phases, load, drained, tuple(run.events))


def _metric_evidence(series: _Series, facts: Facts) -> MetricEvidence:
    good = np.isfinite(series.y)
    t_s, y = series.t_s[good], series.y[good]
    stride = max(t_s.size // _MOST_POINTS, 1)
    levels, growth, empty = facts.levels, facts.growth, np.empty(0)
    return MetricEvidence(
        series.metric,
        series.unit,
        t_s[::stride],
        y[::stride],
        levels.t_s if levels is not None else empty,
        levels.y if levels is not None else empty,
        levels.kind.value if levels is not None else "none",
        growth.fitted if growth is not None else empty,
        growth.band if growth is not None else empty,
    )
