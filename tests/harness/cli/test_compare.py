"""``soak compare`` from the outside: exit codes, one JSON object, one line for a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.app import run_command_line
from harness.model import EndReason
from tests.support.stored_runs import FIXED, LEAKING, Recipe, write_run


def test_a_fix_leaves_with_0_and_prints_the_incident_s_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table of one, a hundred and a thousand queries, before and after."""
    before, after = write_run(tmp_path, LEAKING), write_run(tmp_path, FIXED)
    code = run_command_line(["compare", str(before), str(after)])
    out = capsys.readouterr().out

    assert code == 0
    assert out.startswith("NO REGRESSION\n  removes ")
    assert "kept before" in out
    assert "1,000" in out
    assert "of kind disconnect" in out


def test_the_report_lies_beside_the_candidate_and_the_runs_stay_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page, its words as Markdown and its figures as JSON; the same again; on GitHub in the step summary too."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    before, after = write_run(tmp_path / "a", LEAKING), write_run(tmp_path / "b", FIXED)
    files = {path: path.stat().st_mtime_ns for run in (before, after) for path in run.rglob("*")}
    run_command_line(["compare", str(before), str(after)])
    page = tmp_path / "b" / f"comparison-{before.name}-{after.name}.html"
    first = page.read_bytes()
    run_command_line(["compare", str(before), str(after), "--quiet", "--json"])

    assert f"report: {page}\n" in capsys.readouterr().out
    assert sorted(path.suffix for path in page.parent.glob("comparison-*")) == [".html", ".json", ".md"]
    assert page.read_bytes() == first
    assert json.loads(page.with_suffix(".json").read_text())["outcome"] == "pass"
    assert summary.read_text().count("What queries cost") == 2
    assert {path: path.stat().st_mtime_ns for run in (before, after) for path in run.rglob("*")} == files


def test_the_report_goes_where_it_is_wanted_or_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--out names a folder, --no-write none; one that cannot be written to leaves the exit code alone."""
    runs = [
        str(
            write_run(tmp_path / "runs", Recipe(duration_s=4.0, with_load=False, seed=seed)).rename(
                tmp_path / "runs" / f"r{seed}"
            )
        )
        for seed in (1, 2)
    ]
    monkeypatch.chdir(runs[1])
    assert run_command_line(["compare", runs[0], ".", "--no-write"]) == 3
    assert not list(tmp_path.rglob("comparison-*"))
    assert run_command_line(["compare", runs[0], ".", "--out", str(tmp_path / "new")]) == 3
    assert run_command_line(["compare", ",".join(runs), "."]) == 3
    assert len(list((tmp_path / "new").glob("comparison-r1-r2.html"))) == 1
    assert len(list((tmp_path / "runs").glob("comparison-r1+1-*-r2.html"))) == 1
    capsys.readouterr()
    (tmp_path / "file").write_text("")

    assert run_command_line(["compare", *runs, "--out", str(tmp_path / "file")]) == 3
    assert "the report could not be written" in capsys.readouterr().err


def test_a_regression_leaves_with_1_and_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All else goes to standard error."""
    before, after = write_run(tmp_path, FIXED), write_run(tmp_path, LEAKING)
    code = run_command_line(["compare", str(before), str(after), "--json"])
    captured = capsys.readouterr()

    assert code == 1
    assert json.loads(captured.out)["outcome"] == "fail"
    assert "REGRESSION" in captured.err


def test_other_plans_are_refused_unless_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason stands in one line, with the flag that compares them all the same."""
    before, after = write_run(tmp_path, FIXED), write_run(tmp_path, Recipe(scenario="heavy"))

    assert run_command_line(["compare", str(before), str(after)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "scenario" in error
    assert "--anyway" in error
    assert run_command_line(["compare", str(before), str(after), "--anyway"]) == 0


def test_runs_too_short_cannot_tell(tmp_path: Path) -> None:
    """Not enough is not the same as no difference."""
    runs = [str(write_run(tmp_path, Recipe(duration_s=4.0, with_load=False, seed=seed))) for seed in (1, 2)]

    assert run_command_line(["compare", *runs]) == 3


def test_a_dead_target_is_invalid(tmp_path: Path) -> None:
    """An invalid run compares to nothing."""
    runs = [
        str(write_run(tmp_path, Recipe(duration_s=300.0, end=end)))
        for end in (EndReason.COMPLETED, EndReason.TARGET_DIED)
    ]

    assert run_command_line(["compare", *runs]) == 4


@pytest.mark.parametrize(
    "arguments",
    [[], ["one"], ["no-such-run", "no-such-run"], ["--run", "2"], ["--run", "0", "-c", "a.toml", "-c", "b.toml"]],
)
def test_wrong_usage_is_one_line_and_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is started."""
    assert run_command_line(["compare", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
