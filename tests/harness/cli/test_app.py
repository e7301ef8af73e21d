"""The command line put together."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __version__
from harness.cli.app import COMMANDS, run_command_line
from harness.errors import TargetError


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Both leave with 0; help names every command of the contract and the exit codes."""
    assert run_command_line(["--version"]) == 0
    assert capsys.readouterr().out == f"soak {__version__}\n"

    assert run_command_line(["--help"]) == 0
    text = capsys.readouterr().out
    for command in "run attach analyze report gate compare ablate plan demo list doctor init".split():
        assert re.search(rf"^  {command}\b", text, re.MULTILINE), command
    assert "130 interrupted" in text


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without starting anything."""
    for command in COMMANDS:
        assert run_command_line([command, "--help"]) == 0
        assert f"Usage: soak {command}" in capsys.readouterr().out


def test_judging_does_not_load_what_drives_a_run() -> None:
    """Its modules alone cost more time than judging a week of samples."""
    script = (
        "import sys; from harness.cli.app import run_command_line; run_command_line(['analyze', '--help']);"
        "sys.exit('harness.orchestrate.run' in sys.modules or 'harness.cli.run' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "nonsense"),
        (["run", "--nonsense"], "--nonsense"),
        (["analyze"], "RUN"),
        (["analyze", "/no/such/run"], "expected the directory of a run at /no/such/run"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what was found, on stderr."""
    assert run_command_line(arguments) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TargetError("lost\n\tit"), 4),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(32, "x"), 4),
        (ZeroDivisionError("x"), 4),
    ],
)
def test_errors_become_exit_codes(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And their text one line."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("harness.cli.run.load_plan", fail)

    assert run_command_line(["run", "mixed"]) == code
    assert capsys.readouterr().err.count("\n") <= 1
