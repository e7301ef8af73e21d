"""``soak run`` from start to exit code, with the real backend, the real mock and real load."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SOAK = [sys.executable, "-m", "harness"]
LIMITS = ["--max-growth", "50 MB/min", "--max-growth-per-query", "64 KiB"]
"""Each a fraction of the leak, and far above what a minute beside other tests tells no better than."""


def soak_run(out: Path, preset: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Exit code and the JSON object of a run of a minute."""
    (out / "soak.toml").write_text('[tts]\nprofile = "instant"\n')
    done = subprocess.run(
        [
            *(*SOAK, "run", "mixed", "--duration", "60s", "--speedup", "120", "--no-early-stop", "--json", "--quiet"),
            *("--config", str(out / "soak.toml"), "--out", str(out)),
            *("--target-command", f"voice-backend serve --preset {preset}", *LIMITS, *more),
        ],
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.stdout.count("\n") == 1, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_leaking_build_fails_and_the_use_that_leaks_is_named(tmp_path: Path) -> None:
    """Exit 1, every kind of use above its limit, the report beside the samples."""
    code, verdict = soak_run(tmp_path, "before")

    assert (code, verdict["outcome"]) == (1, "fail")
    disconnect = verdict["kinds"]["disconnect"]["bytes_per_query"]
    assert disconnect["low"] > 200_000
    run_dir = Path(verdict["run"])
    for name in ("manifest.json", "load.csv", "events.jsonl", "end.json", "verdict.json", "report.html", "junit.xml"):
        assert (run_dir / name).is_file()


def test_the_fixed_build_passes(tmp_path: Path) -> None:
    """Exit 0 under the very same load and limits."""
    code, verdict = soak_run(tmp_path, "after")

    assert (code, verdict["outcome"]) == (0, "pass"), verdict["reasons"]
    assert verdict["memory"]["growth_bytes_per_h"]["high"] < 50e6 * 60


def test_a_target_that_dies_makes_the_run_invalid(tmp_path: Path) -> None:
    """Exit 4, and the reason says so; estimates are still given."""
    run = subprocess.Popen(
        [*SOAK, "run", "normal", "--duration", "60s", "--speedup", "60", "--out", str(tmp_path), "--quiet", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 3000 for path in tmp_path.glob("2*/samples/target.csv")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    target = next(child for child in psutil.Process(run.pid).children() if "voice_backend" in " ".join(child.cmdline()))

    target.send_signal(signal.SIGKILL)
    output, _ = run.communicate(timeout=60)

    assert run.returncode == 4
    assert "the target died" in " ".join(json.loads(output)["reasons"])
