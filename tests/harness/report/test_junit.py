"""junit.xml is read alike by a parser that CI uses, by a strict schema, and by people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import junitparser
import pytest
import xmlschema

from harness.model import Interval, Outcome, Shape
from harness.report.junit import Suite, junit_text
from harness.verdict import GateResult, MetricFigures, Verdict

SCHEMA = Path(__file__).parents[2] / "support" / "junit.xsd"
SUITE = Suite("20261122T131500Z-mixed-1a2b", "mixed", "2026-11-22T13:15:00Z", 600.0)


def _gate(outcome: Outcome, kind: str | None = None, name: str = "max_growth") -> GateResult:
    return GateResult(name, "bytes_per_h", 60e6, 6e6, 30e9, 28e9, 32e9, 0.99, outcome, kind)


def _verdict(outcome: Outcome, *gates: GateResult, reasons: tuple[str, ...] = ()) -> Verdict:
    growth = Interval(30e9, 28.5e9, 31.5e9)
    memory = MetricFigures("target.anon_bytes", "bytes", Shape.LINEAR, growth, Interval(), Interval(), Interval())
    return Verdict(outcome, reasons, memory, gates=gates)


MIXED = _verdict(
    Outcome.FAIL,
    _gate(Outcome.FAIL),
    _gate(Outcome.INCONCLUSIVE, "normal", "max_growth_per_query"),
    _gate(Outcome.PASS, "idle", "max_growth_per_query"),
)


@pytest.mark.parametrize(
    "verdict",
    [
        MIXED,
        _verdict(Outcome.PASS, _gate(Outcome.PASS)),
        _verdict(Outcome.INVALID, _gate(Outcome.FAIL), reasons=("the target died",)),
        _verdict(Outcome.INCONCLUSIVE, reasons=("too short",)),
        _verdict(Outcome.FAIL, _gate(Outcome.FAIL, "<b>\x00\x1b]]>&\ud800" + "x" * 10_000)),
    ],
    ids=["mixed", "pass", "invalid", "no gates", "hostile"],
)
def test_both_readers_accept_it(verdict: Verdict, tmp_path: Path) -> None:
    """The strict schema and junitparser agree about the counts."""
    path = tmp_path / "junit.xml"
    path.write_text(junit_text(verdict, SUITE), encoding="utf-8")
    xmlschema.XMLSchema(str(SCHEMA)).validate(str(path))
    (suite,) = junitparser.JUnitXml.fromfile(str(path))

    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
        len(list(suite)),
        sum(any(isinstance(result, junitparser.Failure) for result in case.result) for case in suite),
        sum(any(isinstance(result, junitparser.Error) for result in case.result) for case in suite),
        sum(any(isinstance(result, junitparser.Skipped) for result in case.result) for case in suite),
    )


def test_a_gate_is_a_case_with_measured_against_limit() -> None:
    """Failed gates say what was measured and what the limit was; inconclusive ones are skipped."""
    (suite,) = junitparser.JUnitXml.fromstring(junit_text(MIXED, SUITE).encode())
    failed, skipped, passed = list(suite)

    assert failed.name == "max_growth"
    assert failed.result[0].message == (
        "growth of memory: measured 500 MB/min (99 %: 467 to 533); limit pass below 1.00 MB/min, fail above 0.1 MB/min"
    )
    assert skipped.name == "max_growth_per_query[normal]"
    assert isinstance(skipped.result[0], junitparser.Skipped)
    assert not [result for result in passed.result if not isinstance(result, junitparser.SystemOut)]


def test_several_bounds_of_one_subject_are_cases_of_their_own() -> None:
    """Readers that know a case by its name would show one and hide the other."""
    bounds = [replace(_gate(outcome, "chunk", "log_rules"), unit="count") for outcome in (Outcome.PASS, Outcome.FAIL)]
    (suite,) = junitparser.JUnitXml.fromstring(junit_text(_verdict(Outcome.FAIL, *bounds), SUITE).encode())

    assert [case.name for case in suite] == ["log_rules[chunk]", "log_rules[chunk]#2"]


def test_an_invalid_run_is_an_error_whatever_its_gates_say() -> None:
    """The run itself is the case that went wrong."""
    verdict = _verdict(Outcome.INVALID, _gate(Outcome.PASS), reasons=("the target restarted at 60 s",))
    (suite,) = junitparser.JUnitXml.fromstring(junit_text(verdict, SUITE).encode())
    run, _ = list(suite)

    assert run.name == "run"
    assert isinstance(run.result[0], junitparser.Error)
    assert "the target restarted at 60 s" in run.result[0].message


def test_a_run_that_may_not_pass_is_skipped_even_when_its_gates_pass() -> None:
    """Cut short with passing gates: the run is a skipped case of its own."""
    verdict = _verdict(Outcome.INCONCLUSIVE, _gate(Outcome.PASS), reasons=("the run was cut short",))
    (suite,) = junitparser.JUnitXml.fromstring(junit_text(verdict, SUITE).encode())

    assert [case.name for case in suite] == ["run", "max_growth"]


def test_a_suite_without_a_start_has_no_timestamp() -> None:
    """A manifest may lack its start; the schema allows that."""
    assert "timestamp" not in junit_text(MIXED, replace(SUITE, started_at=""))
