"""The live page's server: three things to this machine, nothing to anyone else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from harness.report.web import LOOPBACK, LivePage
from tests.support.stored_runs import FIXED, write_run


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of a page over a short run."""
    with LivePage(write_run(tmp_path, replace(FIXED, duration_s=30.0, end=None))) as page:
        yield page.url


def test_page_script_and_news_are_served(url: str) -> None:
    """On the loopback interface, with a policy that lets nothing else in."""
    page, script, news = (httpx.get(url + path) for path in ("", "live.js", "news"))

    assert urlsplit(url).hostname == LOOPBACK
    assert [answer.status_code for answer in (page, script, news)] == [200, 200, 200]
    assert '<script src="live.js">' in page.text
    assert script.headers["content-type"].startswith("text/javascript")
    assert len(news.json()["rows"]) == 30
    assert all("default-src 'none'" in answer.headers["content-security-policy"] for answer in (page, script, news))


def test_offsets_ask_for_what_is_new(url: str) -> None:
    """Nonsense instead of a number is the beginning."""
    first = httpx.get(url + "news").json()
    asked = {"samples": first["samples_offset"], "events": first["events_offset"]}

    assert httpx.get(url + "news", params=asked).json()["rows"] == []
    assert len(httpx.get(url + "news", params={"samples": "../x", "events": "-1"}).json()["rows"]) == 30


@pytest.mark.parametrize("path", ["manifest.json", "../manifest.json", "static/report.css", "news/../.live.json"])
def test_nothing_else_is_there(url: str, path: str) -> None:
    """No path reaches a file."""

    assert httpx.get(url + path).status_code == 404


def test_another_host_name_is_refused(url: str) -> None:
    """A page from elsewhere that points its name at this machine reads nothing."""

    assert httpx.get(url + "news", headers={"Host": "evil.example:80"}).status_code == 403


def test_a_closed_page_frees_its_port(tmp_path: Path) -> None:
    """The same port can be taken at once again."""
    run = write_run(tmp_path, replace(FIXED, duration_s=5.0))
    with LivePage(run) as page:
        port = urlsplit(page.url).port
    assert port is not None
    with LivePage(run, port) as again:
        assert httpx.get(again.url).status_code == 200


def test_the_address_stands_before_the_run(tmp_path: Path) -> None:
    """Until there is one, the page is told so without an error."""
    with LivePage() as page:
        before = httpx.get(page.url + "news")
        page.show(write_run(tmp_path, replace(FIXED, duration_s=5.0, end=None)))
        after = httpx.get(page.url + "news").json()

    assert (before.status_code, before.json()) == (200, None)
    assert len(after["rows"]) == 5


def test_an_idle_connection_does_not_hold_up_the_news(url: str) -> None:
    """Browsers open connections ahead of need."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)):
        assert httpx.get(url + "news", timeout=3).status_code == 200


def test_who_listens_hears_the_verdict_before_the_end(tmp_path: Path) -> None:
    """Closing waits for the next question of a page that is open, and for nobody else."""
    run = write_run(tmp_path, replace(FIXED, duration_s=5.0))
    page = LivePage(run)
    httpx.get(page.url + "news")
    (run / "verdict.json").write_text('{"outcome": "pass"}')
    closing = threading.Thread(target=page.close)
    closing.start()
    last = httpx.get(page.url + "news").json()
    closing.join()

    assert last["verdict"] == "pass"
