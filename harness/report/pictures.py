"""Which charts a report has, what question each answers, and what they are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from harness.analysis.levels import LevelKind
from harness.assess import Evidence, MetricEvidence
from harness.model import IDLE_KIND, EventName, Interval, Role
from harness.recorded import PREFERRED
from harness.report.allowance import allowed_growth
from harness.report.figures.canvas import Size, inline_svg, kind_colours, png_bytes, svg_text, titled_svg
from harness.report.figures.curves import WARMUP, Curve, Span, Trend
from harness.report.figures.panels import (
    Drained,
    Estimate,
    Line,
    draw_drained,
    draw_estimates,
    draw_lines,
    draw_series,
)
from harness.report.figures.timeline import (
    LANE_HEIGHT,
    LimitLine,
    LoadPicture,
    MemoryPicture,
    draw_load,
    draw_memory,
    lanes_height,
)
from harness.report.page import Chart
from harness.report.quantity import interval_text, limit_text, measure, quantity
from harness.report.source import RunFacts
from harness.report.story import curve_title, kinds_title
from harness.report.text import printable, short
from harness.verdict import GateResult, Verdict

WIDE = Size(940, 370)
NARROW = Size(366, 350)
WIDE_LOAD = Size(940, 290)
NARROW_LOAD = Size(366, 320)
HALF = Size(560, 240)
NARROW_HALF = Size(366, 230)
_PNG_TITLE_HEIGHT = 24.0
_LOAD_BINS = 240
_USUAL_LANES = 5


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the charts of one run are drawn from."""

    run: RunFacts
    verdict: Verdict
    evidence: Evidence

    @property
    def end_s(self) -> float:
        return self.run.end_s

    @property
    def colours(self) -> dict[str, str]:
        """A colour for each kind, in the order of first use."""
        load = self.evidence.load
        return kind_colours(
            dict.fromkeys([span.kind for span in spans_of(self.evidence)] + list(load.kinds if load else ()))
        )

    @property
    def primary(self) -> MetricEvidence | None:
        return self.evidence.metrics.get(self.evidence.primary)


def memory_chart(scene: Scene) -> tuple[Chart, bytes] | None:
    """The main chart, and the same as PNG; None where the primary metric was never read."""
    picture = _memory_picture(scene)
    if picture is None:
        return None
    title = curve_title(scene.verdict)
    wide_size, narrow_size = (_with_lanes(size, picture) for size in (WIDE, NARROW))
    wide = svg_text(draw_memory(picture, wide_size), wide_size, title)
    narrow = svg_text(draw_memory(picture, narrow_size), narrow_size, title)
    png_size = Size(wide_size.width, wide_size.height + _PNG_TITLE_HEIGHT)
    png = png_bytes(draw_memory(picture, png_size, top=_PNG_TITLE_HEIGHT), png_size, title)
    note = _memory_note(scene, picture)
    return _chart("memory", title, wide, narrow, note), png


def _with_lanes(size: Size, picture: MemoryPicture) -> Size:
    """Many kinds of use take their lanes from below the curve, not from it."""
    return Size(size.width, size.height + max(0.0, lanes_height(picture.spans) - _USUAL_LANES * LANE_HEIGHT))


_LEVELS_LABELS: Mapping[str, str] = {
    LevelKind.SAMPLE: "levels judged: samples",
    LevelKind.MEAN: "levels judged: means",
    LevelKind.MEDIAN: "levels judged: medians",
    LevelKind.TROUGH: "levels judged: the troughs",
    LevelKind.DRAINED: "levels judged: quiet spans",
}


def _memory_picture(scene: Scene) -> MemoryPicture | None:
    metric = scene.primary
    if metric is None or not len(metric.t_s):
        return None
    return MemoryPicture(
        curve=scene.run.curves.get(metric.metric, Curve(metric.t_s, metric.y)),
        levels=Curve(metric.level_t_s, metric.level_y),
        levels_label=_LEVELS_LABELS.get(metric.levels_are, "levels judged"),
        trend=trend_of(metric),
        spans=spans_of(scene.evidence),
        limits=_limit_lines(scene, metric),
        marks=_marks(scene),
        colours=scene.colours,
        end_s=scene.end_s,
    )


def trend_of(metric: MetricEvidence) -> Trend | None:
    """The fit at the levels with its band; None where nothing could be fitted."""
    if not len(metric.fitted):
        return None
    band = metric.band if len(metric.band) else np.full(len(metric.fitted), np.nan)
    return Trend(metric.level_t_s, metric.fitted, metric.fitted - band, metric.fitted + band)


