"""The live page during a run: it loads, draws, grows and says how the verdict stands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import Event, EventName, Interval, Outcome
from harness.report.live import LiveState
from harness.report.live_file import LiveFile
from harness.report.web import LivePage
from tests.browser.conftest import leaving
from tests.support.chromium import Browser
from tests.support.stored_runs import FIXED, write_run

pytestmark = pytest.mark.browser


def _grow(run: Path, start_s: int, end_s: int) -> None:
    """Appends a row a second to the target's samples, as the writer would."""
    with (run / "samples" / "target.csv").open("a", encoding="utf-8") as file:
        for t_s in range(start_s, end_s):
            file.write(f"{t_s}.000,{140_000_000 + 400_000 * t_s},{120_000_000 + 400_000 * t_s},0.1,24,6,0.4\n")


def test_the_curve_grows_while_the_run_goes_on(browser: Browser, pictures: Path, tmp_path: Path) -> None:
    """New rows appear without a reload; outcome so far, what it waits for and the phase are shown."""
    run = write_run(tmp_path, replace(FIXED, duration_s=60.0, end=None))
    live = LiveFile(run, 120.0)
    evil = "<img src=x onerror=alert(1)>"
    live.update(
        LiveState(
            60.0,
            growth_bytes_per_h=Interval(24e9, 20e9, 28e9),
            outcome=Outcome.FAIL,
            waits_for=evil,
            completed_count=1234,
            failed_count=5,
        )
    )
    with LivePage(run) as page:
        browser.show_as(width=1100, height=640)
        browser.open(page.url)
        browser.wait_for("document.querySelector('#curve') !== null")
        before = browser.evaluate("document.querySelector('#curve').getAttribute('d').length")
        memory = browser.evaluate("document.querySelector('#memory').textContent")
        _grow(run, 60, 120)
        browser.wait_for(f"document.querySelector('#curve').getAttribute('d').length > {before} + 200")

        assert browser.evaluate("document.querySelector('#memory').textContent") != memory
        assert browser.evaluate("document.querySelector('#verdict').textContent").startswith("fail so far")
        assert evil in browser.evaluate("document.querySelector('#verdict').textContent")
        assert "400 MB/min" in browser.evaluate("document.querySelector('#growth').textContent")
        assert "left" in browser.evaluate("document.querySelector('#phase').textContent")
        assert "1,234 queries" in browser.evaluate("document.querySelector('#load').textContent")
        for width, dark in ((1100, False), (1100, True), (390, False), (390, True)):
            browser.show_as(width=width, height=700, dark=dark, mobile=width < 500)
            browser.evaluate("new Promise(done => setTimeout(done, 300))")
            browser.screenshot(pictures / f"live-{width}-{'dark' if dark else 'light'}.png")

            assert browser.overflow() <= 0
        assert leaving(browser, page.url) == []
    live.close()

    assert browser.seen.errors == []


def test_a_phase_and_the_end_are_shown(browser: Browser, tmp_path: Path) -> None:
    """The phase of the last start, then the word of the end."""
    run = write_run(tmp_path, replace(FIXED, duration_s=30.0, end=None))
    with LivePage(run) as page:
        browser.show_as(width=1000)
        browser.open(page.url)
        browser.wait_for("document.querySelectorAll('#legend span').length >= 4")
        event = Event(31.0, EventName.PHASE_START, {"phase": "the last one", "kind": "normal", "cycle": 9})
        with (run / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(event.to_json()) + "\n")
        browser.wait_for("document.querySelector('#phase').textContent.startsWith('the last one')")
        (run / "end.json").write_text('{"reason": "completed", "t_s": 31.0, "rows": {}}')
        browser.wait_for("document.querySelector('#phase').textContent.startsWith('ended')")

    assert browser.seen.errors == []
