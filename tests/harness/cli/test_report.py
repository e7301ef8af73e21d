"""``soak report`` renders again under the limits of the last judgement."""

from __future__ import annotations

import json
import webbrowser
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.report import report
from harness.errors import RunFormatError
from harness.gate.judge import judge_run
from harness.model import ExitCode, Limits
from harness.verdict import write_verdict
from tests.support.stored_runs import LEAKING, write_run

SHORT = replace(LEAKING, duration_s=300.0)


def test_it_agrees_with_verdict_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run judged under a wide limit is reported under it, not under the defaults."""
    run = write_run(tmp_path, SHORT)
    write_verdict(run, judge_run(run, Limits(max_growth_bytes_per_h=60e9)).verdict)

    assert report(run) is ExitCode.PASS
    assert capsys.readouterr().out == f"{run / 'report.html'}\n"
    assert '<body class="pass">' in (run / "report.html").read_text(encoding="utf-8")


def test_limits_given_here_come_first(tmp_path: Path) -> None:
    """A flag is stronger than what was judged before."""
    run = write_run(tmp_path, SHORT)
    write_verdict(run, judge_run(run, Limits(max_growth_bytes_per_h=60e9)).verdict)
    report(run, max_growth="1 B/min", quiet=True)

    assert '<body class="fail">' in (run / "report.html").read_text(encoding="utf-8")


def test_a_verdict_of_another_release_is_reported_under_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gates in the contract's bare form do not turn the plan's limit into the defaults; a changed outcome is said."""
    run = write_run(tmp_path, replace(SHORT, config={"gates": {"max_growth": "50 GB/min"}}))
    verdict = judge_run(run).verdict.to_json()
    assert verdict["outcome"] == "pass"
    for gate in verdict["gates"]:
        del gate["fail_above"]
    (run / "verdict.json").write_text(json.dumps({**verdict, "outcome": "inconclusive"}), encoding="utf-8")
    report(run, quiet=True)

    assert '<body class="pass">' in (run / "report.html").read_text(encoding="utf-8")
    said = capsys.readouterr().err
    assert "verdict.json says inconclusive" in said
    assert "the report says pass" in said


def test_open_shows_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser gets the file's own address."""
    opened: list[str] = []

    def show(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", show)
    run = write_run(tmp_path, replace(SHORT, duration_s=30.0))
    report(run, open_page=True, quiet=True)

    assert opened == [(run / "report.html").as_uri()]


def test_where_there_is_no_browser_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is rendered all the same, and its place is told."""
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    run = write_run(tmp_path, replace(SHORT, duration_s=30.0))

    assert report(run, open_page=True, quiet=True) is ExitCode.PASS
    assert f"expected a browser to open {run / 'report.html'}" in capsys.readouterr().err


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    """Exit 2 with one line."""
    with pytest.raises(RunFormatError) as error:
        report(tmp_path)

    assert error.value.exit_code is ExitCode.USAGE
