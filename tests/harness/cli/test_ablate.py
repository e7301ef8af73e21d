"""``soak ablate`` from the outside, as far as it goes without starting anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.app import run_command_line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-s", "tracker"], "expected a switch"),
        (["--target-command", "node server.js"], "--switch"),
        (["-s", "A=1", "--run", "0"], "at least one run"),
        (["wild"], "expected a scenario"),
        (["--resume", "no-such-experiment"], "to resume"),
    ],
)
def test_wrong_usage_is_one_line_and_2(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started and nothing stored."""
    code = run_command_line(["ablate", *arguments, "--out", str(tmp_path)])
    error = capsys.readouterr().err

    assert code == 2
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
