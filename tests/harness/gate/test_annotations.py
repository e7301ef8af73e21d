"""GitHub is told what it can show, safely, and only when it is GitHub."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.gate.annotations import append_summary, github_commands
from harness.model import Interval, Outcome, Shape
from harness.verdict import GateResult, MetricFigures, Verdict

GITHUB = {"GITHUB_ACTIONS": "true"}
MEMORY = MetricFigures("m", "bytes", Shape.LINEAR, Interval(30e9, 28e9, 32e9), Interval(), Interval(), Interval())
GATE = GateResult("max_growth", "bytes_per_h", 3e9, 3e9, 30e9, 27e9, 33e9, 0.99, Outcome.FAIL)
VERDICT = Verdict(Outcome.FAIL, ("r",), MEMORY, gates=(GATE, replace(GATE, name="max_memory", outcome=Outcome.PASS)))


def test_outside_github_nothing_is_said() -> None:
    """A terminal does not want workflow commands."""

    assert github_commands(VERDICT, {}) == []
    assert append_summary("x", {}) is None


def test_the_outcome_comes_first_then_what_did_not_pass() -> None:
    """One error for the run, one a failed gate; percent signs are escaped."""

    assert github_commands(VERDICT, GITHUB) == [
        "::error title=Fail%3A do not ship this build::Its memory grows by 500 MB/min "
        "(95 %25: 467 to 533), certainly above the limit of 50.0 MB/min.",
        "::error title=growth of memory%3A fail::measured 500 MB/min (99 %25: 450 to 550); limit 50.0 MB/min",
    ]


def test_a_strangers_text_stays_inside_its_line() -> None:
    """Line ends, commands, control characters and length cannot break out."""
    evil = "a\n::set-output name=x::y\r%0A\x1b[0m" + "z" * 10_000
    gate = replace(GATE, kind=evil, value=None, low=None, high=None, reason=evil)
    lines = github_commands(replace(VERDICT, gates=(gate,), reasons=(evil,), outcome=Outcome.INVALID), GITHUB)

    assert all(line.startswith("::error title=") for line in lines)
    assert not any("\n" in line or "\r" in line or "\x1b" in line for line in lines)
    assert all(len(line) < 3000 for line in lines)
    assert "%250A" in lines[0]


def test_no_more_than_github_shows() -> None:
    """Ten annotations at most."""

    assert len(github_commands(replace(VERDICT, gates=(GATE,) * 40), GITHUB)) == 10


def test_the_summary_is_added_to(tmp_path: Path) -> None:
    """What earlier steps wrote stays."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    append_summary("## after", {"GITHUB_STEP_SUMMARY": str(path)})

    assert path.read_text() == "before\n## after\n"
