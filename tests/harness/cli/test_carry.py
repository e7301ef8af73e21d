"""What a run shows while it goes on, and what stays of that."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from harness.cli import carry
from harness.cli.carry import Shown, conclude, judge_and_report
from harness.cli.outcome import print_outcome
from harness.model import EndReason, ExitCode
from harness.model.live_data import LIVE_FILE
from harness.orchestrate.run import Finished
from harness.report.live import LiveFacts, LiveState, LiveView
from harness.report.web import LivePage
from tests.support.stored_runs import FIXED, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that goes on."""
    return write_run(tmp_path, replace(FIXED, duration_s=5.0, end=None))


def _view(stream: io.StringIO) -> LiveView:
    return LiveView(stream, LiveFacts("attach", 5.0, "target.anon_bytes"))


def test_a_page_of_our_own_draws_the_run_from_its_first_tick(run: Path) -> None:
    """With the state that the terminal has; the terminal may be left earlier than the page, and nothing stays."""
    stream, page = io.StringIO(), LivePage()
    shown = Shown(_view(stream), for_page=True, page=page)
    try:
        assert httpx.get(page.url + "news").json() is None
        shown.update(run, LiveState(1.0, waits_for="more cycles"))
        shown.leave_terminal()
        news = httpx.get(page.url + "news").json()
    finally:
        shown.close()
        shown.close()

    assert (len(news["rows"]), news["so_far"]["waits_for"]) == (5, "more cycles")
    assert "waits for more cycles" in stream.getvalue()
    assert not (run / LIVE_FILE).exists()


def test_without_a_page_nothing_is_written(run: Path) -> None:
    """The run directory holds what the contract says."""
    shown = Shown(_view(io.StringIO()), for_page=False)
    shown.update(run, LiveState(1.0))

    assert not (run / LIVE_FILE).exists()
    shown.close()


def test_a_verdict_that_cannot_be_stored_is_said_and_decides(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk: the outcome is known all the same, and the line says how to have it stored."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.verdict.write_verdict", full)
    code, verdict = judge_and_report(run)
    stream = io.StringIO()
    print_outcome(run, verdict, stream)

    assert code is ExitCode.INCONCLUSIVE
    assert f"found: No space left on device; make room, then `soak analyze {run}`" in capsys.readouterr().err
    assert "report:" not in stream.getvalue()


def test_a_report_that_cannot_be_drawn_leaves_the_verdict(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The judgement is stored and decides; the mishap is one line."""

    def broken(*_: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr("harness.report.render.render", broken)
    code, verdict = judge_and_report(run)
    stream = io.StringIO()
    print_outcome(run, verdict, stream)

    assert code is ExitCode.INCONCLUSIVE
    assert (run / "verdict.json").is_file()
    assert capsys.readouterr().err == "soak: the report could not be drawn: no ink; the verdict stands\n"
    assert stream.getvalue().startswith("INCONCLUSIVE\n  ")


def test_an_impatient_user_is_told_how_to_go_on(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while a stored run is judged costs the judgement, not the run."""

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(carry, "judge_and_report", interrupted)

    assert conclude(Finished(run, EndReason.COMPLETED), as_json=True, quiet=True) is ExitCode.INTERRUPTED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"soak analyze {run} && soak report {run}" in captured.err
