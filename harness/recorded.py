"""A stored run as the analysis wants it: metrics reduced to points, phases, load, cuts, limits, and what makes it
invalid.

Reads the store once, in constant memory; judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis.regression import Floats
from harness.analysis.segments import Phase
from harness.analysis.stream import Reduced, Reducer
from harness.analysis.usage import Load, running_totals
from harness.model import (
    IDLE_KIND,
    WARMUP_PHASE,
    Column,
    ColumnKind,
    EndReason,
    Event,
    EventName,
    Limits,
    Role,
    Unit,
)
from harness.store.reader import End, ProbeSeries, StoredRun, read_run
from harness.store.schema import ProbeInfo
from harness.units import parse_bytes_per_query, parse_rate_bytes_per_h, parse_size_bytes

TTS_CALLS_COLUMN = "tts_calls_count"
"""A counter of this name, of any probe, is the calls to the speech service; ``soak run`` reads it from its own mock."""
_SILENCE_S = 2.0
_SILENCE_RATIO = 0.1
_GAP_SPACINGS = 3.0
_USUAL_SPACING = 0.9
"""Quantile of the times between readings that is the usual one: a column that is read more and more rarely, or at
random, has no gaps."""
_MOST_MISSING = 0.25
PREFERRED = ("anon_bytes", "pss_bytes", "rss_bytes")
"""Memory held, best column first."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of a run, reduced; ``metric`` is ``probe.column``."""

    metric: str
    column: str
    unit: Unit
    kind: ColumnKind
    role: Role
    reduced: Reduced

    @property
    def t_s(self) -> Floats:
        return self.reduced.t_s

    @property
    def y(self) -> Floats:
        return self.reduced.y


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run ready to be judged; ``run`` holds everything but the samples, ``gauges`` what is judged, by name.

    ``last_row_s`` is when the last row of any probe was read, blank or not.
    """

    run: StoredRun
    gauges: dict[str, Series]
    calls: Series | None
    phases: tuple[Phase, ...]
    load: Load | None
    cuts_s: tuple[float, ...]
    primary: str
    last_row_s: float = 0.0


def read_recorded(run_dir: Path, ended: EndReason | None = None) -> Recorded:
    """The run in ``run_dir``; one that still goes on as though it ended now for the reason ``ended``."""
    reducers: dict[str, tuple[list[Column], Reducer]] = {}
    last_rows_s = [0.0]

    def take(part: ProbeSeries) -> None:
        last_rows_s.append(float(part.t_s[-1]))
        columns = [column for column in part.info.columns if column.name in part.columns]
        kept, reducer = reducers.setdefault(part.info.name, (columns, Reducer(len(columns))))
        if kept:
            reducer.add(part.t_s, np.stack([part.columns[column.name] for column in kept], axis=1))

    run = read_run(run_dir, _wanted, take)
    if ended is not None and run.end is None:
        run = replace(run, end=End(ended, 0.0, {}))
    series = _series(run, reducers)
    gauges = {s.metric: s for s in series if s.kind is ColumnKind.GAUGE}
    end_s = max((float(s.t_s[-1]) for s in series if s.t_s.size), default=0.0)
    return Recorded(
        run,
        gauges,
        next((s for s in series if s.kind is ColumnKind.COUNTER), None),
        phases_of(run.events, end_s),
        _load(run),
        _cuts(run),
        _primary(run, gauges),
        max(last_rows_s),
    )


def _wanted(_: ProbeInfo, column: Column) -> bool:
    """Gauges in bytes and counts, and the one counter that attribution needs."""
    if column.kind is ColumnKind.COUNTER:
        return column.name == TTS_CALLS_COLUMN
    return column.unit in (Unit.BYTES, Unit.COUNT)


def _series(run: StoredRun, reducers: Mapping[str, tuple[list[Column], Reducer]]) -> list[Series]:
    out = []
    for probe in run.manifest.probes:
        if probe.name not in run.probes:
            continue
        columns, reducer = reducers.get(probe.name, ([], Reducer(0)))
        results = dict(zip((column.name for column in columns), reducer.results(), strict=True))
        for column in probe.columns:
            if _wanted(probe, column):
                reduced = results.get(column.name, NOTHING)
                name = f"{probe.name}.{column.name}"
                out.append(Series(name, column.name, column.unit, column.kind, probe.role, reduced))
    return out


NOTHING = Reduced(np.empty(0), np.empty(0), 0.0, 0, 0.0)


def _primary(run: StoredRun, gauges: Mapping[str, Series]) -> str:
    if run.manifest.primary:
        return run.manifest.primary
    return role_metric(Role.TARGET, gauges) or "unknown"


def role_metric(role: Role, gauges: Mapping[str, Series]) -> str | None:
    """The memory held by ``role``: the best column that has samples."""
    for column in PREFERRED:
        for metric, s in gauges.items():
            if s.role is role and s.column == column and s.y.size:
                return metric
    return None


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
    gates = section(config, "gates")

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


def section(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The part ``name`` of a configuration, empty where there is none."""
    value = parent.get(name)
    return value if isinstance(value, Mapping) else {}


def number(section: Mapping[str, Any], name: str) -> float | None:
    """The number ``name`` above zero, or None."""
    value = section.get(name)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    return float(value) if usable else None  # type: ignore[arg-type]


def _load(run: StoredRun) -> Load | None:
    if run.load is None or run.load.t_s.size == 0:
        return None
    columns = [run.load.columns[name] for name in ("started_count", "completed_count", "failed_count")]
    kinds = np.array(run.load.kinds)[run.load.codes]
    return running_totals(run.load.t_s, kinds, *[np.nan_to_num(c) for c in columns])


