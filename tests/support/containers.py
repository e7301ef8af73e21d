"""Small targets for containers, and `soak` run on them as a user does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASE_IMAGE = "voice-soak-base"
BACKEND_IMAGE = "voice-soak-backend"
TEST_LABEL = "voice-soak-test"

_SERVER = """
import http.server, os, threading, time
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Health)
threading.Thread(target=server.serve_forever, daemon=True).start()
"""

LEAK_MB_PER_S = 2.0
LEAKING = (
    _SERVER
    + f"""
held, held_bytes, began_s = [], 0, time.monotonic()
while True:
    due_bytes = int((time.monotonic() - began_s) * {LEAK_MB_PER_S * 1e6})
    held.append(b"x" * (due_bytes - held_bytes))
    held_bytes = due_bytes
    time.sleep(0.1)
"""
)
"""Holds 2 MB more every second, used or not; by the clock, so that a busy machine delays no kill."""

WRITING = (
    _SERVER
    + """
block = b"x" * (4 << 20)
number = 0
while True:
    with open(f"/tmp/written-{number % 6}", "wb") as file:
        for _ in range(64):
            file.write(block)
            time.sleep(0.02)
    number += 1
"""
)
"""Holds nothing and writes files of 256 MiB, six in turn, as fast as 200 MB a second."""

QUIET = _SERVER + "threading.Event().wait()\n"
DEAF = ["sh", "-c", "echo I do not listen; exec sleep 600"]
"""A shell, which has spoken long before anybody gives it up."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a `soak` command left: its exit code, its run (None when none was stored), what it said."""

    code: int
    run: Path | None
    said: str

    def verdict(self) -> dict[str, Any]:
        assert self.run is not None, self.said
        verdict: dict[str, Any] = json.loads((self.run / "verdict.json").read_text())
        return verdict

    def is_judged(self) -> bool:
        """Whether it was recorded to its end and judged, however it was judged."""
        return self.run is not None and (self.run / "verdict.json").exists() and (self.run / "end.json").exists()

    def events(self, name: str) -> list[dict[str, Any]]:
        assert self.run is not None, self.said
        lines = (self.run / "events.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == name]


def script(code: str) -> list[str]:
    """The command that runs ``code`` in the base image."""
    return ["python3", "-u", "-c", code]


def write_plan(folder: Path, container: dict[str, Any], **sections: dict[str, Any]) -> Path:
    """A soak.toml in ``folder`` with runs stored under it, whose container carries the folder as a label."""
    if "image" in container:
        container = container | {"labels": {TEST_LABEL: str(folder)}}
    tables = {"container": container, "run": {"out": str(folder / "runs")}, **sections}
    lines: list[str] = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {toml(value)}" for key, value in table.items()]
    plan = folder / "soak.toml"
    plan.write_text("\n".join(lines) + "\n")
    return plan


def toml(value: Any) -> str:
    """A value as a line of TOML has it: JSON's texts, numbers and lists are its own, tables are not."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def start_soak(plan: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", "run", *words, "--config", str(plan)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=plan.parent)


def run_soak(plan: Path, *words: str) -> Result:
    process = start_soak(plan, *words)
    said, _ = process.communicate()
    return Result(process.returncode, newest_run(plan), said)


def newest_run(plan: Path) -> Path | None:
    runs = sorted((plan.parent / "runs").glob("2*"))
    return runs[-1] if runs else None


def kill_tree(process: subprocess.Popen[str], *others: int) -> None:
    """SIGKILL to the harness and to ``others``, as an out-of-memory killer would, with nobody asked."""
    for pid in (process.pid, *others):
        os.kill(pid, signal.SIGKILL)
    process.communicate()


def docker(*words: str, timeout_s: float = 120.0) -> str:
    """Output of the engine's own command line; an engine that hangs fails the test."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=timeout_s)
    return done.stdout.strip()


def own_containers(folder: Path) -> list[str]:
    """Names of the containers that the plan in ``folder`` has started and nobody has removed."""
    return docker("ps", "--all", "--filter", f"label={TEST_LABEL}={folder}", "--format", "{{.Names}}").split()
