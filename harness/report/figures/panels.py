"""Small charts: estimates with intervals, drained levels against queries, single metrics over time, latencies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.model import Interval
from harness.report.figures.canvas import (
    BEGINS_ROOM,
    INK,
    KINDS,
    LEGEND_LINE,
    LIMIT,
    MEMORY,
    MUTED,
    SURFACE,
    TREND,
    Size,
    beginning,
    calm_limits,
    legend_grid,
    number,
    tick_room,
    tidy,
    time_scale,
    unit_scale,
)
from harness.report.figures.curves import Curve, Floats, Trend, thinned, with_gaps
from harness.report.text import distinct, short

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
    rows: Sequence[Estimate],
    unit: str,
    factor: float,
    size: Size,
    *,
    limit: float | None = None,
    limit_label: str = "",
) -> Callable[[Figure], None]:
    """Estimates (dots) with their intervals (bars) in ``unit`` = value / ``factor``; zero and the limit as lines.

    On a phone each row's words stand above its bar, so that the bars keep the width.
    """
    longest = max((len(row.name) for row in rows), default=0)
    left = max(84.0, min(150.0, 14.0 + 6.2 * longest))
    names = distinct([row.name for row in rows], 22)
    sides = {"left": 14.0, "right": 14.0} if size.narrow else {"left": left, "right": 178.0}

    def draw(figure: Figure) -> None:
        axes = _axes(figure, size, **sides, top=20 if limit is not None else 10)
        ends = [0.0] + ([limit / factor] if limit is not None else [])
        for row, estimate in enumerate(rows):
            ends += _draw_estimate(axes, row, estimate, factor)
            _write_estimate(axes, row, estimate, names[estimate.name], above=size.narrow)
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
                limit_label or f"limit {number(limit / factor)}",
                (limit / factor, 1.0),
                (0, 4),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="center",
                fontsize=8.5,
                color=LIMIT,
            )
        axes.set_yticks(range(len(rows)), ["" if size.narrow else names[row.name] for row in rows])
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


def _write_estimate(axes: Axes, row: int, estimate: Estimate, name: str, *, above: bool) -> None:
    known = any(value is not None for value in (estimate.interval.low, estimate.interval.estimate))
    text = short(estimate.text, 60)
    axes.annotate(
        f"{name}: {text}" if above else text,
        (0.0 if above else 1.0, row),
        (0, 12) if above else (10, 0),
        va="center",
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=9,
        color=INK if known else MUTED,
        annotation_clip=False,
        bbox={"facecolor": SURFACE, "edgecolor": "none", "pad": 1.0} if above else None,
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

    kinds = list(dict.fromkeys(drained.after))
    names = {kind: f"after {name}" for kind, name in distinct(kinds, 16).items()}

    def draw(figure: Figure) -> None:
        levels = drained.levels_bytes / 1e6
        low, high = calm_limits(float(np.nanmin(levels)), float(np.nanmax(levels)))
        left = tick_room(high, 58.0) + (BEGINS_ROOM if low > 0 else 0.0)
        axes = _axes(figure, size, left=left, top=_legend_height(names.values(), size))
        axes.plot(drained.queries, levels, color=MEMORY, linewidth=0.9, zorder=1)
        for number_, kind in enumerate(kinds):
            chosen = np.array([name == kind for name in drained.after])
            axes.plot(
                drained.queries[chosen],
                levels[chosen],
                linestyle="none",
                marker=_MARKERS[(number_ + number_ // len(KINDS)) % len(_MARKERS)],  # no pair of the two comes twice
                markersize=6,
                color=drained.colours.get(kind, MEMORY),
                markeredgecolor=SURFACE,
                label=names[kind],
                zorder=3,
            )
        axes.set_ylim(low, high)
        tidy(axes, x_ticks=5)
        axes.set_xlabel("queries completed")
        axes.set_ylabel(beginning("MB after draining", low))
        _legend(axes, names.values(), size)

    return draw


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One curve of a small chart; ``points`` where readings are so few that a line would invent what lies between."""

    name: str
    curve: Curve
    points: bool = False


def draw_lines(
    lines: Sequence[Line], unit: str, end_s: float, size: Size, *, trend: Trend | None = None, from_zero: bool = False
) -> Callable[[Figure], None]:
    """Curves over the run's time in one unit; told apart by dashes as well as colour."""

    names = distinct([line.name for line in lines], 20)

    def draw(figure: Figure) -> None:
        time = time_scale(end_s)
        shown = [line.curve.values for line in lines] + ([trend.fitted] if trend is not None else [])
        parts = [values[np.isfinite(values)] for values in shown]
        known = np.concatenate(parts) if parts else np.array([])
        scale = unit_scale(unit)
        low, high = _value_limits(known / scale.factor, unit, from_zero=from_zero)
        axes = _axes(
            figure,
            size,
            left=tick_room(high, 58.0) + (BEGINS_ROOM if unit == "bytes" and low > 0 else 0.0),
            top=_legend_height(names.values(), size) if len(lines) > 1 else 10,
        )
        for index, line in enumerate(lines):
            curve = thinned(line.curve, size.columns)
            axes.plot(
                curve.t_s / time.factor,
                curve.values / scale.factor,
                color=MEMORY if len(lines) == 1 else KINDS[index % len(KINDS)],
                linestyle="none" if line.points else _LINES[index % len(_LINES)],
                marker="o" if line.points else "",
                markersize=5,
                clip_on=not line.points,
                linewidth=1.1,
                label=names[line.name],
            )
        if trend is not None and len(trend.t_s):
            axes.plot(trend.t_s / time.factor, trend.fitted / scale.factor, color=TREND, linewidth=1.6)
        axes.set_xlim(0, max(end_s, 1e-9) / time.factor)
        axes.set_ylim(low, high)
        tidy(axes, y_ticks=4, x_ticks=5, whole=unit == "count")
        axes.set_xlabel(f"time, {time.unit}")
        axes.set_ylabel(beginning(scale.unit, low) if unit == "bytes" else scale.unit)
        if len(lines) > 1:
            _legend(axes, names.values(), size)

    return draw


_LEAST_SPAN = {"count": 2.0, "bytes": 0.01}
"""Of an axis, where nothing changed: things and MB, not fractions of them."""


def _value_limits(known: Floats, unit: str, *, from_zero: bool) -> tuple[float, float]:
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return (0.0, high * 1.1 or 1.0) if from_zero else calm_limits(low, high, least=_LEAST_SPAN.get(unit, 1e-9))


_SIDES = 60.0


def _legend_height(labels: Iterable[str], size: Size) -> float:
    return 14.0 + LEGEND_LINE * legend_grid(list(labels), size.width - _SIDES, most=4)[1]


def _legend(axes: Axes, labels: Iterable[str], size: Size) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=legend_grid(list(labels), size.width - _SIDES, most=4)[0],
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
