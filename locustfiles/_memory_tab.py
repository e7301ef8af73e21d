"""A Memory tab on Locust's own page: memory, phases and the verdict so far, drawn live from the run directory.

Uses Locust's extension points only: an extended tab, a blueprint with the page of the harness, and a script on the
index page that shows the one in the other (an extended tab by itself can show nothing but a table).
"""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from harness.model.live_data import LiveRun
from harness.model.load import RUN_DIR_VARIABLE

if TYPE_CHECKING:  # importing Locust patches the standard library, which only its own process may do
    from locust.env import Environment

POLICY = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"
TAB_KEY = "memory"

LOOPBACK_NAMES = ("127.0.0.1", "localhost")

_TAB_SCRIPT = """"use strict";
(() => {
  const frame = document.createElement("iframe");
  frame.title = "memory";
  frame.style.cssText = "display:none;position:absolute;left:0;width:100%;border:0";
  document.body.append(frame);
  const isDark = (colour) => (colour.match(/[0-9.]+/g) ?? [255]).slice(0, 3).every((part) => Number(part) < 128);
  setInterval(() => {
    const shown = new URLSearchParams(location.search).get("tab") === "memory";
    if (shown && !frame.src) frame.src = "soak/";
    frame.style.display = shown ? "block" : "none";
    const bar = document.querySelector("[role=tablist]"), inside = frame.contentDocument?.querySelector("main");
    if (!shown || !bar || !inside) return;
    const top = bar.getBoundingClientRect().bottom + scrollY + 8;
    frame.style.top = `${top}px`;
    frame.style.height = `${Math.max(inside.offsetHeight + 28, innerHeight - top)}px`;
    frame.contentDocument.documentElement.style.colorScheme =
      isDark(getComputedStyle(document.body).backgroundColor) ? "dark" : "light";
  }, 250);
})();
"""


def add_memory_tab(environment: Environment) -> None:
    """Adds the tab to the page of ``environment``; without a page or a run directory there is nothing to add to."""
    page, run_dir = environment.web_ui, os.environ.get(RUN_DIR_VARIABLE)
    if page is None or page.app is None or run_dir is None or not (Path(run_dir) / "manifest.json").is_file():
        return
    tabs = [*page.template_args.get("extended_tabs", []), {"title": "Memory", "key": TAB_KEY}]
    page.template_args["extended_tabs"] = tabs
    page.app.register_blueprint(memory_pages(LiveRun(Path(run_dir))))
    page.app.before_request(_only_for_this_machine)
    page.app.after_request(_with_script)


def memory_pages(run: LiveRun) -> Blueprint:
    """The live page, its script and the news, under ``/soak/``."""
    pages = Blueprint("soak", __name__, url_prefix="/soak")

    @pages.get("/")
    def page() -> Response:
        return _answer(_static("live.html"), "text/html")

    @pages.get("/live.js")
    def script() -> Response:
        return _answer(_static("live.js"), "text/javascript")

    @pages.get("/tab.js")
    def tab() -> Response:
        return _answer(_TAB_SCRIPT, "text/javascript")

    @pages.get("/news")
    def news() -> Response:
        offsets = (request.args.get(name, 0, type=int) for name in ("samples", "events"))
        response = Response(_json(run, *offsets), content_type="application/json")
        response.headers["Cache-Control"] = "no-store"
        return response

    return pages


def _only_for_this_machine() -> Response | None:
    """A page from elsewhere must not reach the run, or Locust's own buttons, by pointing its name at this machine."""
    if urlsplit(f"//{request.host}").hostname in LOOPBACK_NAMES:
        return None
    return Response("only for this machine\n", 403, content_type="text/plain")


def _json(run: LiveRun, samples: int, events: int) -> str:
    return json.dumps(run.news(samples, events))


def _static(name: str) -> str:
    return files("harness").joinpath("report", "templates", name).read_text(encoding="utf-8")


def _answer(text: str, kind: str) -> Response:
    response = Response(text, content_type=f"{kind}; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def _with_script(response: Response) -> Response:
    """Locust's index page with our script at its end."""
    if request.path == "/" and response.mimetype == "text/html" and response.status_code == 200:
        text = response.get_data(as_text=True)
        response.set_data(text.replace("</body>", '<script src="soak/tab.js"></script></body>', 1))
    return response
