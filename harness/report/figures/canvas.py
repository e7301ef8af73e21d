"""The paper that charts are drawn on: palette, axes, time and unit scales, and SVG that is the same on every render."""

from __future__ import annotations

import io
import math
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.model import IDLE_KIND
from harness.report.figures.curves import WARMUP

INK = "#1b2230"
MUTED = "#5c6675"
GRID = "#dfe3ea"
SURFACE = "#ffffff"
MEMORY = "#64748b"
TREND = "#1f4fd8"
LIMIT = "#b4232a"
IDLE = "#a3abb8"
KINDS = ("#2f7d8c", "#d08a1d", "#7b4fa6", "#5d8f2e", "#b5527a", "#4a5fa5")

CSS_NAMES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    SURFACE: "--surface",
    MEMORY: "--memory",
    TREND: "--trend",
    LIMIT: "--limit",
    IDLE: "--idle",
    **{colour: f"--kind-{number}" for number, colour in enumerate(KINDS, 1)},
}
"""The style sheet's name of each colour, so that a chart inside a page follows the page's theme."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_RC: dict[Any, Any] = {
    "svg.hashsalt": "voice-soak",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a target may be called "$HOME"
    "axes.unicode_minus": True,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.facecolor": SURFACE,
    "figure.facecolor": SURFACE,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.6,
    "path.simplify": False,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}


@contextmanager
def drawing() -> Iterator[None]:
    """matplotlib's settings for our charts; text that its own font lacks is drawn by the reader's browser."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # a reader's own matplotlibrc must not change the bytes
        mpl.rcParams.update(_RC)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message="Tight layout not applied", category=UserWarning)
        yield


@dataclass(frozen=True, slots=True)
class Size:
    """A chart's size in points (a pixel of the page at its natural width)."""

    width: float
    height: float

    @property
    def narrow(self) -> bool:
        return self.width < 500

    @property
    def columns(self) -> int:
        """Pixel columns worth drawing."""
        return round(self.width)


def new_figure(size: Size) -> Figure:
    return Figure(figsize=(size.width / 72, size.height / 72))


def kind_colours(kinds: Iterable[str]) -> dict[str, str]:
    """A colour for each kind in the order given, the same in every chart; idle and warm-up are always grey."""
    used = [kind for kind in kinds if kind not in (IDLE_KIND, WARMUP)]
    colours = {kind: KINDS[number % len(KINDS)] for number, kind in enumerate(used)}
    return colours | {IDLE_KIND: IDLE, WARMUP: MEMORY}


@dataclass(frozen=True, slots=True)
class Scale:
    """Divide by ``factor`` to get numbers in ``unit``."""

    factor: float
    unit: str


def time_scale(duration_s: float) -> Scale:
    """The unit in which a run of ``duration_s`` has readable numbers."""
    if duration_s <= 180:
        return Scale(1.0, "s")
    if duration_s <= 3 * 3600:
        return Scale(60.0, "min")
    return Scale(3600.0, "h") if duration_s <= 3 * 86400 else Scale(86400.0, "d")


def unit_scale(unit: str) -> Scale:
    """Memory in MB (10⁶ bytes) whatever its size; all else as it is."""
    if unit == "bytes":
        return Scale(1e6, "MB")
    return Scale(1.0, {"count": "", "ratio": "", "per_s": "per second"}.get(unit, unit))


def number(value: float, _position: object = None) -> str:
    """A tick's text: thousands separated, no superfluous zeros, a real minus."""
    if not math.isfinite(value):
        return ""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"
    return ("0" if text in ("-0", "0") else text).replace("-", "−")


