"""Small charts are legible without colour and survive every odd value."""

from __future__ import annotations

import re

import numpy as np
from matplotlib.figure import Figure

from harness.model import Interval
from harness.report.figures.canvas import Size, svg_text
from harness.report.figures.curves import Curve, Trend
from harness.report.figures.panels import (
    Drained,
    Estimate,
    Line,
    draw_drained,
    draw_estimates,
    draw_lines,
    draw_series,
)

SIZE = Size(440, 210)
T_S = np.arange(0.0, 100.0)


def _texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_estimates_are_written_beside_their_bars() -> None:
    """Numbers stand in the chart, unknown ones are said, the limit is labelled."""
    rows = [
        Estimate("disconnect", Interval(9e4, 8e4, 1e5), "90 kB"),
        Estimate("x" * 3000, Interval(), "not known: why"),
    ]
    wide, phone = (
        _texts(svg_text(draw_estimates(rows, "kB", 1e3, size, limit=4096.0), size, "t"))
        for size in (Size(560, 240), Size(366, 240))
    )

    assert {"90 kB", "not known: why", "disconnect", "limit 4.096"} <= set(wide)
    assert {"disconnect: 90 kB", "limit 4.096"} <= set(phone)
    assert max(len(text) for text in (*wide, *phone)) < 80


def test_words_above_a_bar_are_not_crossed_by_lines() -> None:
    """On a phone they stand on a ground of their own, over zero and the limit."""
    rows = [Estimate("disconnect", Interval(9e4, -8e4, 1e5), "90 kB")]
    grounds = []
    for width in (366, 560):
        figure = Figure(figsize=(4, 2))
        draw_estimates(rows, "kB", 1e3, Size(width, 240), limit=4096.0)(figure)
        (words,) = [text for text in figure.axes[0].texts if "90 kB" in text.get_text()]
        assert all(words.get_zorder() > line.get_zorder() for line in figure.axes[0].get_lines())
        grounds.append(words.get_bbox_patch() is not None)

    assert grounds == [True, False]


def test_half_known_intervals_are_drawn() -> None:
    """One open end, or nothing known at all, is no error."""
    rows = [Estimate("a", Interval(None, None, 5.0), "at most 5"), Estimate("b", Interval(1.0, 0.5, None), "at least")]

    assert "at most 5" in svg_text(draw_estimates(rows, "B", 1.0, SIZE), SIZE, "t")


def test_drained_levels_name_what_came_before() -> None:
    """Each kind has a marker of its own."""
    drained = Drained(np.arange(4.0), np.array([1e8, 1.1e8, 1.2e8, 1.2e8]), ["a", "b", "a", "b"], {"a": "#2f7d8c"})
    texts = _texts(svg_text(draw_drained(drained, SIZE), SIZE, "t"))

    assert {"after a", "after b", "queries completed", "MB after draining", "axis begins at 98.8 MB"} <= set(texts)


def test_lines_are_told_apart_by_dashes() -> None:
    """Four curves have four dash patterns and four names."""
    lines = [Line(name, Curve(T_S, T_S + 1)) for name in ("target", "mock", "generator", "harness")]
    svg = svg_text(draw_lines(lines, "bytes", 100.0, SIZE), SIZE, "t")

    assert {"target", "mock", "generator", "harness", "MB"} <= set(_texts(svg))
    assert len(set(re.findall(r"stroke-dasharray: ([^;\"]*)", svg))) >= 3


def test_a_trend_is_laid_over_a_single_metric() -> None:
    """One curve needs no legend; its trend is drawn."""
    trend = Trend(T_S, T_S, T_S, T_S)
    svg = svg_text(draw_lines([Line("m", Curve(T_S, T_S))], "count", 100.0, SIZE, trend=trend), SIZE, "t")

    assert "#1f4fd8" in svg
    assert "m" not in _texts(svg)


def test_a_trend_above_its_readings_is_not_cut() -> None:
    """The axis holds the fit as well as what was read."""
    trend = Trend(T_S, T_S + 500.0, T_S, T_S)
    figure = Figure(figsize=(4, 2))
    draw_lines([Line("m", Curve(T_S, T_S))], "count", 100.0, SIZE, trend=trend)(figure)

    assert figure.axes[0].get_ylim()[1] > 599.0


def test_few_readings_are_points_and_no_line() -> None:
    """Two readings have no course between them."""
    curve = Curve(np.array([0.0, 60.0]), np.array([1.0, 120.0]))
    figure = Figure(figsize=(4, 2))
    draw_lines([Line("m", curve, points=True)], "count", 100.0, SIZE)(figure)
    (drawn,) = figure.axes[0].get_lines()

    assert (drawn.get_linestyle(), drawn.get_marker()) == ("None", "o")


def test_nothing_to_draw_is_drawn_empty() -> None:
    """Curves that were never read give an empty chart."""
    lines = [Line("m", Curve(T_S, np.full(100, np.nan)))]

    assert "<svg" in svg_text(draw_lines(lines, "ms", 0.0, SIZE), SIZE, "t")
    assert "<svg" in svg_text(draw_lines([], "ms", 0.0, SIZE), SIZE, "t")


def test_latencies_start_at_zero_and_break_where_nothing_was_driven() -> None:
    """A pause of a minute is not bridged by a line."""
    t_s = np.concatenate([np.arange(10.0), np.arange(70.0, 80.0)])
    svg = svg_text(draw_series({"p95": Curve(t_s, np.full(20, 50.0))}, "ms", 80.0, SIZE), SIZE, "t")
    path = next(path for path in re.findall(r'<path d="([^"]*)"', svg) if path.count("L") > 10)

    assert path.count("M") == 2
    assert "0" in _texts(svg)
