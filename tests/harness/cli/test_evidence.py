"""Tests of ``harness.cli.evidence``: the verdict first, then the evidence, and no way back."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli import evidence
from harness.cli.evidence import Evidence, require_diagnosable
from harness.errors import UsageError
from harness.model import EndReason, ExitCode
from harness.orchestrate.interrupts import Interrupted
from harness.orchestrate.standing import Standing
from harness.plan.document import Plan

STANDING = Standing(
    path=Path("run"),
    reason=EndReason.COMPLETED,
    base_url="http://127.0.0.1:1",
    target_pid=None,
    kinds=(),
    drive=lambda kinds, seconds, folder: 0,
    check=lambda: None,
    now_s=lambda: 1.0,
)


class _Story:
    """What was done, in order."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, code: ExitCode, fails_with: BaseException | None = None
    ) -> None:
        self.steps: list[str] = []
        self.stream = io.StringIO()
        self._code, self._fails_with = code, fails_with
        self.diagnosis = Path("not read where nothing is told")
        monkeypatch.setattr(evidence, "diagnose", self._diagnose)
        monkeypatch.setattr(Evidence, "_draw_again", lambda witness, path: self.steps.append("drawn"))

    def witness(self, when: str) -> Evidence:
        return Evidence(Plan.model_validate({"run": {"capture": when}}), self._judge, self.stream, quiet=True)

    def _judge(self, run_dir: Path) -> tuple[ExitCode, dict[str, Any]]:
        self.steps.append("judged")
        return self._code, {"outcome": "any"}

    def _diagnose(self, *arguments: Any) -> Path:
        self.steps.append("diagnosed")
        if self._fails_with is not None:
            raise self._fails_with
        return self.diagnosis


@pytest.mark.parametrize(
    ("when", "code", "steps"),
    [
        ("never", ExitCode.FAIL, []),
        ("on-fail", ExitCode.FAIL, ["judged", "diagnosed", "drawn"]),
        ("on-fail", ExitCode.PASS, ["judged"]),
        ("on-fail", ExitCode.INCONCLUSIVE, ["judged"]),
        ("always", ExitCode.PASS, ["judged", "diagnosed", "drawn"]),
    ],
)
def test_the_verdict_comes_first(monkeypatch: pytest.MonkeyPatch, when: str, code: ExitCode, steps: list[str]) -> None:
    """By default nothing is captured; on failure only after it was found."""
    story = _Story(monkeypatch, code)
    story.witness(when).after_play(STANDING)

    assert story.steps == steps


@pytest.mark.parametrize("error", [RuntimeError("boom"), OSError("disk full"), MemoryError(), Interrupted("SIGINT")])
def test_whatever_goes_wrong_the_verdict_stands(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """One line says so."""
    story = _Story(monkeypatch, ExitCode.FAIL, error)
    witness = story.witness("on-fail")
    witness.after_play(STANDING)

    assert witness.judged == (ExitCode.FAIL, {"outcome": "any"})
    assert story.stream.getvalue().endswith("the verdict stands\n")
    assert story.stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("reason", [EndReason.INTERRUPTED, EndReason.TARGET_DIED, EndReason.DISK_FULL])
def test_a_run_that_was_not_played_to_its_end_is_not_looked_into(
    monkeypatch: pytest.MonkeyPatch, reason: EndReason
) -> None:
    """The user wants to leave, or there is nobody to look into."""
    story = _Story(monkeypatch, ExitCode.FAIL)
    story.witness("always").after_play(replace(STANDING, reason=reason))

    assert story.steps == []


def test_the_terminal_is_given_back_before_it_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The live view ends first."""
    story = _Story(monkeypatch, ExitCode.FAIL)
    story.diagnosis = tmp_path / "diagnosis.json"
    story.diagnosis.write_text('{"suspects": [], "remarks": []}')
    closed: Callable[[], object] = lambda: story.steps.append("closed")  # noqa: E731
    plan = Plan.model_validate({"run": {"capture": "always"}})
    Evidence(plan, story._judge, story.stream, quiet=False, before_writing=closed).after_play(STANDING)

    assert story.steps[0] == "closed"
    assert "looking into the target" in story.stream.getvalue()


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            {"suspects": [{"sentence": "63 MB in 29 × Call"}, {"sentence": "5 MB"}], "remarks": ["told", "not told"]},
            "suspect: 63 MB in 29 × Call\n  note: told\n",
        ),
        ({"suspects": [], "remarks": []}, "suspect: none; nothing grew enough\n"),
    ],
)
def test_the_first_suspect_is_told_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], told: str
) -> None:
    """Nobody has to open the page for it."""
    story = _Story(monkeypatch, ExitCode.FAIL)
    story.diagnosis = tmp_path / "diagnosis.json"
    story.diagnosis.write_text(json.dumps(found))
    plan = Plan.model_validate({"run": {"capture": "on-fail"}})
    Evidence(plan, story._judge, story.stream, quiet=False).after_play(STANDING)

    assert story.stream.getvalue().endswith(f"looking into the target for evidence\n{told}")
    assert story.steps == ["judged", "diagnosed", "drawn"]


def test_a_command_that_cannot_be_run_is_found_before_anything_starts() -> None:
    """Exit code 2."""
    with pytest.raises(UsageError, match=r"diagnose\.command"):
        require_diagnosable(Plan.model_validate({"diagnose": {"command": "no-such-program-here"}}))
