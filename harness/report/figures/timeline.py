"""Charts along the run's time: the memory curve with its trend, and the load that caused it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from harness.model import IDLE_KIND
from harness.report.figures.canvas import (
    BEGINS_ROOM,
    IDLE,
    INK,
    LEGEND_LINE,
    LIMIT,
    MEMORY,
    MUTED,
    SURFACE,
    TREND,
    Scale,
    Size,
    beginning,
    calm_limits,
    legend_grid,
    tick_room,
    tidy,
    time_scale,
)
from harness.report.figures.curves import WARMUP, Curve, Span, Trend, thinned
from harness.report.text import distinct, short

_TINT = 0.13
_MB = 1e6
_MOST_SHADED = 80
_BAND_ROOM = 0.5
"""What a wide band may add to the height of a picture, above and below, in heights of the curve."""
_RIGHT_EDGE = 0.97
"""Beyond this part of the width a word stands to the left of its mark."""


@dataclass(frozen=True, slots=True, eq=False)
class LimitLine:
    """A ceiling, or the most growth allowed; drawn through the points of ``curve`` (bytes)."""

    label: str
    curve: Curve
    ceiling: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class MemoryPicture:
    """All that the main chart shows; ``levels`` are those judged, ``marks`` (time, word) what went wrong when."""

    curve: Curve
    levels: Curve | None = None
    levels_label: str = "levels judged"
    trend: Trend | None = None
    spans: Sequence[Span] = ()
    limits: Sequence[LimitLine] = ()
    marks: Sequence[tuple[float, str]] = ()
    colours: Mapping[str, str] = field(default_factory=dict)
    end_s: float = 0.0


def draw_memory(picture: MemoryPicture, size: Size, *, top: float = 0.0) -> Callable[[Figure], None]:
    """The main chart; ``top`` points are left free above it for a title."""

    def draw(figure: Figure) -> None:
        kinds = _kinds(picture.spans)
        scale = time_scale(picture.end_s)
        legend_top = top + _legend_height([*_curve_labels(picture), *(_label(line) for line in picture.limits)], size)
        low, high = _memory_limits(picture)
        left = max(_tick_room(low, high, size), 14 + _LANE_CHARACTER * _lane_width(kinds, size))
        axes, lanes = _stacked(figure, size, LANE_HEIGHT * len(kinds), top=legend_top, left=left)
        _shade(axes, picture, scale)
        handles = _draw_curves(axes, picture, scale, size)
        axes.set_xlim(0, max(picture.end_s, 1e-9) / scale.factor)
        axes.set_ylim(low, high)
        _draw_limits(axes, picture, scale, handles)
        _draw_marks(axes, picture.marks, scale)
        tidy(axes, x_ticks=5 if size.narrow else 9)
        axes.set_ylabel(beginning("memory held, MB", low))
        _legend(figure, handles, size, top)
        if lanes is None:
            axes.set_xlabel(f"time, {scale.unit}")
        else:
            axes.tick_params(labelbottom=False)
            _draw_lanes(lanes, picture, kinds, scale, size)
            lanes.set_xlabel(f"time, {scale.unit}")

    return draw


LANE_HEIGHT = 13.0
_LANE_CHARACTER = 5.2
_WIDEST_LANE = (11, 24)
"""Characters of a lane's name on a phone and on a page."""


def lanes_height(spans: Sequence[Span]) -> float:
    """What the lanes below the curve take of a picture's height."""
    return LANE_HEIGHT * len(_kinds(spans))


def _lane_width(kinds: Sequence[str], size: Size) -> int:
    return min(max(map(len, kinds), default=0), _WIDEST_LANE[not size.narrow])


def _tick_room(low: float, high: float, size: Size) -> float:
    return tick_room(high, 54.0 if size.narrow else 66.0) + (BEGINS_ROOM if low > 0 else 0.0)


def _kinds(spans: Sequence[Span]) -> list[str]:
    """Warm-up, then kinds in order of first use, idle last."""
    seen = list(dict.fromkeys(span.kind for span in spans))
    return sorted(seen, key=lambda kind: (kind == IDLE_KIND, kind != WARMUP))


def _stacked(figure: Figure, size: Size, lower_height: float, *, top: float, left: float) -> tuple[Axes, Axes | None]:
    """The curve above, what happened below, one time axis; sizes in points."""
    right, bottom, gap = 12.0, 38.0, 8.0
    width = (size.width - left - right) / size.width
    lower = bottom + lower_height + (gap if lower_height else 0)
    axes = figure.add_axes((left / size.width, lower / size.height, width, (size.height - top - lower) / size.height))
    if not lower_height:
        return axes, None
    below = figure.add_axes((left / size.width, bottom / size.height, width, lower_height / size.height), sharex=axes)
    return axes, below


