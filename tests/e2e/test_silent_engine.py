"""An engine that falls silent in the middle of a run: what else is sampled is sampled in time, and the run ends."""

from __future__ import annotations

import contextlib
import csv
import http.server
import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

INSPECTED = {
    "Id": "47dc" * 16,
    "Name": "/voice",
    "State": {"Running": True, "Pid": 1, "StartedAt": "2026-11-22T16:40:57.552376169Z"},
    "HostConfig": {"Memory": 64_000_000},
    "Config": {"Tty": False, "Labels": {}},
    "NetworkSettings": {"Ports": {}},
}
STATISTICS = {"memory_stats": {"usage": 30_000_000, "stats": {"anon": 20_000_000, "inactive_file": 0}}}
EVENT_QUESTIONS_ANSWERED = 2


class Engine(socketserver.ThreadingUnixStreamServer):
    """Answers to the client of a harness until it was asked twice for the past, and from then on to nobody."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Answers)
        self.event_questions = 0
        self.over = threading.Event()

    def answer(self, path: str) -> Any:
        self.event_questions += "/events?" in path
        if self.event_questions > EVENT_QUESTIONS_ANSWERED:
            self.over.wait()
        answers: dict[str, Any] = {
            "/version": {"ApiVersion": "1.41"},
            "/info": {"SystemTime": ""},
            "/containers/json": [],
            "/stats?": STATISTICS,
            "/events?": None,
            "/logs?": None,
        }
        return next((answer for part, answer in answers.items() if part in path), INSPECTED)


class Answers(http.server.BaseHTTPRequestHandler):
    server: Engine

    def do_GET(self) -> None:
        answer = self.server.answer(self.path)
        body = b"" if answer is None else json.dumps(answer).encode()
        with contextlib.suppress(BrokenPipeError):  # who was not answered has gone by the end of the test
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


class Health(Answers):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """It listens on engine.sock in the test's folder."""
    with Engine(tmp_path / "engine.sock") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()


@pytest.fixture
def target_url() -> Iterator[str]:
    """What stands in the container, as far as a run sees it."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_nothing_waits_for_a_silent_engine(engine: Engine, target_url: str, tmp_path: Path) -> None:
    """No gap in what the harness samples of itself and the load, a gap and its reason for the target."""
    command = [sys.executable, "-m", "harness", "run", "idle", "--container", "voice", "--base-url", target_url]
    done = subprocess.run(
        [*command, "--duration", "15s", "--no-early-stop", "--out", str(tmp_path)],
        env=os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/engine.sock"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode in (3, 4), done.stdout + done.stderr
    assert engine.event_questions > EVENT_QUESTIONS_ANSWERED
    (run,) = tmp_path.glob("2*-idle-*")
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert {event["probe"] for event in events if event["event"] == "gap"} <= {"target"}
    assert any("no engine that answers" in str(event) for event in events)
    for name in ("harness", "generator"):
        with (run / "samples" / f"{name}.csv").open() as file:
            times_s = [float(row["t_s"]) for row in csv.DictReader(file)]
        assert len(times_s) >= 14, name
