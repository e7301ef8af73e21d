"""``soak ablate`` from the outside, as far as it goes without starting anything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.ablate import _report
from harness.cli.app import run_command_line
from harness.model import ExitCode
from tests.support.stored_runs import FIXED, LEAKING, write_run


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


def test_a_ladder_leaves_its_report_beside_its_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page, its words as Markdown and its figures as JSON; the command says where."""
    runs: dict[str, tuple[Path, ...]] = {
        name: (write_run(tmp_path / name, replace(recipe, duration_s=300.0)),)
        for name, recipe in (("base", LEAKING), ("tracker", FIXED))
    }
    code = _report(tmp_path, runs, as_json=False, quiet=False)
    out = capsys.readouterr().out

    assert code is ExitCode.PASS
    assert out.endswith(f"report: {tmp_path / 'ladder.html'}\n")
    assert "tracker" in (tmp_path / "ladder.md").read_text()
    assert json.loads((tmp_path / "ladder.json").read_text())["switches"][0]["name"] == "tracker"
