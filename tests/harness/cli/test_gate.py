"""``soak gate`` is an exit code with its reasons, and changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.gate import gate
from harness.errors import UsageError
from harness.model import ExitCode
from tests.support.stored_runs import LEAKING, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaking run."""
    return write_run(tmp_path_factory.mktemp("gate"), replace(LEAKING, duration_s=600.0))


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_each_gate_has_a_line_and_nothing_is_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Outcome first; the run directory stays as it was."""
    before = sorted(path.name for path in run.iterdir())
    code = gate(run)
    out = capsys.readouterr().out

    assert code is ExitCode.FAIL
    assert out.startswith("FAIL: While it is used, its memory grows by")
    assert "growth per query, disconnect" in out
    assert sorted(path.name for path in run.iterdir()) == before


def test_limits_on_the_command_line_decide(run: Path) -> None:
    """The same run passes under a limit that allows it."""

    assert gate(run, max_growth="1 GB/min", quiet=True) is ExitCode.PASS


def test_a_plan_brings_its_further_gates(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--config judges under that plan, flags over it."""
    plan = tmp_path / "soak.toml"
    plan.write_text('[gates]\nmax_growth = "1 GB/min"\nmax_tts_calls_per_query = 2\n')

    assert gate(run, config=plan) is ExitCode.FAIL
    assert "speech calls of a query" in capsys.readouterr().out
    plan.write_text('[gates]\nmax_growth = "1 B/day"\nmax_tts_calls_per_query = 9\n')
    assert gate(run, config=plan, max_growth="1 GB/min", quiet=True) is ExitCode.PASS


def test_a_gate_on_what_was_not_recorded_is_wrong_usage(run: Path, tmp_path: Path) -> None:
    """Exit 2, whatever the run shows."""
    plan = tmp_path / "soak.toml"
    plan.write_text("[gates]\nmax_sockets_growth = 1\n")
    with pytest.raises(UsageError, match="sockets_count"):
        gate(run, config=plan)


def test_json_is_one_object_on_stdout(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Words go to stderr."""
    gate(run, as_json=True)
    printed = capsys.readouterr()
    data = json.loads(printed.out)

    assert data["run"] == str(run)
    assert data["outcome"] == "fail"
    assert "FAIL" in printed.err


def test_on_github_the_step_is_annotated(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors as commands, the report's words in the summary, without pictures that are not there."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    gate(run, quiet=True)

    assert capsys.readouterr().err.startswith("::error title=Fail%3A do not ship this build::")
    assert summary.read_text(encoding="utf-8").startswith("## ✕ Fail: do not ship this build")
    assert "![" not in summary.read_text(encoding="utf-8")


def test_a_summary_that_cannot_be_written_leaves_the_outcome(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is what the pipeline goes by."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "gone" / "summary.md"))

    assert gate(run, quiet=True) is ExitCode.FAIL
    assert "summary could not be written" in capsys.readouterr().err


def test_what_was_left_out_in_reading_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A torn last line is no reason to refuse, and none to be silent."""
    torn = write_run(tmp_path, replace(LEAKING, duration_s=600.0))
    with (torn / "load.csv").open("a") as rows:
        rows.write("601.0,nor")
    gate(torn)

    assert "  note: " in capsys.readouterr().out
