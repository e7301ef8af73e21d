"""``soak run`` from the outside, as far as it goes without starting anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.app import run_command_line
from harness.cli.run import require_scenario
from harness.errors import UsageError
from harness.model import ExitCode
from harness.plan.document import Plan


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["maximal"], "expected a scenario (normal heavy"),
        ([], "expected a scenario"),
        (["mixed", "--duration", "soon"], "expected a duration"),
        (["mixed", "--capture", "sometimes"], "capture"),
        (["--locustfile", "none.py"], "expected a locustfile"),
        (["mixed", "--workers", "2", "--expect-workers", "2"], "expected either --workers"),
        (["mixed", "--pid", "4194305"], "found no process 4194305"),
    ],
)
def test_wrong_usage_is_one_line_and_2(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is started and nothing stored."""
    monkeypatch.chdir(tmp_path)
    code = run_command_line(["run", *arguments, "--out", str(tmp_path)])
    error = capsys.readouterr().err

    assert code == ExitCode.USAGE
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_locustfile_stands_in_for_a_scenario(tmp_path: Path) -> None:
    """One that is there."""
    file = tmp_path / "mine.py"
    file.write_text("")
    require_scenario(Plan.model_validate({"run": {"locustfile": str(file)}}))
    with pytest.raises(UsageError, match="expected a locustfile"):
        require_scenario(Plan.model_validate({"run": {"locustfile": str(tmp_path / "none.py")}}))