def _shade(axes: Axes, picture: MemoryPicture, scale: Scale) -> None:
    """Phases behind the curve; where there are very many the lanes below say it better."""
    if len(picture.spans) > _MOST_SHADED:
        return
    for span in picture.spans:
        left, right = span.start_s / scale.factor, span.end_s / scale.factor
        if span.idle:
            axes.axvspan(left, right, facecolor="none", edgecolor=IDLE, hatch="///", linewidth=0, alpha=0.55)
        else:
            axes.axvspan(left, right, facecolor=picture.colours.get(span.kind, IDLE), alpha=_TINT, linewidth=0)


def _draw_curves(axes: Axes, picture: MemoryPicture, scale: Scale, size: Size) -> list[Artist]:
    curve = thinned(picture.curve, size.columns)
    dense = len(curve.t_s) < len(picture.curve.t_s)
    handles: list[Artist] = []
    handles += axes.plot(
        curve.t_s / scale.factor,
        curve.values / _MB,
        color=MEMORY,
        linewidth=0.8 if dense else 1.0,
        alpha=0.6 if dense else 1.0,
        label=_HELD_LABEL,
        zorder=2,
    )
    trend = picture.trend
    if trend is not None and len(trend.t_s):
        t = trend.t_s / scale.factor
        axes.fill_between(t, trend.low / _MB, trend.high / _MB, color=TREND, alpha=0.22, linewidth=0, zorder=3)
        handles += axes.plot(t, trend.fitted / _MB, color=TREND, linewidth=2.0, label=_BAND_LABEL, zorder=6)
    levels = picture.levels
    if levels is not None and len(levels.t_s):
        handles += axes.plot(
            levels.t_s / scale.factor,
            levels.values / _MB,
            linestyle="none",
            marker="o",
            markersize=3.4 if len(levels.t_s) <= 100 else 2.4,
            markerfacecolor=SURFACE,
            markeredgecolor=INK,
            markeredgewidth=0.9,
            label=picture.levels_label,
            zorder=5,
        )
    return handles


def _memory_limits(picture: MemoryPicture) -> tuple[float, float]:
    shown = [picture.curve.values]
    if picture.trend is not None:
        shown.append(picture.trend.fitted)
    known = np.concatenate(shown)
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    if picture.trend is not None:
        least = min(low, 0.0)  # no memory is less than none, whatever a band says
        low, high = _with_band(low, high, picture.trend)
        low = max(low, least)
    for limit in picture.limits:
        most = float(limit.curve.values.max())
        if limit.ceiling and high < most <= high + 1.5 * max(high - low, 0.2 * high):
            high = most
    return calm_limits(low / _MB, high / _MB)


def _with_band(low: float, high: float, trend: Trend) -> tuple[float, float]:
    band = np.concatenate([trend.low, trend.high])
    band = band[np.isfinite(band)]
    if not len(band):
        return low, high
    room = _BAND_ROOM * (high - low)
    return max(min(low, float(band.min())), low - room), min(max(high, float(band.max())), high + room)


_LIMIT_STYLES = ((0, (5, 3)), (0, (1.5, 2)), (0, (4, 2, 1, 2)), (0, (8, 3)))
"""Ceilings, then allowed growth: told apart without colour."""


def _draw_limits(axes: Axes, picture: MemoryPicture, scale: Scale, handles: list[Artist]) -> None:
    """Ceilings and allowed growth, as far as they are inside the picture."""
    bottom, top = axes.get_ylim()
    slopes = 0
    for limit in picture.limits:
        style = _LIMIT_STYLES[0 if limit.ceiling else 1 + slopes]
        slopes += not limit.ceiling
        if not bottom <= limit.curve.values[0] / _MB <= top:
            continue
        handles += axes.plot(
            limit.curve.t_s / scale.factor,
            limit.curve.values / _MB,
            color=LIMIT,
            linewidth=1.6,
            linestyle=style,
            label=_label(limit),
            zorder=3.5,
        )
    axes.set_ylim(bottom, top)


def _draw_marks(axes: Axes, marks: Sequence[tuple[float, str]], scale: Scale) -> None:
    edge_s = _RIGHT_EDGE * axes.get_xlim()[1] * scale.factor
    for t_s, word in marks:
        axes.axvline(t_s / scale.factor, color=LIMIT, linewidth=1.2, zorder=6)
        axes.annotate(
            short(word, 30),
            (t_s / scale.factor, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3 if t_s < edge_s else -3, -3),
            textcoords="offset points",
            rotation=90,
            ha="left" if t_s < edge_s else "right",
            va="top",
            fontsize=8.5,
            color=LIMIT,
        )


