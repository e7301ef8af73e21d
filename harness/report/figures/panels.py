"""Small charts: estimates with intervals, drained levels against queries, single metrics over time, latencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.model import Interval
from harness.report.figures.canvas import (
    INK,
    KINDS,
    LIMIT,
    MEMORY,
    MUTED,
    SURFACE,
    TREND,
    Size,
    calm_limits,
    number,
    tidy,
    time_scale,
    unit_scale,
)
from harness.report.figures.curves import Curve, Floats, Trend, thinned, with_gaps
from harness.report.text import short

_MARKERS = "osD^vP"
_LINES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1, 2)))


def _axes(
    figure: Figure, size: Size, *, left: float = 58, top: float = 10, bottom: float = 38, right: float = 12
) -> Axes:
    return figure.add_axes(
        (
            left / size.width,
            bottom / size.height,
            (size.width - left - right) / size.width,
            (size.height - top - bottom) / size.height,
        )
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """One row of an interval chart; ``text`` stands at its right."""

    name: str
    interval: Interval
    text: str


def draw_estimates(
    rows: Sequence[Estimate], unit: str, factor: float, size: Size, *, limit: float | None = None
) -> Callable[[Figure], None]:
    """Estimates (dots) with their intervals (bars) in ``unit`` = value / ``factor``; zero and the limit as lines.

    On a phone each row's words stand above its bar, so that the bars keep the width.
    """
    longest = max((len(row.name) for row in rows), default=0)
    left = max(84.0, min(150.0, 14.0 + 6.2 * longest))
    sides = {"left": 14.0, "right": 14.0} if size.narrow else {"left": left, "right": 178.0}

    def draw(figure: Figure) -> None:
        axes = _axes(figure, size, **sides, top=20 if limit is not None else 10)
        ends = [0.0] + ([limit / factor] if limit is not None else [])
        for row, estimate in enumerate(rows):
            ends += _draw_estimate(axes, row, estimate, factor)
            _write_estimate(axes, row, estimate, above=size.narrow)
        low, high = min(ends), max(ends)
        margin = 0.08 * (high - low or 1.0)
        axes.set_xlim(low - margin, high + margin)
        axes.set_ylim(len(rows) - 0.3, -0.7)
        tidy(axes, x_ticks=5)
        axes.grid(False, axis="y")
        axes.grid(True, axis="x")
        axes.axvline(0, color=INK, linewidth=1.0)
        if limit is not None:
            axes.axvline(limit / factor, color=LIMIT, linewidth=1.6, linestyle=(0, (5, 3)))
            axes.annotate(
                f"limit {number(limit / factor)}",
                (limit / factor, 1.0),
                (0, 4),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="center",
                fontsize=8.5,
                color=LIMIT,
            )
        axes.set_yticks(range(len(rows)), ["" if size.narrow else short(row.name, 22) for row in rows])
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set_xlabel(unit)

    return draw


def _draw_estimate(axes: Axes, row: int, estimate: Estimate, factor: float) -> list[float]:
    interval = estimate.interval
    middle = interval.estimate
    low, high = interval.low, interval.high
    if low is not None and high is not None:
        axes.plot(
            [low / factor, high / factor], [row, row], color=TREND, linewidth=5, alpha=0.35, solid_capstyle="butt"
        )
    known = [value / factor for value in (low, middle, high) if value is not None]
    if middle is not None:
        axes.plot([middle / factor], [row], marker="o", markersize=6, color=TREND, linestyle="none")
    return known


def _write_estimate(axes: Axes, row: int, estimate: Estimate, *, above: bool) -> None:
    known = any(value is not None for value in (estimate.interval.low, estimate.interval.estimate))
    text = short(estimate.text, 60)
    axes.annotate(
        f"{short(estimate.name, 22)}: {text}" if above else text,
        (0.0 if above else 1.0, row),
        (0, 12) if above else (10, 0),
        va="center",
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=9,
        color=INK if known else MUTED,
        annotation_clip=False,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Drained:
    """``levels_bytes`` after drains against ``queries`` completed so far; ``after`` names the kind driven before."""

    queries: Floats
    levels_bytes: Floats
    after: Sequence[str]
    colours: Mapping[str, str]


def draw_drained(drained: Drained, size: Size) -> Callable[[Figure], None]:
    """Where memory settles after each load is gone, against the queries done until then."""

    def draw(figure: Figure) -> None:
        axes = _axes(figure, size, top=28)
        levels = drained.levels_bytes / 1e6
        axes.plot(drained.queries, levels, color=MEMORY, linewidth=0.9, zorder=1)
        for number_, kind in enumerate(dict.fromkeys(drained.after)):
            chosen = np.array([name == kind for name in drained.after])
            axes.plot(
                drained.queries[chosen],
                levels[chosen],
                linestyle="none",
                marker=_MARKERS[number_ % len(_MARKERS)],
                markersize=6,
                color=drained.colours.get(kind, MEMORY),
                markeredgecolor=SURFACE,
                label=f"after {short(kind, 16)}",
                zorder=3,
            )
        axes.set_ylim(*calm_limits(float(np.nanmin(levels)), float(np.nanmax(levels))))
        tidy(axes, x_ticks=5)
        axes.set_xlabel("queries completed")
        axes.set_ylabel("MB after draining")
        _legend(axes)

    return draw


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One curve of a small chart."""

    name: str
    curve: Curve


def draw_lines(
    lines: Sequence[Line], unit: str, end_s: float, size: Size, *, trend: Trend | None = None, from_zero: bool = False
) -> Callable[[Figure], None]:
    """Curves over the run's time in one unit; told apart by dashes as well as colour."""

    def draw(figure: Figure) -> None:
        axes = _axes(figure, size, top=28 if len(lines) > 1 else 10)
        time = time_scale(end_s)
        parts = [line.curve.values[np.isfinite(line.curve.values)] for line in lines]
        known = np.concatenate(parts) if parts else np.array([])
        scale = unit_scale(unit, float(known.max(initial=0.0)))
        for index, line in enumerate(lines):
            curve = thinned(line.curve, size.columns)
            axes.plot(
                curve.t_s / time.factor,
                curve.values / scale.factor,
                color=MEMORY if len(lines) == 1 else KINDS[index % len(KINDS)],
                linestyle=_LINES[index % len(_LINES)],
                linewidth=1.1,
                label=short(line.name, 20),
            )
        if trend is not None and len(trend.t_s):
            axes.plot(trend.t_s / time.factor, trend.fitted / scale.factor, color=TREND, linewidth=1.6)
        axes.set_xlim(0, max(end_s, 1e-9) / time.factor)
        if len(known):
            low, high = float(known.min()) / scale.factor, float(known.max()) / scale.factor
            axes.set_ylim(*((0.0, high * 1.1 or 1.0) if from_zero else calm_limits(low, high)))
        tidy(axes, y_ticks=4, x_ticks=5)
        axes.set_xlabel(f"time, {time.unit}")
        axes.set_ylabel(scale.unit)
        if len(lines) > 1:
            _legend(axes)

    return draw


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=4,
        borderaxespad=0.1,
        handlelength=1.8,
        columnspacing=1.2,
        handletextpad=0.5,
    )


def draw_series(values: Mapping[str, Curve], unit: str, end_s: float, size: Size) -> Callable[[Figure], None]:
    """Latencies: several curves from zero, broken where nothing was driven."""
    longest_s = max(5.0, 0.005 * end_s)
    lines = [Line(name, with_gaps(curve, longest_s)) for name, curve in values.items()]
    return draw_lines(lines, unit, end_s, size, from_zero=True)
