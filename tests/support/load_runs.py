"""Plays a load plan in a real Locust process, as the harness does, and reads what it left behind."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from harness.model import LOAD_COLUMNS, LoadKind
from harness.model.load import Backend, Ending, LoadPlan, Phase
from harness.orchestrate.launch import free_port
from harness.orchestrate.load import ALONE, Workers, load_process

Row = dict[str, str]

SCENARIO_OF_KIND: dict[str, str] = {
    LoadKind.NORMAL: "normal",
    LoadKind.DUPLICATE: "duplicates",
    LoadKind.DISCONNECT: "disconnects",
}


@dataclass(frozen=True)
class Played:
    """A load that has ended."""

    run_dir: Path
    exit_code: int
    events: list[dict[str, Any]]
    rows: list[Row]
    log: str

    def total(self, column: str, kind: str | None = None) -> int:
        """The sum of a column of counts over all rows, or those of one kind."""
        return sum(int(row[column]) for row in self.rows if kind in (None, row["kind"]))

    def named(self, event: str) -> list[dict[str, Any]]:
        """The events of that name."""
        return [found for found in self.events if found["event"] == event]

    @property
    def summary(self) -> dict[str, Any]:
        """What the load says about itself at its end."""
        found: dict[str, Any] = self.named("note")[-1]["load"]
        return found


def short_plan(
    backend: Backend,
    kinds: tuple[str, ...] = (LoadKind.NORMAL,),
    queries_count: int = 12,
    load_s: float = 1.0,
    idle_s: float = 0.8,
    **settings: Any,
) -> LoadPlan:
    """One block of load for each kind, each followed by its idle phase."""
    phases: list[Phase] = []
    at_s = 0.0
    for cycle, kind in enumerate(kinds, start=1):
        phases.append(Phase(f"{kind}-{cycle}", kind, cycle, at_s, at_s + load_s, queries_count, (kind,)))
        phases.append(Phase(f"idle-{cycle}", "idle", cycle, at_s + load_s, at_s + load_s + idle_s))
        at_s += load_s + idle_s
    defaults: dict[str, Any] = {
        "scenario": SCENARIO_OF_KIND[kinds[0]] if len(kinds) == 1 else "mixed",
        "seed": 7,
        "speedup": 60.0,
        "endings": tuple(ending for ending in Ending if ending is not Ending.POLITE),
        "hold_s": 0.3,
        "conversation_timeout_s": 10.0,
        "drain_timeout_s": 8.0,
        "max_lateness_s": 5.0,
    }
    return LoadPlan(phases=tuple(phases), backend=backend, **(defaults | settings))


def play(
    plan: LoadPlan,
    run_dir: Path,
    workers: Workers | int = ALONE,
    during: Callable[[subprocess.Popen[bytes], dict[str, Any]], None] | None = None,
    web_port: int | None = None,
) -> Played:
    """Plays ``plan`` to its end; ``during`` is called with each event as it comes.

    ``workers``: a number is that many forked here, which meet where no other test's do.
    """
    if isinstance(workers, int):
        workers = Workers(local_count=workers, port=free_port())
    read_fd, write_fd = os.pipe()
    log_path = run_dir / "locust.log"
    process = load_process(plan, run_dir, time.monotonic(), write_fd, workers, web_port)
    events: list[dict[str, Any]] = []
    with log_path.open("wb") as log:
        running = subprocess.Popen(
            process.command, env=os.environ | process.env, pass_fds=process.pass_fds, stdout=log, stderr=log
        )
    os.close(write_fd)
    try:
        with os.fdopen(read_fd) as pipe:
            for line in pipe:
                events.append(json.loads(line))
                if during is not None:
                    during(running, events[-1])
        exit_code = running.wait()
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()
    return Played(run_dir, exit_code, events, read_rows(run_dir), log_path.read_text())


def read_rows(run_dir: Path) -> list[Row]:
    """The rows of ``load.csv``, whose header must be the contract's."""
    path = run_dir / "load.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        assert tuple(reader.fieldnames or ()) == LOAD_COLUMNS
        return list(reader)


@dataclass(frozen=True)
class Reference:
    """The reference backend and the mock behind it; counts are those since ``since_now``."""

    backend_url: str
    mock_url: str
    processed_before: int = 0
    spoken_before: int = 0

    def processed(self) -> int:
        """Queries that the backend has worked on."""
        return int(self._backend("/debug/memory")["processed"]) - self.processed_before

    def active_dialogues(self) -> int:
        """Dialogues in the backend's map."""
        return int(self._backend("/health")["activeDialogues"])

    def spoken(self) -> int:
        """Requests for speech that the mock has had."""
        found = httpx.get(f"{self.mock_url}/admin/stats", trust_env=False).json()
        return int(found["requests_total"]) - self.spoken_before

    def since_now(self) -> Reference:
        """The same services, counted from here."""
        return Reference(
            self.backend_url,
            self.mock_url,
            self.processed_before + self.processed(),
            self.spoken_before + self.spoken(),
        )

    def _backend(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(self.backend_url + path, trust_env=False).json()
        return found


@contextmanager
def reference(preset: str) -> Iterator[Reference]:
    """Both as real processes on ports of their own."""
    with ExitStack() as stack:
        mock_url = stack.enter_context(_serving("mock_tts", "--profile", "instant"))
        backend_url = stack.enter_context(_serving("voice_backend", "--tts-url", mock_url, "--preset", preset))
        yield Reference(backend_url, mock_url)


@contextmanager
def _serving(package: str, *flags: str) -> Iterator[str]:
    """A server's URL, taken from the line that it prints when it is ready."""
    command = (sys.executable, "-m", package, "serve", "--port", "0", *flags)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    drain = threading.Thread(target=process.stdout.read)
    try:
        url = None
        while url is None:
            line = process.stdout.readline()
            assert line, f"{package} ended before it was ready"
            url = next((word.rstrip(".,/") for word in line.split() if word.startswith("http://")), None)
        drain.start()
        yield url
    finally:
        process.terminate()
        process.wait()
        if drain.ident is not None:
            drain.join()
        process.stdout.close()
