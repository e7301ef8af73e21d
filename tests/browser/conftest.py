"""A Chromium for each test, and every picture of a page in one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chromium import Browser, chromium, find_chromium


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A fresh browser with a profile of its own."""
    if find_chromium() is None:
        pytest.fail("expected Chromium on PATH, found none; `make browser-test` installs it")
    with chromium(tmp_path / "profile") as opened:
        yield opened


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: SOAK_SCREENSHOTS, to look at them afterwards, or a temporary folder."""
    wanted = os.environ.get("SOAK_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def leaving(browser: Browser, *allowed: str) -> list[str]:
    """Requests that did not go to ``allowed`` prefixes, the file itself or the page's own data."""
    return [url for url in browser.seen.requests if not url.startswith(("file:", "data:", "about:", *allowed))]
