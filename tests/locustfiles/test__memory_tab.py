"""The Memory tab uses Locust's extension points and serves what the live page needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask

from harness.model.load import RUN_DIR_VARIABLE
from locustfiles._memory_tab import TAB_KEY, add_memory_tab
from tests.support.stored_runs import FIXED, write_run


def _environment() -> tuple[Any, Flask]:
    app = Flask(__name__)
    app.add_url_rule("/", "index", lambda: "<html><body>locust</body></html>")
    return SimpleNamespace(web_ui=SimpleNamespace(app=app, template_args={"extended_tabs": [{"key": "a"}]})), app


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Flask]:
    """Locust's page of a run that goes on, with the tab."""
    run = write_run(tmp_path, replace(FIXED, duration_s=30.0, end=None))
    monkeypatch.setenv(RUN_DIR_VARIABLE, str(run))
    environment, app = _environment()
    add_memory_tab(environment)
    return environment, app


def test_a_tab_is_added_to_those_there_are(page: tuple[Any, Flask]) -> None:
    """Other extensions keep theirs."""
    tabs = cast(list[dict[str, str]], page[0].web_ui.template_args["extended_tabs"])

    assert [tab["key"] for tab in tabs] == ["a", TAB_KEY]


def test_the_index_gets_the_script_and_nothing_else_does(page: tuple[Any, Flask]) -> None:
    """Only Locust's own page is touched."""
    client = page[1].test_client()

    assert client.get("/").text == '<html><body>locust<script src="soak/tab.js"></script></body></html>'
    assert "soak/tab.js" not in client.get("/soak/").text


def test_page_scripts_and_news_are_served(page: tuple[Any, Flask]) -> None:
    """The same page as without Locust, fed from the run directory."""
    client = page[1].test_client()
    news = client.get("/soak/news?samples=x").get_json()

    assert '<script src="live.js">' in client.get("/soak/").text
    assert "use strict" in client.get("/soak/live.js").text
    assert "iframe" in client.get("/soak/tab.js").text
    assert len(news["rows"]) == 30
    assert client.get(f"/soak/news?samples={news['samples_offset']}&events=0").get_json()["rows"] == []


def test_without_page_or_run_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Headless, or started by hand: Locust is left as it is."""
    monkeypatch.delenv(RUN_DIR_VARIABLE, raising=False)
    environment, _ = _environment()
    add_memory_tab(environment)
    monkeypatch.setenv(RUN_DIR_VARIABLE, str(tmp_path))
    add_memory_tab(environment)
    add_memory_tab(cast(Any, SimpleNamespace(web_ui=None)))

    assert environment.web_ui.template_args["extended_tabs"] == [{"key": "a"}]


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8089", 200), ("localhost", 200), ("evil.example:8089", 403), ("127.0.0.1.evil.example", 403)],
)
def test_only_loopback_names_are_answered(page: tuple[Any, Flask], host: str, status: int) -> None:
    """Neither the run nor Locust's own page."""
    client = page[1].test_client()

    assert [client.get(path, headers={"Host": host}).status_code for path in ("/", "/soak/news")] == [status, status]
