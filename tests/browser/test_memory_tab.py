"""Locust's own page with the Memory tab, served by a real Locust."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from harness.model.load import RUN_DIR_VARIABLE
from tests.browser.conftest import leaving
from tests.support.chromium import Browser
from tests.support.stored_runs import LEAKING, write_run

pytestmark = pytest.mark.browser
LOCUSTFILE = Path(__file__).parent / "locustfile_with_memory.py"


@contextmanager
def _locust(run: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ("--web-host", "127.0.0.1", "--web-port", str(port))
    process = subprocess.Popen(
        (sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *where, "--autostart", "--users", "1"),
        env={**os.environ, RUN_DIR_VARIABLE: str(run)},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "Starting web interface" in line or "Started" in line:
                break
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_the_memory_tab_draws_the_run(browser: Browser, pictures: Path, tmp_path: Path) -> None:
    """The tab is there, draws the curve in Locust's page, and nothing leaves the machine."""
    run = write_run(tmp_path, replace(LEAKING, duration_s=300.0, end=None))
    with _locust(run) as url:
        transport = httpx.HTTPTransport(retries=20)
        with httpx.Client(transport=transport) as client:
            client.get(url).raise_for_status()
        browser.show_as(width=1280, height=900)
        browser.open(url)
        tab = "[...document.querySelectorAll('[role=tab]')].find(tab => tab.textContent === 'Memory')"
        browser.wait_for(tab)
        browser.evaluate(f"{tab}.click()")
        inside = "document.querySelector('iframe')?.contentDocument"
        browser.wait_for(f"{inside}?.querySelector('#curve')")
        browser.evaluate("new Promise(done => setTimeout(done, 500))")
        browser.screenshot(pictures / "locust-memory.png")

        assert browser.evaluate(f"{inside}.querySelector('#curve').getAttribute('d').length") > 1000
        assert leaving(browser, url) == []
        browser.evaluate("[...document.querySelectorAll('[role=tab]')][0].click()")
        browser.wait_for("getComputedStyle(document.querySelector('iframe')).display === 'none'")

    assert browser.seen.errors == []


def test_without_a_run_locust_is_left_alone() -> None:
    """A Locust that the harness did not start has no tab."""
    code = (
        "from types import SimpleNamespace\n"
        "from locustfiles._memory_tab import add_memory_tab\n"
        "add_memory_tab(SimpleNamespace(web_ui=None))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != RUN_DIR_VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
