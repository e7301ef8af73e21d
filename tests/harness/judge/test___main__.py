"""The judge as a process: lines while it is wanted, gone when it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stored_runs import Recipe, write_run


@pytest.mark.slow
def test_the_judge_speaks_until_its_input_ends(tmp_path: Path) -> None:
    """One JSON line a look; the end of standard input ends it, whatever ended the harness."""
    run = write_run(tmp_path, Recipe(duration_s=20.0))
    with subprocess.Popen(
        [sys.executable, "-m", "harness.judge", str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as judge:
        assert judge.stdin is not None
        assert judge.stdout is not None
        judge.stdin.write(json.dumps({"planned_s": 600.0, "rates_per_s": {"normal": 1.0}, "drives": False}) + "\n")
        judge.stdin.flush()
        finding = json.loads(judge.stdout.readline())
        judge.stdin.close()

        assert judge.wait(timeout=30) == 0
        assert set(finding) == {"t_s", "growth_bytes_per_h", "outcome", "waits_for", "stop"}


@pytest.mark.slow
def test_a_judge_without_a_run_says_why_and_ends(tmp_path: Path) -> None:
    """Its harness goes on without it."""
    done = subprocess.run(
        [sys.executable, "-m", "harness.judge", str(tmp_path)],
        input='{"planned_s": 1.0, "rates_per_s": {}, "drives": false}\n',
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 1
    assert "manifest.json" in done.stderr