def tidy(axes: Axes, *, y_ticks: int = 5, x_ticks: int = 8, whole: bool = False) -> None:
    """Light grid, few ticks, no box; ``whole`` where half a thing cannot be counted."""
    axes.grid(True, axis="y")
    axes.tick_params(length=0, pad=4)
    axes.xaxis.set_major_locator(MaxNLocator(x_ticks, min_n_ticks=2, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(y_ticks, min_n_ticks=2, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axes.xaxis.set_major_formatter(FuncFormatter(number))
    axes.yaxis.set_major_formatter(FuncFormatter(number))
    axes.spines["left"].set_visible(False)


def calm_limits(low: float, high: float, *, least: float = 1e-9) -> tuple[float, float]:
    """Limits of an axis on which a change of a few per cent looks like one: never less than a tenth of the level, nor
    than ``least``; from zero where that costs no more than a tenth of the height."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    span = max(high - low, 0.1 * max(abs(high), abs(low)), least)
    middle = (low + high) / 2
    bottom, top = middle - 0.56 * span, middle + 0.56 * span
    if bottom < 0 <= low:
        return 0.0, top - bottom
    return (0.0, top) if 0 < bottom < 0.1 * top else (bottom, top)


BEGINS_ROOM = 12.0
"""Points that the second line of ``beginning`` takes."""


def beginning(label: str, low: float) -> str:
    """The label of an axis of memory (MB) that says, on a line of its own, where it does not begin at zero."""
    return f"{label}\naxis begins at {number(float(f'{low:.3g}'))} MB" if low > 0 else label


def tick_room(largest: float, least: float) -> float:
    """Points at the left of an axis whose longest tick says ``largest``, and for its unit; not under ``least``."""
    return max(least, _UNIT_ROOM + _TICK_CHARACTER * len(number(largest)))


_UNIT_ROOM = 26.0
_TICK_CHARACTER = 5.8
LEGEND_LINE = 14.0
"""Height of a line of a legend."""
_LEGEND_CHARACTER = 6.0
_LEGEND_HANDLE = 38.0


def legend_grid(labels: Sequence[str], width: float, most: int = 5) -> tuple[int, int]:
    """Columns and rows of a legend of ``labels`` that stays within ``width`` points, filled column by column: the first
    ones hold one label more where they do not come out even."""
    widths = [_LEGEND_HANDLE + _LEGEND_CHARACTER * len(label) for label in labels]
    for columns in range(min(most, len(labels)), 1, -1):
        rows, longer = divmod(len(labels), columns)
        edges = [column * rows + min(column, longer) for column in range(columns + 1)]
        if sum(max(widths[first:end]) for first, end in pairwise(edges)) <= width:
            return columns, math.ceil(len(labels) / columns)
    return 1, max(1, len(labels))


_TITLE_LINE = 16.0
_TITLE_CHARACTER = 7.8
"""Width of a character of bold 13 px, the widest of the fonts named; a title is broken rather than cut."""
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_TAG = re.compile(r"<[^>]*>")
_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_ID = re.compile(r' id="([^"]+)"')
_REFERENCE = re.compile(r'(?: id="|url\(#|href="#)(?=[^")])')
_FONT_STYLE = re.compile(r"font: ([\d.]+)px [^;\"]*|font-family: [^;\"]*")
_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_SIZE = re.compile(r'<svg([^>]*?) width="[^"]*"')
_HEIGHT = re.compile(r'(<svg[^>]*?) height="[^"]*"')


def _rounded(match: re.Match[str]) -> str:
    """A coordinate to a hundredth of a pixel; texts between tags are left alone."""
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def svg_text(draw: Callable[[Figure], None], size: Size, label: str) -> str:
    """The chart as an ``<svg>`` element with literal colours, ``label`` for those who cannot see it."""
    with drawing():
        figure = new_figure(size)
        draw(figure)
        buffer = io.StringIO()
        FigureCanvasSVG(figure).print_figure(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = _METADATA.sub("", _PROLOGUE.sub("", buffer.getvalue()))
    text = _TAG.sub(lambda tag: _NUMBER.sub(_rounded, tag[0]), text)
    references = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = _ID.sub(lambda match: match[0] if match[1] in references else "", text)
    text = _FONT_STYLE.sub(lambda match: f"font: {match[1]}px {_FONT}" if match[1] else f"font-family: {_FONT}", text)
    text = text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def inline_svg(text: str, name: str) -> str:
    """The same chart for use inside a page: its colours are the page's, its width that of its place, and its ids begin
    with ``name``, for what another chart defines is not drawn where that one is hidden."""
    text = _REFERENCE.sub(rf"\g<0>{name}-", text)
    for colour, name in CSS_NAMES.items():
        text = text.replace(colour, f"var({name})")
    return _HEIGHT.sub(r"\1", _SIZE.sub(r"<svg\1", text, count=1), count=1)


def titled_svg(text: str, title: str) -> str:
    """The same chart as a file of its own, its title above it, in as many lines as it needs."""
    match = _VIEW_BOX.search(text)
    if match is None:
        raise ValueError("expected a viewBox from 0 0 in matplotlib's SVG")
    width, height = float(match[1]), float(match[2])
    lines = textwrap.wrap(title, max(10, int((width - 20) / _TITLE_CHARACTER))) or [""]
    top = 14.0 + _TITLE_LINE * len(lines)
    text = text.replace(match[0], f'viewBox="0 {-top:g} {width:g} {height + top:g}"', 1)
    text = _HEIGHT.sub(rf'\1 height="{height + top:g}pt"', text, count=1)
    heading = f'<rect x="0" y="{-top:g}" width="{width:g}" height="{top:g}" fill="{SURFACE}"/>\n'
    for number_, line in enumerate(lines):
        y = -10 - _TITLE_LINE * (len(lines) - 1 - number_)
        heading += f'<text x="10" y="{y:g}" style="font: bold 13px {_FONT}; fill: {INK}">{escape(line)}</text>\n'
    return '<?xml version="1.0" encoding="utf-8"?>\n' + text.replace("</svg>", f"{heading}</svg>")


def png_bytes(draw: Callable[[Figure], None], size: Size, title: str) -> bytes:
    """The chart as a picture for places that take no SVG, twice as dense as a page, its title above it."""
    with drawing():
        figure = new_figure(size)
        figure.text(0.012, 0.985, title, fontsize=12, fontweight="bold", va="top")
        draw(figure)
        buffer = io.BytesIO()
        FigureCanvasAgg(figure).print_figure(buffer, dpi=144, metadata={"Software": None})
    return buffer.getvalue()
