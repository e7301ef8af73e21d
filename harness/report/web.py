"""The live page of a run without Locust: a small server on the loopback interface, in a thread of its own.

Serves three things: the page, its script, and the news of the run directory. It answers only to loopback names, so that
a page from elsewhere cannot read a run by pointing its own name here.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from harness.model.live_data import LiveRun

LOOPBACK = "127.0.0.1"
POLICY = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"
_STATIC = {"/": ("live.html", "text/html"), "/live.js": ("live.js", "text/javascript")}


class LivePage:
    """Serves the run in ``run_dir`` at ``url`` until closed; ``port`` 0 takes a free one, a taken one is an OSError."""

    def __init__(self, run_dir: Path, port: int = 0) -> None:
        run = LiveRun(run_dir)
        self._server = HTTPServer((LOOPBACK, port), _handler(run))
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the server and its thread."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(run: LiveRun) -> type[BaseHTTPRequestHandler]:
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
                self._answer(200, "application/json", news_json(run, parse_qs(parts.query)))
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


def news_json(run: LiveRun, query: dict[str, list[str]]) -> bytes:
    """The news after the offsets in ``query``; an offset that is no number counts as the beginning."""

    def offset(name: str) -> int:
        text = query.get(name, ["0"])[0]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0

    return json.dumps(run.news(offset("samples"), offset("events"))).encode()
