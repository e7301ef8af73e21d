"""The harness's end of the judge."""

from __future__ import annotations

import json
import select
import shutil
from pathlib import Path

import pytest

from harness.model import Limits, Outcome
from harness.model.load import Backend, LoadPlan
from harness.orchestrate.early_stop import Judge, may_stop_early, planned_rates_per_s
from harness.timeline import build_timeline
from tests.support.stored_runs import Recipe, write_run


def _load(duration_s: float = 600.0) -> LoadPlan:
    phases = build_timeline(("normal", "duplicate"), duration_s, 2.0, seed=1)
    return LoadPlan("mixed", 1, 1.0, phases, Backend("http://127.0.0.1:1"))


def test_rates_are_over_loaded_time_without_the_warm_up() -> None:
    """At half of the time loaded the rate while loaded is twice the mean."""
    rates = planned_rates_per_s(_load())

    assert set(rates) == {"normal", "duplicate"}
    assert sum(rates.values()) == pytest.approx(4.0, rel=0.25)


def test_early_stop_is_on_where_there_is_a_budget_and_off_where_it_was_refused() -> None:
    """The flag outranks the default."""
    budget = Limits(max_growth_bytes_per_h=1.0)

    assert may_stop_early(None, budget)
    assert may_stop_early(None, Limits(max_growth_bytes_per_query=1.0))
    assert not may_stop_early(None, Limits())
    assert not may_stop_early(None, Limits(max_memory_bytes=1.0))
    assert not may_stop_early(False, budget)
    assert may_stop_early(True, Limits())


@pytest.mark.slow
def test_a_judge_tells_and_leaves(tmp_path: Path) -> None:
    """Findings arrive without anybody waiting for them; closing ends the process."""
    (run := write_run(tmp_path, Recipe(duration_s=20.0))).joinpath("logs").mkdir(exist_ok=True)
    judge = Judge(run, _load(), may_stop=True)
    process = judge._process
    assert process is not None
    assert process.stdout is not None
    while judge.so_far is None and select.select([process.stdout], [], [], 50.0)[0]:
        judge.listen()
    assert judge.so_far is not None
    assert not judge.wants_stop
    assert judge.so_far.waits_for == "the end of the warm-up"

    judge.close()
    assert process.returncode is not None
    judge.close()  # a second time does nothing


def test_only_a_judge_that_may_can_end_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without leave its findings are shown and no more; noise on its line is passed over."""
    (tmp_path / "logs").mkdir()
    said = {
        "t_s": 60.0,
        "growth_bytes_per_h": {"estimate": 1.0, "low": 0.0, "high": 2.0, "confidence": 0.95},
        "outcome": "fail",
        "waits_for": "",
        "stop": True,
    }
    for may_stop in (True, False):
        judge = Judge(tmp_path, _load(), may_stop=may_stop)
        monkeypatch.setattr(judge, "_lines", lambda: [b"not json", json.dumps(said).encode()])

        assert (judge.wants_stop, judge.so_far) == (False, None)  # asking is not listening
        judge.listen()

        assert judge.wants_stop is may_stop
        assert judge.so_far is not None
        assert judge.so_far.outcome is Outcome.FAIL
        assert judge.so_far.waits_for is None
        judge.close()


def test_a_judge_that_cannot_start_spoils_nothing(tmp_path: Path) -> None:
    """No folder for its log, no judge: the run goes on."""
    shutil.rmtree(tmp_path)
    judge = Judge(tmp_path, _load(), may_stop=True)

    judge.listen()

    assert not judge.wants_stop
    judge.close()