def spans_of(evidence: Evidence) -> list[Span]:
    """Phases as the charts shade them; drains are left blank."""
    return [
        Span(
            phase.start_s,
            phase.end_s,
            WARMUP if phase.warmup else IDLE_KIND if phase.idle else phase.kind or phase.name,
        )
        for phase in evidence.phases
        if not phase.drain
    ]


def _limit_lines(scene: Scene, metric: MetricEvidence) -> list[LimitLine]:
    lines = []
    for gate in scene.verdict.gates:
        if gate.name == "max_memory":
            lines.append(_ceiling(scene, gate.limit))
        elif gate.name == "max_growth" and len(metric.fitted):
            start = float(metric.level_t_s[0]), float(metric.fitted[0])
            time_per_h = scene.verdict.memory.growth_time_per_h.estimate
            for slope, word in _slopes(gate):
                curve = allowed_growth(start, slope, time_per_h, scene.evidence.phases, scene.end_s)
                lines.append(LimitLine(f"{word} {limit_text(slope, 'bytes_per_h')}", curve))
    forecast = scene.verdict.forecast.limit_bytes
    if forecast is not None and not any(line.ceiling for line in lines):
        lines.append(_ceiling(scene, forecast))
    return lines


def _ceiling(scene: Scene, level: float) -> LimitLine:
    curve = Curve(np.array([0.0, scene.end_s]), np.full(2, level))
    return LimitLine(f"limit {limit_text(level, 'bytes')}", curve, ceiling=True)


def _slopes(gate: GateResult) -> list[tuple[float, str]]:
    if gate.fail_above == gate.limit:
        return [(gate.limit, "limit:")]
    return [(gate.fail_above, "fails above"), (gate.limit, "passes below")]


_MARKED = {
    EventName.RESTART: "restart",
    EventName.OOM_KILL: "killed: out of memory",
    EventName.GENERATOR_SATURATED: "generator saturated",
    EventName.PERTURBED: "perturbed",
}
_MOST_MARKS = 12


def _marks(scene: Scene) -> list[tuple[float, str]]:
    marks = [(event.t_s, _MARKED[EventName(event.event)]) for event in scene.evidence.events if event.event in _MARKED]
    return marks[:_MOST_MARKS]


def _memory_note(scene: Scene, picture: MemoryPicture) -> str:
    parts = [f"{printable(scene.evidence.primary, 80)}: {scene.run.meaning(scene.evidence.primary)}."]
    known = picture.curve.values[np.isfinite(picture.curve.values)]
    if len(known):
        parts.append(f"Peak {quantity(float(known.max()), 'bytes')}, last {quantity(float(known[-1]), 'bytes')}.")
    if any(span.idle for span in picture.spans):
        parts.append("Hatched: idle; blank between phases: draining.")
        if any(not line.ceiling for line in picture.limits) and any(phase.loaded for phase in scene.evidence.phases):
            parts.append("Growth is measured in use, so the limits rise there.")
    return " ".join(parts)


def load_chart(scene: Scene) -> Chart | None:
    """Memory against the load on one time axis."""
    load, metric = scene.evidence.load, scene.primary
    if load is None or metric is None or not len(metric.t_s) or scene.end_s <= 0:
        return None
    bins = int(max(2, min(_LOAD_BINS, scene.end_s)))
    edges = np.linspace(0, scene.end_s, bins + 1)
    width_s = scene.end_s / bins
    rates = {
        kind: np.append(np.diff(steps.at(edges)) / width_s, 0.0)
        for kind, steps in zip(load.kinds, load.completed, strict=True)
    }
    curve = scene.run.curves.get(metric.metric, Curve(metric.t_s, metric.y))
    picture = LoadPicture(curve, edges, rates, scene.colours, scene.end_s)
    title = "Does memory follow the load?"
    return drawn_chart("load", title, lambda size: draw_load(picture, size), WIDE_LOAD, NARROW_LOAD)


def kinds_chart(scene: Scene) -> Chart | None:
    """Bytes that each kind of use leaves behind."""
    kinds = scene.verdict.kinds
    if not kinds:
        return None
    largest = max((abs(end) for kind in kinds for end in _ends(kind.bytes_per_query)), default=0.0)
    how = measure("bytes", largest)
    rows = [
        Estimate(
            kind.kind,
            kind.bytes_per_query,
            interval_text(kind.bytes_per_query, "bytes")
            if kind.bytes_per_query.estimate is not None
            else f"not known: {kind.reason or 'no reason given'}",
        )
        for kind in kinds
    ]
    gate = next((gate for gate in scene.verdict.gates if gate.name == "max_growth_per_query"), None)
    limit = gate.fail_above if gate is not None else None
    label = f"limit {limit_text(limit, 'bytes')}" if limit is not None else ""
    unit = f"{how.unit} left behind by a query"
    return drawn_chart(
        "kinds",
        kinds_title(scene.verdict),
        lambda size: draw_estimates(rows, unit, how.factor, size, limit=limit, limit_label=label),
        Size(560, max(240.0, 62 + 26 * len(rows))),
        Size(NARROW.width, max(160.0, 72 + 44 * len(rows))),
    )


