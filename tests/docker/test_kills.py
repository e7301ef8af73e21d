"""Memory limits that are reached: recorded, judged invalid with the reason, and forecast before it happened."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.containers import BASE_IMAGE, LEAKING, Result, run_soak, script, write_plan

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600), pytest.mark.usefixtures("images", "nothing_left")]


def soak_leak(tmp_path: Path, limit: str, restart: str) -> Result:
    container = {"image": BASE_IMAGE, "command": script(LEAKING), "memory-limit": limit, "restart": restart}
    return run_soak(write_plan(tmp_path, container), "idle", "--duration", "90s", "--no-early-stop")


def test_a_kill_at_the_limit(tmp_path: Path) -> None:
    """The kill and the exit code are events, the run is invalid and says why, and the forecast made at two thirds of
    the way was right within a quarter."""
    result = soak_leak(tmp_path, "160 MiB", "never")

    assert result.code == 4, result.said
    (kill,) = result.events("oom_kill")
    assert kill["count"] == 1
    assert any("exit code 137, killed out of memory" in note["text"] for note in result.events("note"))
    assert any("lack of memory" in reason for reason in result.verdict()["reasons"])
    assert result.run is not None
    assert json.loads((result.run / "end.json").read_text())["reason"] == "target_died"

    cut_s = kill["t_s"] * 2 / 3
    forecast = forecast_at(result.run, tmp_path / "cut", cut_s)
    assert forecast["limit_bytes"] == 160 * 2**20
    assert forecast["hours_to_limit"]["estimate"] * 3600 == pytest.approx(kill["t_s"] - cut_s, rel=0.25)


def forecast_at(run: Path, copy: Path, cut_s: float) -> dict[str, Any]:
    """The forecast of the same run as it would have been made at ``cut_s``."""
    shutil.copytree(run, copy)
    (copy / "end.json").unlink()
    header, *rows = (run / "samples" / "target.csv").read_text().splitlines(keepends=True)
    kept = [row for row in rows if float(row.split(",")[0]) <= cut_s]
    (copy / "samples" / "target.csv").write_text(header + "".join(kept))
    lines = (run / "events.jsonl").read_text().splitlines(keepends=True)
    (copy / "events.jsonl").write_text("".join(line for line in lines if json.loads(line)["t_s"] <= cut_s))
    command = [sys.executable, "-m", "harness", "analyze", str(copy), "--no-write", "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    forecast: dict[str, Any] = json.loads(done.stdout)["forecast"]
    return forecast


def test_a_restart_policy(tmp_path: Path) -> None:
    """Each kill and each new start is an event of its own; such a run is never averaged over."""
    result = soak_leak(tmp_path, "40 MiB", "on-failure")

    assert result.code == 4, result.said
    kills, restarts = result.events("oom_kill"), result.events("restart")
    assert len(kills) >= 2
    assert len(restarts) >= 2
    assert restarts[0]["old"]["container"] == restarts[0]["new"]["container"]
    assert restarts[0]["old"]["started_at"] != restarts[0]["new"]["started_at"]
    assert result.run is not None
    header, *rows = (result.run / "samples" / "target.csv").read_text().splitlines()
    columns = header.split(",")
    readings = [dict(zip(columns, row.split(","), strict=True)) for row in rows]
    last = [reading for reading in readings if reading["restarts_count"]][-1]  # blank between an end and a start
    assert int(last["restarts_count"]) == len(restarts)
    assert int(last["oom_kills_count"]) >= len(restarts)
