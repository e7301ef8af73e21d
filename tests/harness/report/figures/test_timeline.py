"""The main chart shows curve, trend, levels, limits, phases and marks, at any length and width."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from harness.report.figures.canvas import Size, kind_colours, svg_text
from harness.report.figures.curves import Curve, Span, Trend
from harness.report.figures.timeline import LimitLine, LoadPicture, MemoryPicture, draw_load, draw_memory

T_S = np.arange(0.0, 600.0)
MEMORY = 100e6 + 1e4 * T_S
SPANS = [Span(0, 60, "warm-up"), Span(60, 200, "normal"), Span(220, 300, "idle"), Span(300, 500, "<kind> & $co$")]
COLOURS = kind_colours(span.kind for span in SPANS)
PICTURE = MemoryPicture(
    Curve(T_S, MEMORY),
    Curve(T_S[::20], MEMORY[::20]),
    "levels judged",
    Trend(T_S[::20], MEMORY[::20], MEMORY[::20] - 1e6, MEMORY[::20] + 1e6),
    SPANS,
    [
        LimitLine("limit 110 MB", Curve(np.array([0.0, 600.0]), np.full(2, 110e6)), ceiling=True),
        LimitLine("fails above 1 MB/min", Curve(np.array([0.0, 600.0]), np.array([100e6, 110e6]))),
    ],
    [(400.0, "restart")],
    COLOURS,
    600.0,
)
WIDE, NARROW = Size(940, 370), Size(366, 350)


def _texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_everything_is_named_in_the_legend_and_the_lanes(size: Size) -> None:
    """What a line is can be read without colour; every kind has a lane with its name."""
    texts = _texts(svg_text(draw_memory(PICTURE, size), size, "t"))

    for text in ("memory held", "trend with 95 % band", "levels judged", "limit 110 MB", "fails above 1 MB/min"):
        assert text in texts
    for lane in ("warm-up", "normal", "idle", "restart", "time, min", "memory held, MB"):
        assert lane in texts
    assert [text for text in texts if text.startswith("axis begins at")] == ["axis begins at 98.3 MB"]


def test_a_far_limit_does_not_squeeze_the_curve() -> None:
    """A ceiling ten times above the curve is left out rather than drawn."""
    far = replace(
        PICTURE, limits=[LimitLine("limit 2.00 GB", Curve(np.array([0.0, 600.0]), np.full(2, 2e9)), ceiling=True)]
    )

    assert "limit 2.00 GB" not in _texts(svg_text(draw_memory(far, WIDE), WIDE, "t"))


@pytest.mark.parametrize(("half_band", "spare"), [(0.0, 0.0), (2e6, 2e6), (50e6, 3e6)])
def test_a_wide_band_gets_room_and_a_very_wide_one_so_much(half_band: float, spare: float) -> None:
    """Half the height of the curve above and below it, at the most."""
    wide = Trend(T_S[::20], MEMORY[::20], MEMORY[::20] - half_band, MEMORY[::20] + half_band)
    figure = Figure(figsize=(9.4, 3.7))
    draw_memory(replace(PICTURE, trend=wide, limits=[]), WIDE)(figure)
    low, high = figure.axes[0].get_ylim()

    assert low <= 100.0 - spare / 1e6
    assert high >= MEMORY[-20] / 1e6 + spare / 1e6
    assert high - low < 12.0 + 2.0 * spare / 1e6


@pytest.mark.parametrize(("t_s", "side"), [(10.0, "left"), (300.0, "left"), (595.0, "right")])
def test_a_mark_at_the_edge_keeps_its_word_inside(t_s: float, side: str) -> None:
    """The word stands to the right of its line as long as there is room."""
    figure = Figure(figsize=(9.4, 3.7))
    draw_memory(replace(PICTURE, marks=[(t_s, "perturbed")]), WIDE)(figure)
    (word,) = [text for text in figure.axes[0].texts if text.get_text() == "perturbed"]

    assert word.get_horizontalalignment() == side


@pytest.mark.parametrize(
    "picture",
    [
        MemoryPicture(Curve(np.array([0.0]), np.array([1e6])), end_s=0.0),
        MemoryPicture(Curve(T_S, np.full(600, np.nan)), end_s=600.0),
        replace(PICTURE, trend=replace(PICTURE.trend, low=np.full(30, np.nan), high=np.full(30, np.nan))),  # type: ignore[type-var]
        replace(PICTURE, spans=[Span(i, i + 0.5, "normal") for i in range(500)]),
        replace(PICTURE, spans=[], limits=[], marks=[], levels=None, trend=None),
    ],
    ids=["one sample", "nothing read", "no band", "500 phases", "bare"],
)
def test_poor_pictures_are_drawn_too(picture: MemoryPicture) -> None:
    """Nothing that a run can lack keeps the chart from being drawn."""

    assert "memory held" in svg_text(draw_memory(picture, WIDE), WIDE, "t")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_lanes_of_kinds_that_begin_alike_are_told_apart(size: Size) -> None:
    """Twelve names of one pattern are cut where they do not differ, not where they do."""
    kinds = [f"a call through the gateway of region {number}" for number in range(12)]
    spans = [Span(50 * number, 50 * number + 40, kind) for number, kind in enumerate(kinds)]
    picture = replace(PICTURE, spans=spans, colours=kind_colours(kinds))
    texts = _texts(svg_text(draw_memory(picture, size), size, "t"))

    assert len({text for text in texts if text.startswith("…")}) == 12


def test_a_week_at_one_second_is_a_small_picture() -> None:
    """Half a million samples are drawn as what the pixels can show."""
    t_s = np.arange(0.0, 604_800.0)
    curve = Curve(t_s, 1e8 + 1e6 * np.sin(t_s))
    text = svg_text(draw_memory(MemoryPicture(curve, end_s=604_800.0), WIDE), WIDE, "t")

    assert len(text) < 80_000


def test_load_shares_the_time_axis_with_memory() -> None:
    """Queries a second stand below memory, by kind."""
    rates = {"normal": np.ones(11), "duplicate": np.zeros(11)}
    picture = LoadPicture(Curve(T_S, MEMORY), np.linspace(0, 600, 11), rates, COLOURS, 600.0)
    texts = _texts(svg_text(draw_load(picture, NARROW), NARROW, "t"))

    assert {"memory, MB", "queries/s", "normal", "duplicate", "time, min"} <= set(texts)


def test_no_memory_is_less_than_none() -> None:
    """A band that reaches below zero does not take the axis with it."""
    fitted = 1e5 * T_S[::20] + 1e6
    picture = MemoryPicture(
        Curve(T_S, 1e5 * T_S + 1e6), trend=Trend(T_S[::20], fitted, fitted - 9e7, fitted + 9e7), end_s=600.0
    )
    figure = Figure(figsize=(9.4, 3.7))
    draw_memory(picture, WIDE)(figure)

    assert figure.axes[0].get_ylim()[0] == 0.0


def test_an_axis_from_zero_says_nothing_of_it() -> None:
    """The label has a second line only where the axis hides what lies below."""
    grown = Curve(T_S, 1e5 * T_S)
    svg = svg_text(draw_memory(MemoryPicture(grown, end_s=600.0), WIDE), WIDE, "t")
    load = LoadPicture(Curve(T_S, MEMORY), np.linspace(0, 600, 3), {}, {}, 600.0)

    assert "axis begins" not in svg
    assert "axis begins at" in svg_text(draw_load(load, WIDE), WIDE, "t")


def test_load_without_queries_is_drawn() -> None:
    """No query at all is an empty chart, not an error."""
    picture = LoadPicture(Curve(T_S, np.full(600, np.nan)), np.linspace(0, 600, 3), {}, {}, 600.0)

    assert "queries/s" in svg_text(draw_load(picture, WIDE), WIDE, "t")
