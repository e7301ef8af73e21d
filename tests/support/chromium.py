"""A real Chromium, driven over its DevTools protocol: what a page logs, requests, shows and measures."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
_LISTENING = re.compile(r"DevTools listening on (ws://\S+)")
_ANSWER_TIMEOUT_S = 30.0


def find_chromium() -> str | None:
    """Path of an installed Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass(slots=True)
class Seen:
    """What a page did: requested URLs, errors on its console, exceptions, dialogs."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Browser:
    """One tab of a headless Chromium that listens at the other end of ``socket``."""

    def __init__(self, socket: ClientConnection) -> None:
        self.seen = Seen()
        self._next_id = 0
        self._socket = socket
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """One command to the tab; its result. Raises RuntimeError for an error of the protocol."""
        return self._call(method, parameters, self._session)

    def _call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> Any:
        self._next_id += 1
        message: dict[str, Any] = {"id": self._next_id, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(_ANSWER_TIMEOUT_S))
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.seen.requests.append(parameters["request"]["url"])
            case "Runtime.exceptionThrown":
                self.seen.errors.append(str(parameters["exceptionDetails"].get("exception", parameters)))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "assert"):
                self.seen.errors.append(str(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                self.seen.errors.append(str(parameters["entry"]))
            case "Page.javascriptDialogOpening":
                self.seen.errors.append(f"dialog: {parameters['message']}")

    def open(self, url: str) -> None:
        """Loads ``url`` and returns when it is complete."""
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression. Raises RuntimeError where it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_for(self, condition: str, timeout_s: float = 20.0) -> None:
        """Returns when a JavaScript condition is true. Raises TimeoutError."""
        deadline_s = time.monotonic() + timeout_s
        poll = f"new Promise(done => setTimeout(() => done(Boolean({condition})), 50))"
        while not self.evaluate(poll):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"expected {condition} within {timeout_s:g} s")

    def show_as(
        self, *, width: int, height: int = 900, dark: bool = False, media: str = "", mobile: bool = False
    ) -> None:
        """Viewport in CSS pixels, colour scheme, and ``print`` for paper."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def screenshot(self, path: Path, *, full: bool = False) -> Path:
        """A PNG of what is to be seen, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)["data"]
        path.write_bytes(base64.b64decode(data))
        return path

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with its profile in ``profile``, gone afterwards. Raises RuntimeError where none is installed."""
    executable = find_chromium()
    if executable is None:
        raise RuntimeError(f"expected one of {' '.join(NAMES)} on PATH, found none; run `make browser-test`")
    process = subprocess.Popen(
        [executable, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with connect(_address(process), max_size=None, proxy=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        match = _LISTENING.search(line)
        if match:
            return match[1]
    raise RuntimeError("expected Chromium to say where it listens, found the end of its output")
