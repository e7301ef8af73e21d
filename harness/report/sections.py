"""The report's sections in their order: each asks what a reader asks next, and shows figures, then tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harness.analysis.levels import LevelKind
from harness.model import Event, Interval, Outcome
from harness.report import metrics, pictures
from harness.report.page import Chart, Page, Section, Table
from harness.report.pictures import Scene
from harness.report.quantity import figure, interval_text, interval_texts, limit_text, quantity
from harness.report.story import (
    HEADLINES,
    SIGNS,
    gate_limit,
    gate_title,
    gate_value,
    tiles,
    why,
)
from harness.report.text import printable, short
from harness.units import format_duration
from harness.verdict import MetricFigures, Verdict

_MOST_EVENTS = 200


def build_page(scene: Scene, memory: Chart | None) -> Page:
    """The whole report of one run; ``memory`` is its main chart, None where it has none or cannot show it."""
    verdict, run = scene.verdict, scene.run
    sections = [
        _curve(scene, memory),
        _because(verdict),
        _load(scene),
        _kinds(scene),
        _metrics(scene),
        _self(scene),
        _others(scene),
        _latencies(scene),
        _gates(verdict),
        _events(scene),
        _measured(scene),
    ]
    return Page(
        title=f"{verdict.outcome.value.upper()} · {short(run.scenario or 'run', 60)} · {short(run.run_id, 80)}",
        outcome=verdict.outcome.value,
        sign=SIGNS[verdict.outcome],
        headline=HEADLINES[verdict.outcome],
        why=why(verdict),
        facts=_facts(scene),
        tiles=tiles(verdict),
        sections=tuple(section for section in sections if not section.is_empty),
        footer=f"voice-soak · run {short(run.run_id, 80)} · intervals are two-sided 95 % · MB is 10⁶ bytes",
    )


def _facts(scene: Scene) -> tuple[str, ...]:
    run = scene.run
    speed = f"at {figure(run.speedup)} times production speed" if run.speedup != 1 else ""
    commit = f"commit {short(run.target_commit, 14)}" if run.target_commit else ""
    target = ", ".join(part for part in (run.target, commit) if part)
    queries = sum(kind.queries_count for kind in scene.verdict.kinds)
    facts = (
        f"target: {target}" if target else "",
        f"scenario {short(run.scenario or 'unknown', 60)}",
        _when(run.started_at),
        format_duration(run.end_s),
        f"{queries:,.0f} queries judged" if queries else "",
        speed,
    )
    return tuple(printable(fact) for fact in facts if fact)


def _when(started_at: str) -> str:
    """``2026-11-22 13:15 UTC``; what is no time is shown as it is."""
    try:
        moment = datetime.fromisoformat(started_at)
    except ValueError:
        return short(started_at, 40)
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return f"{utc:%Y-%m-%d %H:%M} UTC"


def _curve(scene: Scene, memory: Chart | None) -> Section:
    if memory is not None:
        return Section("", charts=(memory,))
    if scene.primary is not None and len(scene.primary.t_s):
        return Section("")  # a page without pictures
    return Section("", text=(f"There is no sample of {short(scene.evidence.primary, 80)}, so there is no curve.",))


def _because(verdict: Verdict) -> Section:
    points = [printable(reason) for reason in verdict.reasons]
    points += [f"{short(d.metric, 80)} disagrees: {printable(d.says)}" for d in verdict.disagreements]
    points += [f"Note: {printable(note)}" for note in verdict.notes]
    return Section("Why", points=tuple(points))


def _load(scene: Scene) -> Section:
    return Section("Memory against load", charts=pictures.present([pictures.load_chart(scene)]))


_DRAINED = (
    "After each load has gone, memory should come back to where it was, and that is the cheapest decisive test. "
    "A second identical load that lands at the same level was not a leak."
)


def _kinds(scene: Scene) -> Section:
    verdict = scene.verdict
    rows = [
        (
            short(kind.kind, 40),
            f"{kind.queries_count:,.0f}",
            *interval_texts((kind.bytes_per_query, kind.drained_bytes_per_query), "bytes"),
            printable(kind.reason or "", 200),
        )
        for kind in verdict.kinds
    ]
    if verdict.idle_per_h is not None:
        rows.append(("idle", "none", interval_text(verdict.idle_per_h, "bytes_per_h"), "", "growth with time alone"))
    if not rows:
        return Section("")
    head = ("kind of use", "queries", "left behind by each", "the same from drained levels alone", "remark")
    return Section(
        "What each kind of use leaves behind",
        text=(_DRAINED,) if scene.evidence.drained is not None else (),
        charts=pictures.present([pictures.kinds_chart(scene), pictures.drained_chart(scene)]),
        small=True,
        tables=(Table(head, tuple(rows)),),
    )


def _metrics(scene: Scene) -> Section:
    return _charts_of(scene, "Every other metric of the target", of_target=True)


def _others(scene: Scene) -> Section:
    return _charts_of(scene, "Every metric of generator, mock and harness", of_target=False, folded=True)


def _charts_of(scene: Scene, title: str, *, of_target: bool, folded: bool = False) -> Section:
    drawn, constant = metrics.other_metrics(scene, of_target=of_target)
    rest = len(drawn) - metrics.MOST_SMALL
    left_out = f"The first {metrics.MOST_SMALL}; the other {rest} are in verdict.json and samples/." if rest > 0 else ""
    text = tuple(line for line in (left_out, metrics.unchanged_text(scene, constant)) if line)
    return Section(title, text=text, charts=tuple(metrics.metric_charts(scene, drawn)), small=True, folded=folded)


def _self(scene: Scene) -> Section:
    chart = pictures.roles_chart(scene)
    growth = scene.verdict.self_growth
    rows = tuple(
        (name, quantity(value, "bytes_per_h"))
        for name, value in (
            ("harness", growth.harness_bytes_per_h),
            ("generator", growth.generator_bytes_per_h),
            ("mock", growth.mock_bytes_per_h),
        )
        if value is not None
    )
    if chart is None and not rows:
        return Section("")
    tables = (Table(("who", "growth of its memory"), rows),) if rows else ()
    return Section(
        "The observer is a suspect too",
        text=("Harness, load generator and mock are measured with the same probe, in the same run.",),
        charts=pictures.present([chart]),
        small=True,
        tables=tables,
    )


def _latencies(scene: Scene) -> Section:
    return Section("Latencies", charts=tuple(pictures.latency_charts(scene)), small=True)


def _gates(verdict: Verdict) -> Section:
    if not verdict.gates:
        return Section("")
    rows = tuple(
        (gate_title(gate), gate.outcome.value, gate_value(gate), gate_limit(gate), _confidence(gate.confidence))
        for gate in verdict.gates
    )
    head = ("gate", "outcome", "measured", "limit", "judged at")
    note = "A gate fails when its whole interval is beyond the limit, passes when it is within, else is inconclusive."
    return Section("Gates", tables=(Table(head, rows, outcome_column=1, note=note),))


def _confidence(confidence: float | None) -> str:
    return "" if confidence is None else f"{100 * confidence:g} % confidence"


def _events(scene: Scene) -> Section:
    events = [event for event in scene.evidence.events if not event.event.startswith(("phase_", "drain_"))]
    if not events:
        return Section("")
    counts = Counter(event.event for event in events)
    summary = ", ".join(f"{count:,} × {short(name, 40)}" for name, count in counts.most_common(20))
    shown = events[:_MOST_EVENTS]
    rows = tuple((format_duration(event.t_s), short(event.event, 40), _details(event)) for event in shown)
    rest = len(events) - len(rows)
    note = f"{rest:,} more are in events.jsonl." if rest > 0 else ""
    return Section("What happened", text=(summary,), tables=(Table(("time", "event", "details"), rows, note=note),))


def _details(event: Event) -> str:
    """The fields of an event; of one that has a text, the text and no figures that stand in it once more."""
    fields = {name: value for name, value in event.fields.items() if name != "text"}
    text = str(event.fields.get("text") or "")
    if text:
        fields = {name: value for name, value in fields.items() if not isinstance(value, dict | list)}
    return printable("; ".join(part for part in (text, _named(fields)) if part))


def _named(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_plain(value)}" for name, value in fields.items())


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _measured(scene: Scene) -> Section:
    run, verdict = scene.run, scene.verdict
    memory = verdict.memory
    terms = [
        ("Metric", f"{short(memory.metric, 80)}: {run.meaning(memory.metric)}"),
        ("Reduction", _reduction(memory)),
        (
            "Growth",
            "the slope of the smooth terms of time over the last quarter of the run, plus bytes per query times the "
            "mean rate of each kind over loaded time; a small model (line, steps, warm-up, cycles, use by kind) chosen "
            "by a penalised criterion under autocorrelated errors",
        ),
        ("Power", _power(memory)),
        ("Shape", _shape(scene)),
        ("Forecast", _forecast(verdict)),
        ("Seed", "unknown" if run.seed is None else str(run.seed)),
        ("Speed", f"{figure(run.speedup)} times production"),
        ("End of the run", run.end_words(verdict.outcome)),
        ("Host", _host(run.host)),
        ("Versions", _pairs(run.versions)),
        ("Commits", _pairs({name: value for name, value in run.commit.items() if value})),
    ]
    blocks = (("The plan as resolved", _config_text(run.config)),) if run.config else ()
    shown = tuple((term, printable(meaning, 1000)) for term, meaning in terms if meaning)
    return Section("How this was measured", terms=shown, blocks=blocks)


_LEVELS: Mapping[str, str] = {
    LevelKind.SAMPLE: "single samples",
    LevelKind.MEAN: "means of equal spans",
    LevelKind.MEDIAN: "medians of equal spans",
    LevelKind.TROUGH: "troughs of the garbage collector's saw",
    LevelKind.DRAINED: "quiet spans between uses",
}


def _config_text(config: Mapping[str, Any]) -> str:
    text = json.dumps(config, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return "\n".join(_line(line) for line in text.splitlines())


def _line(line: str) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + printable(line[indent:], 2000)


def _reduction(memory: MetricFigures) -> str:
    if not memory.levels_count:
        return f"{memory.samples_count:,} samples, too few for levels"
    what = _LEVELS.get(memory.levels_are or "", memory.levels_are or "levels")
    text = f"{memory.samples_count:,} samples reduced to {memory.levels_count:,} levels ({what})"
    if memory.facts is not None:
        text += f", worth about {memory.facts:.0f} independent facts"
    if memory.autocorrelation is not None:
        text += f" (autocorrelation {memory.autocorrelation:.2f})"
    return text


def _shape(scene: Scene) -> str:
    """The judged metric's course; a word of growth is no verdict where the gate has none."""
    if scene.primary is None:
        return ""
    says = metrics.behaviour(scene.verdict.memory, scene.primary)
    gates = [gate.outcome for gate in scene.verdict.gates if gate.name == "max_growth"]
    return f"{says}; the gate on growth is not decided" if Outcome.INCONCLUSIVE in gates else says


