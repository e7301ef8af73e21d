"""``soak plan`` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.app import run_command_line
from tests.support.stored_runs import FIXED, write_run


def test_how_long_for_a_rate_is_said_with_what_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a run, at the noise of a typical service, and that is said."""
    assert run_command_line(["plan", "--detect", "1 MB/min"]) == 0
    out = capsys.readouterr().out

    assert "typical service" in out
    assert "the noise has to average out" in out
    assert "cycles of the load" in out


def test_a_run_s_own_noise_and_the_reverse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both questions in one call, as one JSON object."""
    run = write_run(tmp_path, FIXED)
    code = run_command_line(["plan", str(run), "--detect", "64 KiB/query", "--duration", "1h", "--json"])
    data = json.loads(capsys.readouterr().out)

    assert code == 0
    assert data["needs_s"] > 0
    assert data["detectable_bytes_per_h"] > 0
    assert data["detectable_bytes_per_query"] > 0


def test_a_smaller_growth_needs_a_longer_soak(capsys: pytest.CaptureFixture[str]) -> None:
    """By length to the power of two thirds, where noise decides."""
    needs_s = []
    for rate in ("10 MB/min", "0.01 MB/min"):
        run_command_line(["plan", "--detect", rate, "--speedup", "1000", "--json"])
        needs_s.append(json.loads(capsys.readouterr().out)["needs_s"])

    assert needs_s[0] < needs_s[1]


def test_what_else_a_length_is_too_short_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Both answers agree: what needs fifteen minutes is not seen in one."""
    told = []
    for length in ("1m", "10h"):
        run_command_line(["plan", "--detect", "1 MB/min", "--duration", length])
        told.append(capsys.readouterr().out)

    assert "but it is too short for 30 independent levels" in told[0]
    assert "too short" not in told[1]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--detect", "fast"],
        ["--detect", "0 MB/min"],
        ["--duration", "soon"],
        ["--detect", "1 MB/min", "--scenario", "wild"],
        ["--detect", "1 KiB/query", "--scenario", "idle"],
        ["--detect", "1 MB/min", "--speedup", "-3"],
        ["--detect", "1 MB/min", "--seed", "1.7"],
        ["--detect", "1 MB/min", "no-such-run"],
    ],
)
def test_wrong_usage_is_one_line_and_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What was expected, what was found."""
    assert run_command_line(["plan", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_seed_may_be_nought(capsys: pytest.CaptureFixture[str]) -> None:
    """As in a plan."""
    assert run_command_line(["plan", "--detect", "1 MB/min", "--seed", "0"]) == 0
    assert "to see 1 MB/min" in capsys.readouterr().out