def _ends(interval: Interval) -> list[float]:
    return [value for value in (interval.estimate, interval.low, interval.high) if value is not None]


def drained_chart(scene: Scene) -> Chart | None:
    """Levels after drains against queries: what a second load leaves."""
    drained = scene.evidence.drained
    if drained is None or scene.evidence.load is None:
        return None
    loaded = [phase for phase in scene.evidence.phases if phase.loaded or phase.warmup]
    after = [
        next((WARMUP if phase.warmup else phase.kind for phase in reversed(loaded) if phase.end_s <= t_s), "the start")
        for t_s in drained.t_s
    ]
    picture = Drained(drained.counts.sum(axis=1), drained.y, after, scene.colours)
    title = "Does each load leave more behind once it has drained?"
    return drawn_chart("drained", title, lambda size: draw_drained(picture, size), HALF, NARROW_HALF)


def roles_chart(scene: Scene) -> Chart | None:
    """The target beside those who measure and drive it."""
    lines = []
    for role in (Role.TARGET, Role.GENERATOR, Role.MOCK, Role.HARNESS):
        metric = _held_by(scene, role)
        if metric is not None:
            lines.append(Line(role.value, Curve(metric.t_s, metric.y)))
    if len(lines) < 2:
        return None
    title = "Who else grew: generator, mock, harness?"
    return drawn_chart("roles", title, lambda size: draw_lines(lines, "bytes", scene.end_s, size), HALF, NARROW_HALF)


def _held_by(scene: Scene, role: Role) -> MetricEvidence | None:
    """The memory that ``role`` holds: the metric judged for the target, else its best column that was read."""
    mine = [metric for metric in scene.evidence.metrics.values() if scene.run.role(metric.metric) is role]
    wanted = (scene.evidence.primary, *PREFERRED)
    read = [metric for metric in mine if len(metric.t_s)]
    return next((m for name in wanted for m in read if name in (m.metric, m.metric.partition(".")[2])), None)


def latency_charts(scene: Scene) -> list[Chart]:
    """Latency of each kind over time; the first chart says what the titles of all compare."""
    from_s = min((phase.start_s for phase in scene.evidence.phases if phase.loaded), default=0.0)
    charts = [
        _latency_chart(
            f"latency-{number}", f"Does {short(kind, 30)} get slower? {_drift(curves, from_s)}", curves, scene.end_s
        )
        for number, (kind, curves) in enumerate(scene.run.latencies.items(), 1)
    ]
    return [replace(charts[0], note=_DRIFT_WORDS), *charts[1:]] if charts else []


def _latency_chart(name: str, title: str, curves: dict[str, Curve], end_s: float) -> Chart:
    return drawn_chart(name, title, lambda size: draw_series(curves, "ms", end_s, size), Size(440, 210))


_JUDGED_LINE = "total p95"
_DRIFT_WORDS = (
    f"Titles compare the line {_JUDGED_LINE}, a 95th percentile for every second: its median over the first quarter of "
    "the seconds in which the kind was driven, warm-up left out, and over the last."
)


def _drift(curves: dict[str, Curve], from_s: float) -> str:
    slow = curves.get(_JUDGED_LINE)
    known = slow.values[np.isfinite(slow.values) & (slow.t_s >= from_s)] if slow is not None else np.array([])
    if len(known) < 8:
        return "Too little to say"
    quarter = len(known) // 4
    first, last = float(np.median(known[:quarter])), float(np.median(known[-quarter:]))
    ends = f"{quantity(first, 'ms')} in the first quarter, {quantity(last, 'ms')} in the last"
    return f"Typical {_JUDGED_LINE} of a second: {ends}"


def drawn_chart(
    name: str, title: str, draw: Callable[[Size], Callable[[Figure], None]], size: Size, narrow: Size | None = None
) -> Chart:
    """A chart as file and for the page, with a version of its own for phones where ``narrow`` is given."""
    text = svg_text(draw(size), size, title)
    return _chart(name, title, text, None if narrow is None else svg_text(draw(narrow), narrow, title))


def _chart(name: str, title: str, wide: str, narrow: str | None, note: str = "") -> Chart:
    phone = None if narrow is None else Markup(inline_svg(narrow, f"{name}-narrow"))
    return Chart(name, title, titled_svg(wide, title), Markup(inline_svg(wide, name)), phone, note)


def present(charts: Iterable[Chart | None]) -> tuple[Chart, ...]:
    """The charts that there are."""
    return tuple(chart for chart in charts if chart is not None)