def _power(memory: MetricFigures) -> str:
    if memory.detectable_per_h is None:
        return "not known: too little was recorded"
    seen = quantity(memory.detectable_per_h, "bytes_per_h")
    return f"a leak of {seen} would have been seen in 95 of 100 runs like this one; a smaller one may be there"


def _forecast(verdict: Verdict) -> str:
    forecast = verdict.forecast
    if forecast.limit_bytes is None:
        return ""
    limit = limit_text(forecast.limit_bytes, "bytes")
    here = f"{_until(forecast.hours_to_limit, limit)} under load as in this run"
    production = forecast.hours_to_limit_at_production
    if verdict.memory.growth_at_production_per_h.estimate is None or production == forecast.hours_to_limit:
        return here
    return f"{here}; {_until(production, limit)} at production rate"


def _until(hours: Interval, limit: str) -> str:
    if hours.estimate is None and hours.low is None:
        return f"the limit of {limit} is not reached"
    return f"{interval_text(hours, 'h')} until the limit of {limit}"


def _host(host: Mapping[str, Any]) -> str:
    """``system Linux, 2 cores, 25.3 GB``: names with values, and what is counted as people count it."""
    return ", ".join(_part_of_host(name, value) for name, value in host.items())


def _part_of_host(name: str, value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if name.endswith("_count"):
            return f"{value:,} {name.removesuffix('_count').replace('_', ' ')}"
        if name.endswith("_bytes"):
            size = quantity(value, "bytes") if value >= 1e6 else limit_text(value, "bytes")
            return f"{size} {name.removesuffix('_bytes').replace('_', ' ')}"
    return f"{name} {_plain(value)}"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in values.items())
