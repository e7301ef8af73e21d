"""The Markdown report renders as meant, whatever the texts in it."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from harness.report.markdown import markdown_text, plain
from harness.report.page import Page, Section, Table
from harness.report.pictures import memory_chart
from harness.report.sections import build_page
from tests.harness.report.conftest import Assessed

RENDERER = MarkdownIt("commonmark").enable("table")


@pytest.mark.parametrize(
    "text",
    [
        "# no heading",
        "- no list",
        "1. no list",
        "a | b",
        "`code`",
        "**b** _i_ ~s~",
        "[a](http://x)",
        "www.example.com",
        "<b>&amp;",
        "a\\b",
        "@all",
        "+ x",
    ],
)
def test_text_is_shown_as_it_is(text: str) -> None:
    """Markdown's own signs come out as signs."""
    html = RENDERER.render(plain(text))
    shown = (
        html.removeprefix("<p>").removesuffix("</p>\n").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )

    assert shown == text


def test_no_text_becomes_a_link_on_github() -> None:
    """GitHub links bare addresses; none is left that begins as it looks for them."""

    assert "www." not in plain("see WWW.example.com").lower()
    assert "://" not in plain("see http://example.com")


def test_the_report_has_heading_picture_and_tables(leaking: Assessed) -> None:
    """Outcome first, then why, then figures; every table row has all of its cells."""
    main = memory_chart(leaking.scene)
    assert main is not None
    text = markdown_text(build_page(leaking.scene, main[0]))
    html = RENDERER.render(text)

    assert html.startswith("<h2>✕ Fail: do not ship this build</h2>")
    assert 'src="charts/memory.png"' in html
    assert html.count("<table>") >= 4
    assert "<td>growth of memory</td>" in html


def test_a_pipe_in_a_cell_stays_in_its_cell() -> None:
    """A kind called ``a|b`` does not add a column."""
    page = Page("t", "pass", "s", "h", "w", (), (), (Section("S", tables=(Table(("x", "y"), (("a|b", "c"),)),)),), "f")

    assert "<td>a|b</td>\n<td>c</td>" in RENDERER.render(markdown_text(page))


def test_without_a_place_for_pictures_there_is_none(leaking: Assessed) -> None:
    """A step summary cannot show a file of the run; it gets the title alone."""
    main = memory_chart(leaking.scene)
    assert main is not None

    assert "![" not in markdown_text(build_page(leaking.scene, main[0]), picture=None)


def test_what_is_folded_away_is_left_out() -> None:
    """A pull request has no use for what few readers open."""
    sections = (Section("Deep", text=("inside",), folded=True), Section("Open", text=("outside",)))
    text = markdown_text(Page("t", "pass", "s", "h", "w", (), (), sections, "f"))

    assert "outside" in text
    assert "inside" not in text
