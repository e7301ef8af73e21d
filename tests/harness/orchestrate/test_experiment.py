"""Arms in turn, and nothing lost by an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RunFormatError, UsageError
from harness.model import EndReason
from harness.orchestrate.experiment import Arm, Experiment, Progress, digest, order
from harness.orchestrate.run import Finished
from harness.plan.document import Plan


def _plan(**run: object) -> Plan:
    return Plan.model_validate({"run": {"scenario": "mixed", "seed": 3, **run}})


def _arms() -> list[Arm]:
    return [Arm("a", _plan()), Arm("b", _plan(duration="90s"))]


class _Runs:
    """Pretends to make runs; ``interrupt_at`` is the number of the one that is interrupted."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.plans: list[Plan] = []
        self._interrupt_at = interrupt_at

    def __call__(self, plan: Plan) -> Finished:
        self.plans.append(plan)
        interrupted = len(self.plans) == self._interrupt_at
        reason = EndReason.INTERRUPTED if interrupted else EndReason.COMPLETED
        return Finished(plan.run.out / f"run-{plan.run.seed}-{plan.run.duration_s}", reason)


def _ignore(progress: Progress) -> None:
    assert progress.count > 0


def test_every_replicate_has_every_arm_in_an_order_of_its_own() -> None:
    """Pairs of replicates mirror one another, so that drift falls on all arms alike."""
    trials = order(["a", "b", "c"], 4, seed=1)
    by_replicate = [[t.arm for t in trials if t.replicate == r] for r in range(4)]

    assert [sorted(arms) for arms in by_replicate] == [["a", "b", "c"]] * 4
    assert by_replicate[1] == by_replicate[0][::-1]
    assert order(["a", "b", "c"], 4, seed=1) == trials


def test_all_arms_of_a_replicate_play_the_same_load_to_its_end(tmp_path: Path) -> None:
    """Same seed within a replicate, another in the next, and no early stop."""
    runs = _Runs()
    results = Experiment.begin(tmp_path, "compare", _arms(), 2).carry_out(runs, _ignore)

    assert results.complete
    assert [plan.run.seed for plan in runs.plans] == [3, 3, 4, 4]
    assert all(plan.run.early_stop is False for plan in runs.plans)
    assert {name: len(paths) for name, paths in results.runs.items()} == {"a": 2, "b": 2}


def test_an_interrupted_experiment_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was made is not made again."""
    first = Experiment.begin(tmp_path, "ablate", _arms(), 2)
    results = first.carry_out(_Runs(interrupt_at=3), _ignore)
    assert not results.complete

    rest = _Runs()
    whole = Experiment.resume(results.path, _arms()).carry_out(rest, _ignore)

    assert whole.complete
    assert len(rest.plans) == 2


def test_time_left_is_told_from_the_second_run_on(tmp_path: Path) -> None:
    """Three runs of ten seconds leave twenty after the first."""
    told: list[Progress] = []
    ticks = iter(range(0, 1000, 10))
    begun = Experiment.begin(tmp_path, "compare", _arms(), 2)
    experiment = Experiment(begun.path, _arms(), order(["a", "b"], 2, 3), clock=lambda: float(next(ticks)))
    experiment.carry_out(_Runs(), told.append)

    assert told[0].left_s is None
    assert told[1].left_s == pytest.approx(30.0)


def test_other_plans_do_not_resume_an_experiment(tmp_path: Path) -> None:
    """Half an experiment under one plan and half under another compares nothing."""
    begun = Experiment.begin(tmp_path, "compare", _arms(), 1)

    with pytest.raises(UsageError, match="b"):
        Experiment.resume(begun.path, [Arm("a", _plan()), Arm("b", _plan(duration="91s"))])


def test_what_is_no_experiment_is_refused(tmp_path: Path) -> None:
    """Resuming nothing says what to name."""
    with pytest.raises(RunFormatError, match="resume"):
        Experiment.resume(tmp_path, _arms())


def test_a_secret_of_the_plan_is_not_stored(tmp_path: Path) -> None:
    """Only a fingerprint of each plan is."""
    arm = Arm("a", Plan.model_validate({"run": {"scenario": "mixed"}, "target": {"env": {"API_KEY": "hunter2"}}}))
    begun = Experiment.begin(tmp_path, "compare", [arm], 1)

    assert "hunter2" not in (begun.path / "experiment.json").read_text()
    assert digest(arm.plan) != digest(_plan())
