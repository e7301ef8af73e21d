"""Load workers on other hosts: what one holds, what several hold, and which part of the machine is full.

Each worker is a container with a host name and processes of its own on the host's network, all driven by one
``soak run``; the reference backend and the mock with its realistic profile run beside them, on the same cores.
Needs an engine (``docker/engine.sh``) and the images (``docker/images.sh``).

    python benchmarks/workers.py --users 12 24 48 --workers 1 2 3
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path

import psutil

from harness.orchestrate.launch import free_port

WORKER = ("python3", "-m", "locust", "-f", "/opt/voice-soak/locustfiles/normal.py", "--worker")
SETTLING_S = 10.0
"""Users arrive within it; it is not counted."""
START_S = 90.0
"""A run that has not begun by then has failed."""


@dataclass(frozen=True, slots=True)
class Held:
    """What was held after SETTLING_S. Conversations in flight and cores are means; ``failed`` is of the whole run."""

    users_each: int
    workers: int
    in_flight: float
    completed_per_s: float
    failed: int
    first_byte_p95_ms: float
    cores_workers: float
    cores_backend: float
    cores_mock: float
    cores_all: float


def hold(users_each: int, workers: int, duration_s: int, think_s: float, folder: Path) -> Held:
    """One run with ``users_each`` users for each of ``workers``."""
    port = free_port()
    plan = folder / "soak.toml"
    plan.write_text(
        f"[run]\nout = {json.dumps(str(folder))}\n"
        f'[load]\narrivals = "closed"\nusers = {users_each * workers}\nthink = "{think_s:g}s"\n'
        f"expect-workers = {workers}\nmaster-port = {port}\n"
        '[target]\nreference = "after"\n[tts]\nprofile = "realistic"\n'
    )
    words = ("run", "normal", "--duration", f"{duration_s}s", "--quiet", "--no-early-stop", "--config", str(plan))
    with (folder / "soak.log").open("wb") as log:
        soak = subprocess.Popen([sys.executable, "-m", "harness", *words], stdout=log, stderr=log)
    names: list[str] = []
    try:
        names.extend(start_worker(port, number) for number in range(workers))
        run = await_run(folder, soak)
        cores_workers, cores_all = cores_of(names, run, soak)
        soak.wait(timeout=180)
    finally:
        soak.terminate()
        soak.wait()
        docker("rm", "--force", "--volumes", *names)
    return held(users_each, workers, run, cores_workers, cores_all)


def start_worker(port: int, number: int) -> str:
    return docker(
        *("run", "--detach", "--network", "host", "--hostname", f"worker-{number}"),
        *("--entrypoint", WORKER[0], "voice-soak-harness", *WORKER[1:]),
        *("--master-host", "127.0.0.1", "--master-port", str(port)),
    )


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=120).stdout.strip()


def await_run(folder: Path, soak: subprocess.Popen[bytes]) -> Path:
    """The run's directory once the load has settled. Exits with what ``soak`` said when it ends before."""
    given_up_s = time.monotonic() + START_S
    while time.monotonic() < given_up_s and soak.poll() is None:
        for run in folder.glob("2*"):
            load = run / "load.csv"
            if load.is_file() and (rows := read(load)) and float(rows[-1]["t_s"]) - float(rows[0]["t_s"]) >= SETTLING_S:
                return run
        time.sleep(0.5)
    sys.exit(f"expected a run under way, found none: {(folder / 'soak.log').read_text()[-2000:]}")


def cores_of(names: Sequence[str], run: Path, soak: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Cores that the workers keep busy, and all programs of the machine, from now to the end of the load."""
    processes = [psutil.Process(int(docker("inspect", "--format", "{{.State.Pid}}", name))) for name in names]
    begun_s = last_s = time.monotonic()
    last = first = {process.pid: cpu_s(process) for process in processes}
    all_cores = []
    psutil.cpu_percent()
    while not (run / "end.json").is_file() and soak.poll() is None:
        time.sleep(1.0)
        now = {process.pid: cpu_s(process) for process in processes if process.is_running()}
        if len(now) < len(processes) or any(used_s < last[pid] for pid, used_s in now.items()):
            break
        last, last_s = now, time.monotonic()
        all_cores.append(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1))
    if not all_cores:
        sys.exit("expected a load that goes on for some seconds after it has settled, found none")
    return (sum(last.values()) - sum(first.values())) / (last_s - begun_s), statistics.fmean(all_cores)


def cpu_s(process: psutil.Process) -> float:
    """0 when it has ended."""
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.NoSuchProcess:
        return 0.0


def held(users_each: int, workers: int, run: Path, cores_workers: float, cores_all: float) -> Held:
    rows = [row for row in read(run / "load.csv") if int(row["users_count"]) > 0]
    settled_s = float(rows[0]["t_s"]) + SETTLING_S
    loaded = [row for row in rows if float(row["t_s"]) >= settled_s]
    end_s = float(loaded[-1]["t_s"])
    first_bytes_ms = [float(row["first_byte_p95_ms"]) for row in loaded if row["first_byte_p95_ms"]]
    return Held(
        users_each,
        workers,
        in_flight=statistics.fmean(int(row["users_count"]) for row in loaded),
        completed_per_s=sum(int(row["completed_count"]) for row in loaded) / (end_s - settled_s),
        failed=sum(int(row["failed_count"]) for row in read(run / "load.csv")),
        first_byte_p95_ms=statistics.median(first_bytes_ms) if first_bytes_ms else math.nan,
        cores_workers=cores_workers,
        cores_backend=cores_in(run / "samples" / "target.csv", settled_s, end_s),
        cores_mock=cores_in(run / "samples" / "mock.csv", settled_s, end_s),
        cores_all=cores_all,
    )


def cores_in(samples: Path, from_s: float, to_s: float) -> float:
    rows = [row for row in read(samples) if row["cpu_s"] and from_s <= float(row["t_s"]) <= to_s]
    return (float(rows[-1]["cpu_s"]) - float(rows[0]["cpu_s"])) / (float(rows[-1]["t_s"]) - float(rows[0]["t_s"]))


def read(table: Path) -> list[dict[str, str]]:
    with table.open() as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[12], help="users of each worker")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--think", type=float, default=4.0, help="seconds between two conversations of a user")
    parser.add_argument("--duration", type=int, default=45, help="seconds of a run")
    parser.add_argument("--json", action="store_true", help="one object a line instead of a table")
    arguments = parser.parse_args()
    names = [field.name for field in fields(Held)]
    if not arguments.json:
        print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|", flush=True)
    for users_each, workers in product(arguments.users, arguments.workers):
        with tempfile.TemporaryDirectory() as folder:
            found = asdict(hold(users_each, workers, arguments.duration, arguments.think, Path(folder)))
        line = " | ".join(f"{value:.2f}" if isinstance(value, float) else str(value) for value in found.values())
        print(json.dumps(found) if arguments.json else f"| {line} |", flush=True)


if __name__ == "__main__":
    main()
