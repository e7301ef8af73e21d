"""Both analyses must agree before a run may end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.judge.bench import Bench, question_for, tells
from harness.model import Interval, Limits, Outcome
from tests.support.stored_runs import FIXED, LEAKING, Recipe, write_run

_RATES = {"normal": 2.7, "duplicate": 2.7, "disconnect": 2.7}
_BUDGET: dict[str, object] = {"gates": {"max_growth_bytes_per_h": 60e6}}


def _leaking(tmp_path: Path) -> Path:
    return write_run(tmp_path, Recipe(leak_bytes=LEAKING.leak_bytes, config=_BUDGET, saw_bytes=0.0))


def test_a_leak_ends_the_run_when_the_full_analysis_agrees(tmp_path: Path) -> None:
    """FAIL from both, twice running, is the end: one more look must not change it."""
    bench = Bench(_leaking(tmp_path), 1200.0, _RATES, full=lambda _: Outcome.FAIL)
    assert not bench.look().stop
    finding = bench.look()

    assert finding.stop
    assert finding.outcome is Outcome.FAIL
    assert finding.to_json()["outcome"] == "fail"


def test_disagreement_goes_on_and_is_not_asked_again_at_once(tmp_path: Path) -> None:
    """The full analysis is asked once, and then not before the run has become a tenth longer."""
    asked: list[Path] = []

    def other(path: Path) -> Outcome:
        asked.append(path)
        return Outcome.INCONCLUSIVE

    bench = Bench(_leaking(tmp_path), 1200.0, _RATES, full=other)
    findings = [bench.look(), bench.look()]

    assert [finding.stop for finding in findings] == [False, False]
    assert findings[0].outcome is None
    assert "full analysis" in findings[0].waits_for
    assert len(asked) == 1


def test_a_run_that_goes_on_is_not_analysed_at_every_look(tmp_path: Path) -> None:
    """Without early stop the outcome stands, and is asked for again when the run has become a tenth longer."""
    asked: list[Path] = []

    def agrees(path: Path) -> Outcome:
        asked.append(path)
        return Outcome.FAIL

    bench = Bench(_leaking(tmp_path), 1200.0, _RATES, full=agrees)
    findings = [bench.look() for _ in range(5)]

    assert [finding.stop for finding in findings] == [False, True, True, True, True]
    assert {finding.outcome for finding in findings[1:]} == {Outcome.FAIL}
    assert {finding.waits_for for finding in findings[1:]} == {""}
    assert len(asked) == 2


def test_the_run_s_own_full_analysis_says_the_same_of_a_clear_leak(tmp_path: Path) -> None:
    """Unreplaced, the full analysis judges the run as though it had ended."""
    bench = Bench(_leaking(tmp_path), 1200.0, _RATES)
    bench.look()

    assert bench.look().stop


@pytest.mark.parametrize(
    ("low", "high", "told"), [(-4e6, 6e6, True), (-6e6, 6e6, False), (-1e3, 2e12, False), (4e6, 5e6, True)]
)
def test_growth_that_is_not_known_yet_is_not_shown(low: float, high: float, told: bool) -> None:
    """After 20 s with 100 MB held, 5 MB/s is all of it: what is known no better says nothing, whatever its middle."""
    growth = Interval(0.5 * (low + high), low, high)

    assert tells(growth, 20.0, np.array([4e7, np.nan, 1e8])) is told


def test_growth_that_is_not_known_at_all_is_not_weighed() -> None:
    """There is nothing to show and nothing to hide."""
    assert tells(Interval(), 20.0, np.array([1e8]))


def test_looks_cost_little(tmp_path: Path) -> None:
    """The pause between looks grows with the run and never falls under the first."""
    bench = Bench(_leaking(tmp_path), 1200.0, _RATES, full=lambda _: Outcome.FAIL)
    before_s = bench.period_s()
    bench.look()

    assert before_s >= 2.0
    assert bench.period_s() > before_s


def test_default_limits_ask_for_growth_and_for_every_kind() -> None:
    """Without a limit given, the contract's own apply."""
    question = question_for(Limits(), 60.0, {"a": 1.0})

    assert question.growth is not None
    assert question.per_query is not None
    assert question.growth.fail_above < question.growth.pass_below
    assert question_for(Limits(max_growth_bytes_per_h=1.0), 60.0, {}).per_query is None


def test_nothing_is_said_before_the_load_has_begun(tmp_path: Path) -> None:
    """Workers from elsewhere may take minutes to come: memory that nobody uses stays as it is, and is no pass."""
    run = write_run(tmp_path, replace(FIXED, config=_BUDGET))
    events = run / "events.jsonl"
    told = events.read_text()
    events.write_text("")
    bench = Bench(run, 1200.0, _RATES, full=lambda _: Outcome.PASS, drives=True)
    waiting = [bench.look() for _ in range(3)]
    events.write_text(told)

    assert {(finding.stop, finding.outcome, finding.waits_for) for finding in waiting} == {
        (False, None, "the load to begin")
    }
    assert waiting[0].growth_bytes_per_h.estimate is None
    assert bench.look().waits_for != "the load to begin"