def _cuts(run: StoredRun) -> tuple[float, ...]:
    """Times at which the target began anew or was disturbed."""
    roles = roles_of(run)
    return tuple(
        event.t_s
        for event in run.events
        if (event.event == EventName.RESTART and roles.get(str(event.fields.get("probe")), Role.TARGET) is Role.TARGET)
        or event.event == EventName.PERTURBED
    )


def roles_of(run: StoredRun) -> dict[str, Role]:
    return {probe.name: probe.role for probe in run.manifest.probes}


_ENDED = {
    EndReason.TARGET_DIED: "the target ended with code ",
    EndReason.GENERATOR_FAILED: "the load ended with code ",
    EndReason.MOCK_FAILED: "the mock ended with code ",
}
_MOST_WORDS = 300


def _last_words(run: StoredRun, end: EndReason) -> str:
    """With which code it ended, and why: as it said itself, else the end of its log as the session noted it."""
    begins = _ENDED.get(end)
    notes = [str(event.fields.get("text")) for event in run.events if event.event == EventName.NOTE]
    told = [text.removeprefix(begins) for text in notes if begins is not None and text.startswith(begins)]
    return f" with code {told[0][:_MOST_WORDS].rstrip(': ')}" if told else ""


def invalid_reasons(run: StoredRun) -> tuple[str, ...]:
    """What the events and the end of the run say against trusting its outcome."""
    reasons: list[str] = []
    restarts: dict[str, dict[str, list[str]]] = {}
    roles = roles_of(run)
    end = _end_reason(run)
    deaths = {
        EndReason.TARGET_DIED: "the target died",
        EndReason.GENERATOR_FAILED: "the load generator failed",
        EndReason.MOCK_FAILED: "the mock failed",
        EndReason.DISK_FULL: "the disk was full, so samples are missing",
    }
    if end in deaths:
        reasons.append(deaths[end] + _last_words(run, end))
    for event in run.events:
        at = f"at {event.t_s:.0f} s"
        probe = str(event.fields.get("probe", ""))
        if event.event == EventName.RESTART and event.fields.get("planned") is not True:
            who = roles.get(probe, Role.TARGET).value
            restarts.setdefault(who, {}).setdefault(probe, []).append(at)
        elif event.event == EventName.OOM_KILL:
            reasons.append(f"the kernel killed a process of {probe or 'the target'} for lack of memory {at}")
        elif event.event == EventName.GENERATOR_SATURATED:
            reasons.append(f"the load generator was saturated {at}: {event.fields.get('reason', 'no reason given')}")
    for who, seen in restarts.items():
        times = max(seen.values(), key=len)  # several probes of one target each see its restart
        more = f", {len(times)} times in all" if len(times) > 1 else ""
        reasons.append(f"the {who} restarted {times[0]}{more}, and that was not planned")
    return tuple(dict.fromkeys(reasons))


def missing_samples(recorded: Recorded) -> str | None:
    """Why the primary metric says too little about the run, or None: it falls silent, or has gaps."""
    series = recorded.gauges.get(recorded.primary)
    if series is None or series.t_s.size == 0:
        return None
    end_s = max(recorded.last_row_s, recorded.run.end.t_s if recorded.run.end is not None else 0.0)
    return _silence(recorded, series.t_s, end_s) or _gaps(recorded.primary, series.t_s, end_s)


def _silence(recorded: Recorded, t_s: Floats, end_s: float) -> str | None:
    """Why the primary metric says nothing about the end of the run, or None.

    A target that is read over HTTP may die without anybody seeing more of it than blanks, and a flat line up to then is
    no pass. A reading or two that failed is no silence, nor is the time between two of a column that is read rarely.
    """
    last_s = float(t_s[-1])
    spacing_s = float(np.median(np.diff(t_s))) if t_s.size > 1 else 0.0
    if end_s - last_s <= max(_SILENCE_S, _SILENCE_RATIO * end_s, _GAP_SPACINGS * spacing_s):
        return None
    why = "the target did not answer to the end" if recorded.last_row_s > last_s else "samples are missing"
    return f"there is no sample of the primary metric {recorded.primary} after {last_s:.0f} s of {end_s:.0f} s: {why}"


def _gaps(primary: str, t_s: Floats, end_s: float) -> str | None:
    """Why too much of the run since the first sample lies in gaps, or None.

    What memory did in a gap is not known, whatever it did before and after, and whether the clock, the probe or a
    capture made it. A suspended machine makes none: neither the run's clock nor the target went on.
    """
    if t_s.size < 2:
        return None
    between_s = np.diff(np.append(t_s, max(end_s, float(t_s[-1]))))
    usual_s = float(np.quantile(between_s[:-1], _USUAL_SPACING, method="lower"))
    gaps_s = between_s[between_s > max(_SILENCE_S, _GAP_SPACINGS * usual_s)] - usual_s
    missing_s, length_s = float(np.sum(gaps_s)), float(np.sum(between_s))
    if missing_s <= _MOST_MISSING * length_s:
        return None
    where = "a gap" if gaps_s.size == 1 else f"{gaps_s.size} gaps"
    return (
        f"samples of the primary metric {primary} are missing for {missing_s:.0f} s of {length_s:.0f} s, in {where}: "
        f"at most {_MOST_MISSING:.0%} may be".replace("%", " %")
    )


def _end_reason(run: StoredRun) -> EndReason | None:
    return None if run.end is None else run.end.reason


def cut_short(run: StoredRun) -> str | None:
    """Why the run can fail but not pass, or None."""
    reason = _end_reason(run)
    if reason is None:
        return "the run was cut short (it has no end.json)"
    if reason == EndReason.INTERRUPTED:
        return "the run was interrupted"
    return None
