"""SVG that is the same on every render, follows a page's theme, and shows any text as text."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from harness.report.figures.canvas import (
    CSS_NAMES,
    INK,
    TREND,
    Size,
    beginning,
    calm_limits,
    inline_svg,
    kind_colours,
    legend_grid,
    number,
    png_bytes,
    svg_text,
    time_scale,
    titled_svg,
    unit_scale,
)

SIZE = Size(300, 150)


def _draw(figure: Figure) -> None:
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    axes.plot([0, 1, 2], [1, 3, 2], color=TREND, label="$x_1$ <b>& \u65e5")
    axes.legend()


def test_two_renders_are_one_byte_for_byte() -> None:
    """SVG and PNG do not change from one render to the next, whatever the reader's own settings."""
    first = svg_text(_draw, SIZE, "a"), png_bytes(_draw, SIZE, "a")
    with mpl.rc_context({"lines.linewidth": 9, "svg.hashsalt": "other"}):
        second = svg_text(_draw, SIZE, "a"), png_bytes(_draw, SIZE, "a")

    assert first == second


def test_texts_are_texts() -> None:
    """Formulas, markup and other scripts are neither interpreted nor lost; the file is well-formed."""
    text = svg_text(_draw, SIZE, 'a "label" <with> & signs')
    root = ElementTree.fromstring(text)
    shown = "".join("".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text"))

    assert "$x_1$ <b>& \u65e5" in shown
    assert root.get("aria-label") == 'a "label" <with> & signs'


def test_no_date_no_generator_and_no_unused_ids() -> None:
    """Nothing in the file depends on when or by which version it was made, and pages can hold many of them."""
    text = svg_text(_draw, SIZE, "a")
    ids = set(re.findall(r' id="([^"]+)"', text))

    assert "metadata" not in text
    assert "matplotlib" not in text.lower()
    assert all(f"#{name}" in text for name in ids)


def test_a_chart_in_a_page_takes_the_pages_colours_and_width() -> None:
    """Every colour of the palette becomes a name of the style sheet, and the size is left to the page."""
    inline = inline_svg(svg_text(_draw, SIZE, "a"), "memory")
    head = inline[: inline.index(">")]

    assert not [colour for colour in CSS_NAMES if colour in inline]
    assert f"var({CSS_NAMES[TREND]})" in inline
    assert "width=" not in head
    assert "height=" not in head
    assert 'viewBox="0 0 300 150"' in head


def test_a_chart_in_a_page_refers_to_itself_only() -> None:
    """Of two charts of one page one may be hidden, and with it all that it defines."""
    text = svg_text(_draw, SIZE, "a")
    ids, narrow = (set(re.findall(r' id="([^"]+)"', inline_svg(text, name))) for name in ("memory", "memory-narrow"))
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', inline_svg(text, "memory")))

    assert ids
    assert used == ids
    assert all(name.startswith("memory-") for name in ids)
    assert not ids & narrow


def test_a_chart_as_a_file_has_its_title() -> None:
    """The title is added above the drawing, escaped, and the drawing is not moved."""
    text = titled_svg(svg_text(_draw, SIZE, "a"), "Is <this> it?")

    assert 'viewBox="0 -30 300 180"' in text
    assert "Is &lt;this&gt; it?" in text
    ElementTree.fromstring(text.encode())


def test_a_long_title_is_broken_and_never_cut() -> None:
    """Each line has its place above the drawing."""
    text = titled_svg(svg_text(_draw, SIZE, "a"), "app.active_dialogues_count: grows while used; 8,577 per hour")

    assert 'viewBox="0 -46 300 196"' in text
    assert re.findall(r">([^<]*)</text>", text)[-2:] == [
        "app.active_dialogues_count: grows",
        "while used; 8,577 per hour",
    ]


def test_what_is_no_chart_of_ours_is_refused() -> None:
    """A title cannot be put over something of unknown size."""
    with pytest.raises(ValueError, match="viewBox"):
        titled_svg("<svg></svg>", "t")


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_axes_hold_their_data_and_stay_calm(one: float, other: float) -> None:
    """Limits contain the data and span at least a tenth of the level."""
    low, high = min(one, other), max(one, other)
    bottom, top = calm_limits(low, high)

    assert bottom <= low
    assert top >= high - 1e-9 * abs(high)
    assert top - bottom >= 0.1 * max(abs(low), abs(high))


def test_an_axis_begins_at_zero_or_says_where() -> None:
    """Near zero it begins there; elsewhere its label has the level, in a line of its own."""

    assert calm_limits(36.0, 263.0)[0] == 0.0
    assert calm_limits(100.0, 110.0)[0] == pytest.approx(98.8, abs=0.2)
    assert beginning("memory held, MB", 36.96) == "memory held, MB\naxis begins at 37 MB"
    assert beginning("memory held, MB", 0.0) == "memory held, MB"


def test_nothing_is_not_magnified() -> None:
    """An axis on which nothing happened does not show billionths of a thing."""

    assert calm_limits(0.0, 0.0, least=2.0) == (0.0, 2.24)
    assert calm_limits(100.0, 100.0, least=2.0) == pytest.approx((94.4, 105.6))


@pytest.mark.parametrize(
    ("labels", "width", "grid"),
    [
        (["memory held", "trend with 95 % band", "levels judged"], 900.0, (3, 1)),
        (["memory held", "trend with 95 % band", "levels judged"], 340.0, (2, 2)),
        (["memory held", "trend with 95 % band", "levels judged: means", "limit: 5.00 MB/min"], 346.0, (2, 2)),
        (["x" * 100] * 4, 300.0, (1, 4)),
        ([], 300.0, (1, 1)),
    ],
)
def test_a_legend_takes_the_lines_that_it_needs(labels: list[str], width: float, grid: tuple[int, int]) -> None:
    """As many columns as fit, and the lines that follow from it."""

    assert legend_grid(labels, width) == grid


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (-0.0, "0"), (1234.5, "1,234"), (-2.5, "−2.5"), (float("nan"), "")]
)
def test_ticks_are_plain_numbers(value: float, text: str) -> None:
    """No exponent, no minus zero, a real minus sign."""

    assert number(value) == text


def test_units_fit_the_run() -> None:
    """Seconds, minutes, hours and days by length; memory always in MB."""

    assert [time_scale(length).unit for length in (60, 3600, 8 * 3600, 7 * 86400)] == ["s", "min", "h", "d"]
    assert unit_scale("bytes").unit == "MB"


def test_idle_and_warm_up_take_no_colour_from_a_kind() -> None:
    """Kinds get colours in order; grey is for what is no use."""
    colours = kind_colours(["warm-up", "a", "idle", "b"])

    assert colours["a"] != colours["b"]
    assert {colours["idle"], colours["warm-up"]}.isdisjoint({colours["a"], colours["b"], INK})


def test_pyplot_is_never_loaded() -> None:
    """No global state and no window system: the object interface only."""
    code = "import sys, harness.report.render; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
