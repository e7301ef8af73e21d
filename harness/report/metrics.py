"""Every metric beside the judged one: what it does in words, which are drawn, and which never changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from harness.assess import MetricEvidence
from harness.model import Role
from harness.report.figures.canvas import Size
from harness.report.figures.curves import Curve
from harness.report.figures.panels import Line, draw_lines
from harness.report.page import Chart
from harness.report.pictures import Scene, drawn_chart, trend_of
from harness.report.quantity import interval_text, quantity
from harness.report.story import LEVEL_SHAPES, SHAPE_WORDS
from harness.report.text import short
from harness.units import S_PER_H
from harness.verdict import MetricFigures

MOST_SMALL = 40
FEW = 8
"""Fewer readings than this have no course: they are drawn as points."""
_SMALL = Size(440, 190)
_LEVEL_SHARE = 0.1
"""What stays level may, by its interval, have changed by this share of itself over the run."""


def behaviour(figures: MetricFigures | None, metric: MetricEvidence) -> str:
    """One metric's course in a caption: shape and growth, as far as its readings say so."""
    values = _values(metric)
    constant = constant_value(figures, metric)
    if constant is not None:
        return f"constant: {quantity(constant, metric.unit)}" + _how_few(values.size)
    growth = figures.growth_per_h if figures is not None else None
    if values.size < FEW and (growth is None or growth.estimate is None):
        return f"only {_readings(values.size)}"
    if figures is None or growth is None:
        return ""
    if growth.estimate is None:
        return SHAPE_WORDS[figures.shape]
    word = SHAPE_WORDS[figures.shape]
    if figures.shape in LEVEL_SHAPES:
        if growth.high is not None and growth.high < 0:
            word = "falls"
        elif not _is_narrow(figures, metric):
            word = "level or not, cannot be told"
    return f"{word}; {interval_text(growth, f'{figures.unit}_per_h')}"


def constant_value(figures: MetricFigures | None, metric: MetricEvidence) -> float | None:
    """The value that a metric had at all of its readings (two at least), None where it had more than one.

    Of a very long run only some readings are at hand; its levels and its peak stand for the others.
    """
    values = _values(metric)
    if values.size < 2:
        return None
    peak = [figures.peak] if figures is not None and figures.peak is not None else []
    first = float(values[0])
    return first if all(np.all(np.asarray(part) == first) for part in (values, metric.level_y, peak)) else None


def _values(metric: MetricEvidence) -> np.ndarray:
    return metric.y[np.isfinite(metric.y)]


def _readings(count: int) -> str:
    return f"{count} reading{'s' if count != 1 else ''}"


def _how_few(count: int) -> str:
    return f" ({_readings(count)})" if count < FEW else ""


def _is_narrow(figures: MetricFigures, metric: MetricEvidence) -> bool:
    """Whether all growth that its interval allows would have been little beside the metric itself."""
    low, high = figures.growth_per_h.low, figures.growth_per_h.high
    if low is None or high is None:
        return False
    length_h = float(np.ptp(metric.t_s)) / S_PER_H
    return max(abs(low), abs(high)) * length_h <= _LEVEL_SHARE * float(np.abs(_values(metric)).max(initial=0.0))


def other_metrics(scene: Scene, *, of_target: bool) -> tuple[list[str], list[str]]:
    """Metrics of the target but the primary, or those of everyone else: those to draw, and those that were
    never seen to change."""
    drawn: list[str] = []
    constant: list[str] = []
    figures = _figures(scene)
    for name, metric in scene.evidence.metrics.items():
        if name == scene.evidence.primary or (scene.run.role(name) is Role.TARGET) is not of_target:
            continue
        count = _values(metric).size
        if count:
            changed = count > 1 and constant_value(figures.get(name), metric) is None
            (drawn if changed else constant).append(name)
    return drawn, constant


def unchanged_text(scene: Scene, names: Sequence[str]) -> str:
    """``names``, none of which ever changed, in one line: ``Unchanged: target: threads 1, swap 0 B``."""
    shown = names[:MOST_SMALL]
    probes = groupby(shown, lambda name: name.partition(".")[0])
    parts = [f"{short(probe, 40)}: {', '.join(_held(scene, name) for name in group)}" for probe, group in probes]
    rest = len(names) - len(shown)
    return f"Unchanged: {'; '.join(parts)}" + (f" and {rest:,} more" if rest else "") + "." if parts else ""


def _held(scene: Scene, name: str) -> str:
    metric = scene.evidence.metrics[name]
    values = _values(metric)
    return f"{short(_short_name(name), 40)} {quantity(float(values[0]), metric.unit)}{_how_few(values.size)}"


def _short_name(metric: str) -> str:
    return _UNIT.sub("", metric.partition(".")[2]).replace("_", " ")


_UNIT = re.compile(r"_(bytes|count)$")


def metric_charts(scene: Scene, names: Sequence[str]) -> list[Chart]:
    """The first forty of ``names``, small."""
    figures, metrics = _figures(scene), scene.evidence.metrics
    shown = names[:MOST_SMALL]
    return [
        _metric_chart(scene, metrics[name], figures.get(name), file)
        for name, file in zip(shown, _file_names(shown), strict=True)
    ]


def _figures(scene: Scene) -> dict[str, MetricFigures]:
    return {figures.metric: figures for figures in scene.verdict.metrics}


def _file_names(metrics: Sequence[str]) -> list[str]:
    """A name for the chart of each; a column may be called what a file had better not be."""
    names: list[str] = []
    for number, metric in enumerate(metrics, 1):
        name = "metric-" + _UNFIT.sub("-", metric)[:80]
        names.append(f"{name}-{number}" if name in names else name)
    return names


_UNFIT = re.compile(r"[^A-Za-z0-9_]+")


def _metric_chart(scene: Scene, metric: MetricEvidence, figures: MetricFigures | None, name: str) -> Chart:
    says = behaviour(figures, metric)
    title = short(metric.metric, 60) + (f": {says}" if says else "")
    line = Line(metric.metric, Curve(metric.t_s, metric.y), points=_values(metric).size < FEW)
    trend = trend_of(metric) if metric.unit == "bytes" else None
    draw = draw_lines([line], metric.unit, scene.end_s, _SMALL, trend=trend)
    return drawn_chart(name, title, lambda _size: draw, _SMALL)
