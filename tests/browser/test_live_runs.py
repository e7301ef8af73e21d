"""The live page during real runs: ``soak run --web`` in Locust's own page, ``soak attach --web`` without Locust."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.browser.conftest import leaving
from tests.support.chromium import Browser
from tests.support.target_processes import python_process

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]
WIDTHS = (1100, 390)
LEAKING = """
import threading, time
print('up')
kept = []
wait = threading.Event().wait
began = time.monotonic()
while True:
    while len(kept) < (time.monotonic() - began) * 20:
        kept.append(b'x' * 100_000)
    wait(0.02)
"""
LENGTH = "document.querySelector('#curve').getAttribute('d').length"


@contextmanager
def _soak(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A ``soak`` that says where its page is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    drain = threading.Thread(target=process.stderr.read)
    try:
        line = next((line for line in process.stderr if line.startswith("live page: ")), "")
        assert line, f"soak ended with {process.wait()} before it had a page"
        drain.start()
        yield process, line.removeprefix("live page: ").strip().rstrip("/") + "/"
    finally:
        process.terminate()
        process.wait(60)
        if drain.ident is not None:
            drain.join()
        assert process.stdout is not None
        process.stdout.close()
        process.stderr.close()


def _await_page(url: str) -> None:
    """Locust has its page a moment after the target has come up."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=7)) as client:
        client.get(url, timeout=30).raise_for_status()


def _look(browser: Browser, pictures: Path, name: str, *, dark: bool) -> None:
    """A picture on a desktop and on a phone; nothing is wider than the screen."""
    for width in WIDTHS:
        browser.show_as(width=width, height=760, dark=dark, mobile=width < 500)
        browser.evaluate("new Promise(done => setTimeout(done, 600))")
        browser.screenshot(pictures / f"{name}-{width}-{'dark' if dark else 'light'}.png")

        assert browser.overflow() <= 0, (name, width)


def test_attached_the_page_draws_what_grows_and_hears_the_verdict(
    browser: Browser, pictures: Path, tmp_path: Path
) -> None:
    """No error, nothing leaves the machine, the curve grows, and the outcome stands there when it is over."""
    with python_process(LEAKING) as target:
        where = ("--pid", str(target.pid), "--out", str(tmp_path))
        with _soak("attach", *where, "--duration", "25s", "--web", "--quiet") as (process, url):
            browser.show_as(width=1100)
            browser.open(url)
            browser.wait_for("document.querySelector('#curve') !== null")
            before = browser.evaluate(LENGTH)
            browser.wait_for(f"{LENGTH} > {before} + 200")
            browser.wait_for("document.querySelector('#growth').textContent.includes('MB/min')", timeout_s=40)
            for dark in (False, True):
                _look(browser, pictures, "attach", dark=dark)
            browser.wait_for("document.querySelector('#phase').textContent.startsWith('ended')", timeout_s=60)
            browser.wait_for("document.querySelector('#verdict').textContent === 'fail'")
            browser.show_as(width=1100, height=760)
            browser.screenshot(pictures / "attach-ended.png")

            assert leaving(browser, url) == []
            assert process.wait(30) == 1

    assert [error for error in browser.seen.errors if "ERR_CONNECTION_REFUSED" not in error] == []
    assert not list(tmp_path.glob("*/.live.json"))


def test_driven_the_tab_in_locust_s_page_draws_phases_and_verdict(
    browser: Browser, pictures: Path, tmp_path: Path
) -> None:
    """Locust's own page with the Memory tab: the curve grows, phases have their kinds, both themes, a phone."""
    (tmp_path / "soak.toml").write_text('[tts]\nprofile = "instant"\n[target]\nreference = "before"\n')
    plan = ("--config", str(tmp_path / "soak.toml"), "--out", str(tmp_path))
    with _soak("run", "mixed", *plan, "--duration", "75s", "--speedup", "120", "--web", "--quiet") as (_, url):
        _await_page(url)
        browser.show_as(width=1280, height=900)
        browser.open(f"{url}?tab=memory")
        inside = "document.querySelector('iframe')?.contentDocument"
        browser.wait_for(f"{inside}?.querySelector('#curve')")
        length = LENGTH.replace("document", inside, 1)
        before = browser.evaluate(length)
        browser.wait_for(f"{length} > {before} + 400", timeout_s=40)
        browser.wait_for(f"{inside}.querySelectorAll('#legend span').length >= 4", timeout_s=60)
        _look(browser, pictures, "run", dark=False)
        browser.show_as(width=1280, height=900)
        browser.evaluate("[...document.querySelectorAll('header button')].at(-1).click()")
        browser.wait_for(f"{inside}.documentElement.style.colorScheme === 'dark'")
        _look(browser, pictures, "run", dark=True)
        tab = "[...document.querySelectorAll('[role=tab]')]"
        browser.show_as(width=1280, height=900)
        browser.evaluate(f"{tab}[0].click()")
        browser.wait_for("document.body.innerText.includes('disconnect')")
        browser.screenshot(pictures / "run-statistics.png")

        assert "queries" in browser.evaluate(f"{inside}.querySelector('#load').textContent")
        assert leaving(browser, url) == []
        assert browser.seen.errors == []
        assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 403
