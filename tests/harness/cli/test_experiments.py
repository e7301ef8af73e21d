"""Experiments on the command line: told run by run, and an invalid run made again."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from harness.cli import experiments
from harness.errors import UsageError
from harness.model import EndReason, ExitCode
from harness.orchestrate.experiment import Arm
from harness.orchestrate.run import Finished
from harness.plan.document import Plan


def _arms(out: Path) -> list[Arm]:
    return [
        Arm(name, Plan.model_validate({"run": {"scenario": "mixed", "out": out}})) for name in ("base", "candidate")
    ]


def test_an_invalid_run_is_made_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt counts, and the time left is told before each run."""
    codes = iter([ExitCode.INVALID, ExitCode.PASS, ExitCode.FAIL])
    made: list[Path] = []

    def carry_out(plan: Plan, **_: object) -> Finished:
        made.append(plan.run.out / f"run-{len(made)}")
        return Finished(made[-1], EndReason.COMPLETED)

    monkeypatch.setattr(experiments, "carry_out_with_view", carry_out)
    monkeypatch.setattr(experiments, "judgement", lambda finished: (next(codes), {}))
    stream = io.StringIO()
    experiment = experiments.begin_or_resume("compare", _arms(tmp_path), 1, None)
    results = experiments.carry_out_experiment(experiment, quiet=False, stream=stream)

    assert results.complete
    assert sorted(path.name for paths in results.runs.values() for path in paths) == ["run-1", "run-2"]
    assert "made again" in stream.getvalue()
    assert "run 2 of 2" in stream.getvalue()
    assert "left" in stream.getvalue()


def test_an_interrupted_experiment_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the folder to resume."""
    finished = Finished(tmp_path / "run", EndReason.INTERRUPTED)
    monkeypatch.setattr(experiments, "carry_out_with_view", lambda plan, **_: finished)
    stream = io.StringIO()
    experiment = experiments.begin_or_resume("compare", _arms(tmp_path), 1, None)

    assert not experiments.carry_out_experiment(experiment, quiet=True, stream=stream).complete
    assert f"--resume {experiment.path}" in stream.getvalue()


def test_no_runs_at_all_are_refused(tmp_path: Path) -> None:
    """Before anything is stored."""
    with pytest.raises(UsageError):
        experiments.begin_or_resume("compare", _arms(tmp_path), 0, None)
