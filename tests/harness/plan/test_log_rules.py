"""Tests of ``harness.plan.log_rules``: rules that make sense, and one line for those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import UsageError
from harness.plan.document import Plan
from harness.plan.log_rules import gates_of, rules_of_config


def _rules(*entries: dict[str, Any]) -> Any:
    return Plan.model_validate({"log_rules": list(entries)}).log_rules


def test_a_preset_stands_for_its_rules() -> None:
    """The incident's six checks, beside rules of one's own."""
    rules = _rules({"name": "mine", "contains": "boom", "max": 0}, {"preset": "incident"})

    assert [rule.name for rule in rules] == [
        "mine",
        "thinking-sound",
        "one-post",
        "session-cleanup",
        "stale-dialogues",
        "speech-chunks",
        "tracker-alarm",
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "r"}, "either contains or pattern"),
        ({"name": "r", "contains": "a", "pattern": "a"}, "either contains or pattern"),
        ({"name": "r", "pattern": "("}, "regular expression"),
        ({"name": "r", "pattern": "a*"}, "needs some text"),
        ({"name": "a b", "contains": "a"}, "letters, digits"),
        ({"name": "r", "contains": "a", "max": -1}, "zero or more"),
        ({"name": "r", "contains": "a", "min_share_of_answers": 0.9}, "(?P<value>"),
        ({"preset": "incidents"}, "preset = one of incident"),
        ({"preset": "incident", "max": 3}, "alone in its entry"),
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_meant_is_refused(entry: dict[str, Any], message: str) -> None:
    """What was expected stands in the message."""
    with pytest.raises(ValueError, match="log_rules") as error:
        _rules(entry)

    assert message in str(error.value)


def test_a_name_stands_for_one_rule() -> None:
    """Matches are added up by name."""
    with pytest.raises(ValueError, match="found 'r' again"):
        _rules({"name": "r", "contains": "a"}, {"name": "r", "contains": "b"})


def test_each_bound_is_a_gate() -> None:
    """Forbid, expect, and count per query; a rule without a bound is only counted."""
    rules = _rules(
        {"name": "forbid", "contains": "a", "max": 0},
        {"name": "expect", "contains": "b", "min": 1},
        {"name": "between", "contains": "c", "min_per_query": 0.98, "max_per_query": 1.02},
        {"name": "counted", "contains": "d"},
    )

    assert [(gate.subject, gate.limit, gate.unit, gate.at_least) for gate in gates_of(rules)] == [
        ("forbid", 0, "count", False),
        ("expect", 1, "count", True),
        ("between", 1.02, "count_per_query", False),
        ("between", 0.98, "count_per_query", True),
    ]


def test_the_rules_of_a_stored_run_are_those_of_its_plan() -> None:
    """Entries that are none of ours do not hinder the judgement."""
    rules = _rules({"preset": "incident"})
    stored = [rule.model_dump(mode="json") for rule in rules]

    assert rules_of_config({"log_rules": [*stored, {"name": 3}, "x"]}) == rules
    assert rules_of_config({"log_rules": "x"}) == ()
    assert rules_of_config({}) == ()


def test_a_stored_rule_that_cannot_be_read_is_not_left_out() -> None:
    """It may have a bound, and the run would pass without it."""
    with pytest.raises(UsageError, match=r"expected log rules in the manifest's config, found .*token=\*\*\*"):
        rules_of_config({"log_rules": [{"name": "leaked", "pattern": "token=***", "max": 0}]})


def test_patterns_see_lines() -> None:
    """``^`` and ``$`` mean a line's ends; what is contained is taken as it stands."""
    (pattern, contained) = _rules({"name": "p", "pattern": "^a+$"}, {"name": "c", "contains": "a.b[1]"})

    assert pattern.expression().search(b"b\naa\nb") is not None
    assert contained.expression().search(b"a.b[1]") is not None
    assert contained.expression().search(b"axb1") is None
