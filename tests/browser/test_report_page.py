"""The report in a real browser: no error, nothing loaded, both themes, a phone, paper."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.gate.judge import judge_run
from harness.report.render import render
from tests.browser.conftest import leaving
from tests.support.chromium import Browser
from tests.support.stored_runs import FIXED, LEAKING, hostile, write_run

pytestmark = pytest.mark.browser
LOOKS = ((1280, False, ""), (1280, True, ""), (390, False, ""), (390, True, ""), (800, False, "print"))
RUNS = {"leaking": LEAKING, "fixed": FIXED, "hostile": hostile(LEAKING), "short": replace(FIXED, duration_s=40.0)}


@pytest.mark.parametrize("name", RUNS)
def test_a_report_shows_itself_on_any_screen(name: str, browser: Browser, pictures: Path, tmp_path: Path) -> None:
    """Desktop and phone, light and dark, and print: complete, without overflow, error or request."""
    run = write_run(tmp_path, RUNS[name])
    page = render(run, judge_run(run))
    for width, dark, media in LOOKS:
        browser.show_as(width=width, dark=dark, media=media, mobile=width < 500)
        browser.open(page.as_uri())
        look = f"{name}-{width}-{'dark' if dark else 'light'}{'-' + media if media else ''}"
        browser.screenshot(pictures / f"{look}.png", full=media == "print")

        assert browser.overflow() <= 0, look
        assert browser.evaluate("document.querySelector('h1').textContent").split(":")[0] in (
            "Pass",
            "Fail",
            "Inconclusive",
        )
    assert browser.seen.errors == []
    assert leaving(browser) == []
    assert browser.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_has_outcome_reason_figures_and_curve(
    width: int, height: int, browser: Browser, tmp_path: Path
) -> None:
    """Without scrolling one sees whether it may ship and why; on a desktop the whole curve too."""
    run = write_run(tmp_path, LEAKING)
    page = render(run, judge_run(run))
    browser.show_as(width=width, height=height, mobile=width < 500)
    browser.open(page.as_uri())
    bottom = "Math.round(document.querySelector('{}').getBoundingClientRect().bottom)"

    assert browser.evaluate(bottom.format(".why")) < height * 0.5
    assert browser.evaluate(bottom.format("figcaption")) < height
    if width > 1000:
        assert browser.evaluate(bottom.format("#memory .wide svg")) <= height


def test_the_theme_changes_the_charts_too(browser: Browser, tmp_path: Path) -> None:
    """A dark page has dark charts, and the trend stays visible."""
    run = write_run(tmp_path, replace(LEAKING, duration_s=300.0))
    page = render(run, judge_run(run))
    seen = []
    for dark in (False, True):
        browser.show_as(width=1280, dark=dark)
        browser.open(page.as_uri())
        seen.append(browser.evaluate("getComputedStyle(document.querySelector('#memory svg text')).fill"))

    assert seen[0] != seen[1]


def test_on_a_phone_the_narrow_chart_is_shown(browser: Browser, tmp_path: Path) -> None:
    """Texts in the chart stay readable at 390 pixels."""
    run = write_run(tmp_path, replace(LEAKING, duration_s=300.0))
    page = render(run, judge_run(run))
    browser.show_as(width=390, mobile=True)
    browser.open(page.as_uri())
    height = browser.evaluate("document.querySelector('#memory .narrow text').getBoundingClientRect().height")

    assert browser.evaluate("getComputedStyle(document.querySelector('#memory .wide')).display") == "none"
    assert height >= 9


_REFERENCES = """[...document.querySelectorAll('.narrow svg')].flatMap(svg =>
  [...svg.outerHTML.matchAll(/url\\(#([^)]+)/g)].map(found => svg.contains(document.getElementById(found[1]))))"""
_CUT = """[...document.querySelectorAll('td')].filter(cell => cell.textContent && !cell.closest('details'))
  .filter(cell => cell.getBoundingClientRect().right > innerWidth || cell.scrollWidth > cell.clientWidth).length"""


def test_on_a_phone_every_column_is_seen_and_idle_is_hatched(browser: Browser, tmp_path: Path) -> None:
    """A row is a card of named values; a chart draws with nothing of a hidden one, and no legend is cut."""
    run = write_run(tmp_path, replace(LEAKING, duration_s=300.0))
    page = render(run, judge_run(run))
    browser.show_as(width=390, mobile=True)
    browser.open(page.as_uri())
    right = (
        "Math.max(...[...document.querySelectorAll('#memory .narrow text')].map(t => t.getBoundingClientRect().right))"
    )
    before = "getComputedStyle(document.querySelector('td[data-name=\"judged at\"]'), '::before').content"

    assert browser.evaluate(_CUT) == 0
    assert browser.evaluate(before) == '"judged at"'
    assert set(browser.evaluate(_REFERENCES)) == {True}
    assert browser.evaluate(right) <= browser.evaluate(
        "document.querySelector('#memory').getBoundingClientRect().right"
    )
