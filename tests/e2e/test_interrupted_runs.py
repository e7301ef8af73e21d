"""Runs that do not end by themselves, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SOAK = [sys.executable, "-m", "harness"]


def start_run(out: Path) -> subprocess.Popen[str]:
    """A run that is being sampled: its first samples are on disk."""
    run = subprocess.Popen(
        [*SOAK, "run", "mixed", "--duration", "90s", "--speedup", "120", "--no-early-stop", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 5000 for path in out.glob("2*/samples/target.csv")):
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return run


def family(run: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(run.pid).children(recursive=True)


def analyze(run_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SOAK, "analyze", str(run_dir), "--json"], capture_output=True, text=True, timeout=60)


def test_a_killed_harness_leaves_a_readable_run_and_no_child(tmp_path: Path) -> None:
    """kill -9 in the middle: the children notice and end within ten seconds, the directory can be judged."""
    run = start_run(tmp_path)
    children = family(run)
    assert len(children) >= 4  # guardian, mock, target, load

    run.kill()
    run.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    judged = analyze(next(tmp_path.glob("2*")))

    assert alive == []
    assert judged.returncode in (1, 3)
    assert "cut short" in judged.stdout + judged.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_everything_and_is_judged_and_reported(tmp_path: Path, number: signal.Signals) -> None:
    """Children end within five seconds; exit 130; the report is there."""
    run = start_run(tmp_path)
    children = family(run)

    os.kill(run.pid, number)
    _, alive = psutil.wait_procs(children, timeout=5)
    output, _ = run.communicate(timeout=60)

    run_dir = next(tmp_path.glob("2*"))
    assert alive == []
    assert run.returncode == 130, output
    assert json.loads((run_dir / "end.json").read_text())["reason"] == "interrupted"
    assert json.loads((run_dir / "verdict.json").read_text())["outcome"] in ("fail", "inconclusive")
    assert (run_dir / "report.html").is_file()
