"""Tests of ``harness.diagnose.suspects``: who is named, in which order, in which words."""

from __future__ import annotations

from typing import Any

from harness.diagnose.suspects import Case, Finding, idle_growth, leaking_kinds, mappings_remark, suspects

FAILED: dict[str, Any] = {
    "outcome": "fail",
    "kinds": {
        "disconnect": {"bytes_per_query": {"estimate": 268_000.0, "low": 260_000.0, "high": 270_000.0}},
        "normal": {"bytes_per_query": {"estimate": 100.0, "low": -50.0, "high": 300.0}},
        "idle": {"bytes_per_h": {"estimate": None, "low": None, "high": None}},
    },
    "gates": [
        {"name": "max_growth_per_query", "kind": "disconnect", "outcome": "fail", "limit": 4096.0},
        {"name": "max_growth_per_query", "kind": "normal", "outcome": "pass", "limit": 4096.0},
        {"name": "log_rules", "kind": "alarm", "outcome": "fail"},
    ],
}
PASSED: dict[str, Any] = {"outcome": "pass", "kinds": {}, "gates": []}


def _finding(what: str, held_bytes: int, **more: Any) -> Finding:
    return Finding("python objects", what, 4, held_bytes, **more)


def test_the_sentence_has_the_use_the_objects_and_the_holders() -> None:
    """The whole story in one line, as whoever has to mend it needs it."""
    finding = _finding(
        "dialogues", 26_800_000, held_by=("dialogues", "ongoing"), parts=("400 × str of 67 kB at dialogues[…]",)
    )
    (suspect,) = suspects(Case(FAILED, 100, [finding]))

    assert suspect.sentence == (
        "disconnect leaks 268 kB a query; 26.8 MB more (268 kB a query) in dialogues; "
        "objects held: 400 × str of 67 kB at dialogues[…]; held by `dialogues` ← `ongoing`"
    )


def test_those_that_hold_most_come_first_and_broken_rules_last() -> None:
    """What is two percent of the first is noise beside it."""
    findings = [_finding("small", 300_000), _finding("big", 20_000_000), _finding("middle", 2_000_000)]
    rule = Finding("log rules", "log rule alarm broken: 3 lines", 3, 0)
    named = [suspect.finding.what for suspect in suspects(Case(FAILED, 100, findings, broken_rules=[rule]))]

    assert named == ["big", "middle", "log rule alarm broken: 3 lines"]


def test_what_is_too_small_for_a_leak_is_no_suspect() -> None:
    """64 KiB, or half of what fails a query."""
    assert suspects(Case(FAILED, 10, [_finding("x", 60_000)])) == []
    assert suspects(Case(FAILED, 10_000, [_finding("x", 5_000_000)])) == []
    assert len(suspects(Case(FAILED, 10_000, [_finding("x", 5_200_000)]))) == 1


def test_a_run_that_did_not_fail_has_no_suspect_unless_it_contradicts() -> None:
    """It would have to hold more for each query than passes, and a megabyte besides."""
    assert suspects(Case(PASSED, 100, [_finding("x", 1_400_000)])) == []
    assert len(suspects(Case(PASSED, 100, [_finding("x", 1_500_000)]))) == 1
    lenient = PASSED | {"gates": [{"name": "max_growth_per_query", "limit": 16_384.0}]}
    assert suspects(Case(lenient, 100, [_finding("x", 1_500_000)])) == []


def test_mappings_are_named_where_a_failed_run_has_nothing_better() -> None:
    """A target without a runtime that tells."""
    heap = Finding("memory map", "heap mappings", 1, 30_000_000)

    assert [s.finding.what for s in suspects(Case(FAILED, 100, [], [heap]))] == ["heap mappings"]
    assert suspects(Case(PASSED, 100, [], [heap])) == []
    assert [s.finding.what for s in suspects(Case(FAILED, 100, [_finding("x", 10**6)], [heap]))] == ["x"]


def test_mappings_beside_objects_that_were_looked_into_are_remarked_upon() -> None:
    """They are no answer to who holds the memory; without a look at objects they are all that can be had."""
    heap = Finding("memory map", "heap mappings", 1, 30_000_000)
    small = Case(FAILED, 100, [_finding("7 × Parser", 12_000)], [heap])
    large = Case(FAILED, 100, [_finding("7 × Parser", 12_000_000)], [heap])
    nothing = Case(FAILED, 100, [], [heap])

    (remark,) = mappings_remark(suspects(small), small, ["node heap"])
    assert "(node heap: at most 12.0 kB, in 7 × Parser)" in remark
    (remark,) = mappings_remark(suspects(nothing), nothing, ["node heap"])
    assert "(node heap: nothing grew there)" in remark
    assert mappings_remark(suspects(large), large, ["node heap"]) == []
    assert mappings_remark(suspects(nothing), nothing, []) == []
    assert mappings_remark([], Case(PASSED, 100, [], [heap]), ["node heap"]) == []


def test_kinds_and_idleness_that_leak() -> None:
    """By their own gate, and by an interval above zero."""
    idle = {"kinds": {"idle": {"bytes_per_h": {"estimate": 5e6, "low": 1e6, "high": 9e6}}}}

    assert leaking_kinds(FAILED) == ("disconnect",)
    assert idle_growth(FAILED) is None
    assert idle_growth(idle) == 5e6
    assert leaking_kinds({}) == ()


def test_an_estimate_is_called_one() -> None:
    """And of a long way to the roots the nearest holders are named."""
    finding = _finding("9 × Chunk", 10**7, estimate=True, held_by=tuple("abcdefgh"))
    (suspect,) = suspects(Case(PASSED, 0, [finding]))

    assert suspect.sentence == "about 10.0 MB more in 9 × Chunk; held by `a` ← `b` ← `c` ← `d` ← `e` ← …"
    assert suspect.to_json()["held_by"] == list("abcdefgh")
