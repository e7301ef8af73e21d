"""Workers on other hosts: three containers, each with its own host name and processes, hold three times one's load."""

from __future__ import annotations

import csv
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.orchestrate.launch import free_port
from tests.support.containers import docker, newest_run, write_plan

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300), pytest.mark.usefixtures("images")]

USERS_PER_WORKER = 12
THINK_S = 4.0


@dataclass(frozen=True, slots=True)
class Load:
    """What was held: conversations in flight (mean of the loaded seconds), and what became of all of them."""

    users_count: float
    completed_per_s: float
    failed_count: int


def drive(folder: Path, workers_count: int) -> Load:
    folder.mkdir()
    port = free_port()
    plan = write_plan(
        folder,
        {"image": "unused"},
        load={
            "arrivals": "closed",
            "users": USERS_PER_WORKER * workers_count,
            "think": f"{THINK_S:g}s",
            "expect-workers": workers_count,
            "master-port": port,
        },
        target={"reference": "after"},
        tts={"profile": "realistic"},
    )
    words = ["run", "normal", "--duration", "60s", "--quiet", "--no-early-stop", "--config", str(plan)]
    soak = subprocess.Popen([sys.executable, "-m", "harness", *words], cwd=folder)
    names: list[str] = []
    try:
        names += [start_worker(port, number) for number in range(workers_count)]
        soak.wait()
    finally:
        soak.terminate()
        soak.wait()
        docker("rm", "--force", *names)
    run = newest_run(plan)

    assert run is not None
    return load_of(run)


def start_worker(port: int, number: int) -> str:
    scenario = "/opt/voice-soak/locustfiles/normal.py"
    return docker(
        *("run", "--detach", "--network", "host", "--hostname", f"worker-{number}"),
        *("--entrypoint", "python3", "voice-soak-harness", "-m", "locust", "-f", scenario),
        *("--worker", "--master-host", "127.0.0.1", "--master-port", str(port)),
    )


def load_of(run: Path) -> Load:
    with (run / "load.csv").open() as file:
        rows = list(csv.DictReader(file))
    loaded = [row for row in rows if int(row["users_count"]) > 0]
    seconds = float(loaded[-1]["t_s"]) - float(loaded[0]["t_s"])
    return Load(
        statistics.fmean(int(row["users_count"]) for row in loaded),
        sum(int(row["completed_count"]) for row in loaded) / seconds,
        sum(int(row["failed_count"]) for row in rows),
    )


def test_three_workers_hold_three_times_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Conversations in flight and conversations completed both grow threefold, none failing for it."""
    one, three = drive(tmp_path / "one", 1), drive(tmp_path / "three", 3)
    with capsys.disabled():
        sys.stdout.write(f"\none worker {one}\nthree workers {three}\n")

    assert three.users_count / one.users_count == pytest.approx(3.0, rel=0.2)
    assert three.completed_per_s / one.completed_per_s == pytest.approx(3.0, rel=0.2)
    assert three.failed_count <= 0.01 * three.completed_per_s * 60
