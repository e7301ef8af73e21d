"""The live page of a run without Locust: a small server on the loopback interface, in a thread of its own.

Serves three things: the page, its script, and the news of the run directory. It answers only to loopback names, so that
a page from elsewhere cannot read a run by pointing its own name here.
"""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from harness.model.live_data import LiveRun

LOOPBACK = "127.0.0.1"
POLICY = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"
LISTENING_S = 2.5
"""A page that asks once a second and was not heard of for so long is closed; in the background it asks less often."""
_STATIC = {"/": ("live.html", "text/html"), "/live.js": ("live.js", "text/javascript")}


class LivePage:
    """Serves a run at ``url`` until closed; ``port`` 0 takes a free one, a taken one is an OSError.

    The address stands before there is a run to show: ``show`` names it.
    """

    def __init__(self, run_dir: Path | None = None, port: int = 0) -> None:
        self._feed = _Feed()
        # a thread a request: a browser opens connections ahead of need, and an idle one must not hold up the news
        self._server = ThreadingHTTPServer((LOOPBACK, port), _handler(self._feed))
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        self._thread.start()
        if run_dir is not None:
            self.show(run_dir)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def show(self, run_dir: Path) -> None:
        """From now on the page draws the run in ``run_dir``, whose manifest is there."""
        self._feed.run = LiveRun(run_dir)

    def close(self) -> None:
        """Ends the server and its thread; a page that is looked at hears the verdict first, where there is one."""
        self._feed.await_last_word()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Feed:
    """The news of the run that is shown, and whether somebody still listens."""

    def __init__(self) -> None:
        self.run: LiveRun | None = None
        self._asked_s: float | None = None
        self._told_verdict = Event()

    def news(self, query: dict[str, list[str]]) -> bytes | None:
        """None while there is no run."""
        if self.run is None:
            return None
        self._asked_s = time.monotonic()
        body, is_last = news_json(self.run, query)
        if is_last:
            self._told_verdict.set()
        return body

    def await_last_word(self) -> None:
        """Returns when the verdict was asked for, at once where nobody asks or there is none to come."""
        listens = self._asked_s is not None and time.monotonic() - self._asked_s < LISTENING_S
        if listens and self.run is not None and self.run.is_judged():
            self._told_verdict.wait(LISTENING_S)


def _handler(feed: _Feed) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if self.headers.get("Host", "").rpartition(":")[0] not in (LOOPBACK, "localhost"):
                self._answer(403, "text/plain", b"only for this machine\n")
            elif parts.path in _STATIC:
                name, kind = _STATIC[parts.path]
                self._answer(200, kind, static(name))
            elif parts.path == "/news":
                news = feed.news(parse_qs(parts.query))
                self._answer(200, "application/json", b"null" if news is None else news)
            else:
                self._answer(404, "text/plain", b"not here\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A page that polls would fill the terminal."""

    return Handler


def static(name: str) -> bytes:
    """The page or its script."""
    return files("harness.report").joinpath("templates", name).read_bytes()


def news_json(run: LiveRun, query: dict[str, list[str]]) -> tuple[bytes, bool]:
    """The news after the offsets in ``query`` (no number: from the beginning), and whether the verdict is in them."""

    def offset(name: str) -> int:
        text = query.get(name, ["0"])[0]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0

    news = run.news(offset("samples"), offset("events"))
    return json.dumps(news).encode(), news["verdict"] is not None
