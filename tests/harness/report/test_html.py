"""The page is one self-contained file with its outcome on the first screen."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from harness.report.html import html_text
from harness.report.page import Page, Section, Table
from harness.report.pictures import memory_chart
from harness.report.sections import build_page
from harness.report.story import Tile
from tests.harness.report.conftest import Assessed


class _Links(HTMLParser):
    """Collects what a browser would load, and tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "srcset", "data", "action", "poster")]
        if tag in ("link", "a", "image", "use"):
            self.loaded += [value or "" for name, value in attrs if name in ("href", "xlink:href")]


def _page(**changes: str) -> Page:
    values = {"title": "t", "outcome": "pass", "sign": "✓", "headline": "h", "why": "w", "footer": "f"} | changes
    return Page(**values, facts=("a",), tiles=(Tile("l", "v", "d", True),), sections=())


def test_nothing_is_loaded_from_anywhere(leaking: Assessed) -> None:
    """Every reference is into the page itself or a data URL; there is no script and no import."""
    main = memory_chart(leaking.scene)
    assert main is not None
    text = html_text(build_page(leaking.scene, main[0]))
    links = _Links()
    links.feed(text)

    assert all(link.startswith(("#", "data:")) for link in links.loaded)
    assert "<script" not in text
    assert "@import" not in text
    assert "url(http" not in text
    assert "default-src 'none'" in text


def test_charts_follow_the_theme(leaking: Assessed) -> None:
    """Every colour inside a chart is one that the style sheet defines for both themes."""
    main = memory_chart(leaking.scene)
    assert main is not None
    text = html_text(build_page(leaking.scene, main[0]))
    charts = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    named = set(re.findall(r"var\((--[a-z0-9-]+)\)", charts))
    dark = text.split("prefers-color-scheme: dark")[1].split("@media")[0]

    assert named
    assert all(f"{name}:" in dark for name in named)
    assert not re.findall(r"(?:fill|stroke): #(?!000000)[0-9a-f]{6}", charts)


def test_no_two_charts_share_an_id(leaking: Assessed) -> None:
    """What one chart defines is not drawn in another while the first is hidden, as the wide ones are on a phone."""
    main = memory_chart(leaking.scene)
    assert main is not None
    ids = re.findall(r' id="([^"]+)"', html_text(build_page(leaking.scene, main[0])))

    assert len(ids) > 10
    assert len(set(ids)) == len(ids)


def test_every_cell_says_its_column() -> None:
    """On a phone a row is a card, without the head of the table."""
    section = Section("S", tables=(Table(("gate", "judged at"), (("growth", "98 %"),)),))
    text = html_text(Page("t", "fail", "s", "h", "w", (), (), (section,), "f"))

    assert '<td data-name="judged at">98 %</td>' in text


def test_everything_is_escaped() -> None:
    """Texts of every part of a page come out as text."""
    evil = '"><img src=x onerror=alert(1)>'
    table = Table((evil,), ((evil,),), note=evil)
    section = Section(
        evil, text=(evil,), points=(evil,), tables=(table,), terms=((evil, evil),), blocks=((evil, evil),)
    )
    page = _page(title=evil, headline=evil, why=evil, footer=evil)
    text = html_text(Page(page.title, "fail", evil, evil, evil, (evil,), (Tile(evil, evil, evil),), (section,), evil))

    assert "<img" not in text
    assert text.count("&lt;img src=x") >= 15


def test_a_folded_section_is_closed_details() -> None:
    """What few readers want is folded away."""
    page = Page("t", "pass", "s", "h", "w", (), (), (Section("Deep", text=("inside",), folded=True),), "f")

    assert "<details><summary>Deep</summary>" in html_text(page)