_SIDES = 20.0
_BAND_LABEL = "trend with 95 % band"
_HELD_LABEL = "memory held"


def _label(limit: LimitLine) -> str:
    return short(limit.label, 48)


def _curve_labels(picture: MemoryPicture) -> list[str]:
    """As far as they are known before drawing; one too many leaves a line free."""
    return [_HELD_LABEL, *([_BAND_LABEL] if picture.trend is not None else []), picture.levels_label]


def _legend_height(labels: Sequence[str], size: Size) -> float:
    return 10.0 + LEGEND_LINE * legend_grid(labels, size.width - _SIDES)[1]


def _legend(figure: Figure, handles: Sequence[Artist], size: Size, top: float) -> None:
    labels = [str(handle.get_label()) for handle in handles]
    figure.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(6 / size.width, 1 - (top + 2) / size.height),
        ncols=legend_grid(labels, size.width - _SIDES)[0],
        handlelength=1.8,
        columnspacing=1.4,
        borderaxespad=0,
        borderpad=0.2,
        labelspacing=0.35,
    )


def _draw_lanes(axes: Axes, picture: MemoryPicture, kinds: list[str], scale: Scale, size: Size) -> None:
    """One row a kind, a bar where it was driven: who used the target when, legible without colour."""
    for row, kind in enumerate(kinds):
        bars = [
            (span.start_s / scale.factor, (span.end_s - span.start_s) / scale.factor)
            for span in picture.spans
            if span.kind == kind
        ]
        if kind == IDLE_KIND:
            axes.broken_barh(bars, (row + 0.18, 0.64), facecolor="none", edgecolor=IDLE, hatch="////", linewidth=0.6)
        else:
            axes.broken_barh(bars, (row + 0.18, 0.64), facecolor=picture.colours.get(kind, IDLE), linewidth=0)
    axes.set_ylim(len(kinds), 0)
    tidy(axes, x_ticks=9)
    axes.grid(False)
    names = distinct(kinds, _WIDEST_LANE[not size.narrow])
    axes.set_yticks([row + 0.5 for row in range(len(kinds))], [names[kind] for kind in kinds])
    axes.tick_params(axis="y", labelsize=8.5, labelcolor=INK)
    axes.spines["bottom"].set_visible(False)


@dataclass(frozen=True, slots=True, eq=False)
class LoadPicture:
    """Completed queries a second by kind over the run (``rates[kind]`` on ``t_s``, steps), and the memory above it."""

    curve: Curve
    t_s: np.ndarray
    rates: dict[str, np.ndarray]
    colours: Mapping[str, str]
    end_s: float


def draw_load(picture: LoadPicture, size: Size) -> Callable[[Figure], None]:
    """Memory above, queries a second below, one time axis."""

    def draw(figure: Figure) -> None:
        names = distinct(picture.rates, 24)
        known = picture.curve.values[np.isfinite(picture.curve.values)] / _MB
        low, high = calm_limits(float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        left = _tick_room(low, high, size)
        top = 2 + _legend_height(list(names.values()), size)
        axes, below = _stacked(figure, size, 0.34 * size.height, top=top, left=left)
        if below is None:
            return
        scale = time_scale(picture.end_s)
        curve = thinned(picture.curve, size.columns)
        axes.plot(curve.t_s / scale.factor, curve.values / _MB, color=MEMORY, linewidth=1.0)
        axes.set_ylim(low, high)
        axes.set_xlim(0, max(picture.end_s, 1e-9) / scale.factor)
        tidy(axes, y_ticks=4, x_ticks=5 if size.narrow else 9)
        axes.tick_params(labelbottom=False)
        axes.set_ylabel(beginning("memory, MB", low))
        _draw_rates(below, picture, scale)
        tidy(below, y_ticks=3, x_ticks=5 if size.narrow else 9)
        below.set_ylabel("queries/s")
        below.set_xlabel(f"time, {scale.unit}")
        patches = [Patch(facecolor=picture.colours.get(k, IDLE), label=name) for k, name in names.items()]
        _legend(figure, patches, size, 0)

    return draw


def _draw_rates(axes: Axes, picture: LoadPicture, scale: Scale) -> None:
    base = np.zeros(len(picture.t_s))
    for kind, rates in picture.rates.items():
        upper = base + rates
        axes.fill_between(
            picture.t_s / scale.factor,
            base,
            upper,
            step="post",
            facecolor=picture.colours.get(kind, IDLE),
            edgecolor=SURFACE,
            linewidth=0.3,
        )
        base = upper
    axes.set_ylim(0, max(float(base.max(initial=0.0)) * 1.1, 1e-3))
    axes.yaxis.label.set_color(MUTED)
