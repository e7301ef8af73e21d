"""``soak analyze`` from the outside: judged again, under its own limits or others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.app import run_command_line
from harness.model import ExitCode
from harness.verdict import VERDICT_FILE
from tests.support.stored_runs import FIXED, LEAKING, write_run


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run that leaks, not judged yet."""
    return write_run(tmp_path_factory.mktemp("leaking"), replace(LEAKING, duration_s=300.0))


def test_it_writes_the_verdict_and_leaves_with_the_outcome(leaking: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is what is stored; a mild limit given here replaces it."""
    code = run_command_line(["analyze", str(leaking)])
    out = capsys.readouterr().out

    assert (code, out.splitlines()[0]) == (ExitCode.FAIL, "FAIL")
    assert json.loads((leaking / VERDICT_FILE).read_text())["outcome"] == "fail"


def test_no_write_leaves_what_is_stored(leaking: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object on standard output, everything else on the other; the stored verdict is as it was."""
    run_command_line(["analyze", str(leaking), "--quiet"])
    before = (leaking / VERDICT_FILE).read_bytes()
    capsys.readouterr()
    code = run_command_line(["analyze", str(leaking), "--max-growth", "900 GB/min", "--no-write", "--json"])
    captured = capsys.readouterr()
    found = json.loads(captured.out)

    assert code == {"pass": ExitCode.PASS, "inconclusive": ExitCode.INCONCLUSIVE}[found["outcome"]]
    assert found["run"] == str(leaking)
    assert captured.out.count("\n") == 1
    assert captured.err.startswith(found["outcome"].upper())
    assert (leaking / VERDICT_FILE).read_bytes() == before


def test_a_short_run_cannot_tell(tmp_path: Path) -> None:
    """Not enough is no pass."""
    run = write_run(tmp_path, replace(FIXED, duration_s=20.0))

    assert run_command_line(["analyze", str(run), "--quiet"]) == ExitCode.INCONCLUSIVE


def test_what_was_left_out_in_reading_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A torn last line counts for nothing, and nobody shall think that it did."""
    run = write_run(tmp_path, replace(FIXED, duration_s=20.0))
    with (run / "samples" / "target.csv").open("a") as samples:
        samples.write("999.0,1")
    run_command_line(["analyze", str(run), "--no-write"])

    assert "  note: dropped a torn last line of target.csv (7 bytes without a newline)\n" in capsys.readouterr().out
