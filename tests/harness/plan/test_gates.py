"""``[gates]`` is read as people write it, becomes rules, and survives a manifest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.errors import UsageError
from harness.plan.gate_rules import GateRule, Judged
from harness.plan.gates import DEFAULT_MAX_ERRORS, GatesSection

EVERYTHING: dict[str, Any] = {
    "max_growth": "50 MB/min",
    "max-growth-at-production": "10 MB/day",
    "max_idle_growth": "0.1 MB/min",
    "max_detectable": "1 MB/min",
    "min_time_to_limit": "7d",
    "max_errors": "1 %",
    "min_completeness": 0.99,
    "max_latency_drift": 1.5,
    "max_answer_bytes": "2 MB",
    "max_tts_calls_per_query": 8,
    "max_active_dialogues": 5,
    "max_fds_growth": "10/h",
    "max_threads_growth": 1,
    "max_sockets_growth": "1/min",
    "kinds": {"disconnect": "1 KiB"},
    "log_rules": {"leak": 0},
    "metrics": {
        "app.cache_bytes": {"max": "100 MB", "max_growth": "1 MB/h", "max_after_drain": 5},
        "pool_count": {"max-growth": "2/min", "max_per_query": 0.5},
    },
}


def _rule(section: dict[str, Any], name: str) -> GateRule:
    return next(rule for rule in GatesSection.model_validate(section).rules() if rule.name == name)


def test_every_key_becomes_a_rule_in_the_units_of_the_verdict() -> None:
    """Rates are per hour, shares are fractions, sizes are bytes."""
    rules = {(rule.name, rule.subject): rule.limit for rule in GatesSection.model_validate(EVERYTHING).rules()}

    assert rules == {
        ("max_growth_at_production", ""): pytest.approx(10e6 / 24),
        ("max_idle_growth", ""): 6e6,
        ("max_detectable", ""): 60e6,
        ("min_time_to_limit", ""): 168.0,
        ("max_errors", ""): 0.01,
        ("min_completeness", ""): 0.99,
        ("max_latency_drift", ""): 1.5,
        ("max_answer_bytes", ""): 2e6,
        ("max_tts_calls_per_query", "tts_calls_count"): 8.0,
        ("max_active_dialogues", "active_dialogues_count"): 5.0,
        ("max_fds_growth", "fds_count"): 10.0,
        ("max_threads_growth", "threads_count"): 1.0,
        ("max_sockets_growth", "sockets_count"): 60.0,
        ("kinds", "disconnect"): 1024.0,
        ("log_rules", "leak"): 0.0,
        ("metrics.max", "app.cache_bytes"): 100e6,
        ("metrics.max_growth", "app.cache_bytes"): 1e6,
        ("metrics.max_after_drain", "app.cache_bytes"): 5.0,
        ("metrics.max_growth", "pool_count"): 120.0,
        ("metrics.max_per_query", "pool_count"): 0.5,
    }


def test_minimum_gates_look_the_other_way() -> None:
    """Completeness and time to the limit have to be above theirs."""

    assert _rule(EVERYTHING, "min_completeness").at_least
    assert _rule(EVERYTHING, "min_time_to_limit").at_least
    assert not _rule(EVERYTHING, "max_errors").at_least


def test_without_any_gate_there_is_the_default_on_errors() -> None:
    """The default is marked as one, so that it is left out where nothing was driven."""

    assert GatesSection().rules() == (GateRule("max_errors", Judged.ERRORS, DEFAULT_MAX_ERRORS, "ratio", assumed=True),)
    assert not _rule({"max_errors": DEFAULT_MAX_ERRORS}, "max_errors").assumed


def test_a_zero_limit_is_a_limit() -> None:
    """Nothing at all may be asked for."""

    assert _rule({"max_errors": 0, "max_active_dialogues": 0}, "max_active_dialogues").limit == 0.0
    assert _rule({"max_errors": 0}, "max_errors").limit == 0.0


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"max_errors": "1"}, "expected a share such as 0.01 or '1 %'"),
        ({"max_errors": 1.5}, "expected a share from 0 to 1"),
        ({"max_errors": float("nan")}, "finite number"),
        ({"max_fds_growth": "10 per hour"}, "expected a number per hour"),
        ({"max_fds_growth": -1}, "expected zero or more"),
        ({"max_idle_growth": "4 KiB"}, "expected a rate"),
        ({"max_latency_drift": 0}, "greater than 0"),
        ({"kinds": {"normal": "1 KiB/min"}}, "expected a size per query"),
        ({"log_rules": {"leak": -1}}, "expected zero or more"),
        ({"max_grwoth": "1 MB/min"}, "Extra inputs"),
    ],
)
def test_mistakes_are_refused(section: dict[str, Any], words: str) -> None:
    """Each with what was expected."""
    with pytest.raises(ValidationError, match=words):
        GatesSection.model_validate(section)


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"app.cache": {"max": 1}}, "ends in its unit"),
        ({"app.cache_count": {"max": "many"}}, "expected a number of count"),
        ({"app.cache_count": {"max_growth": "many"}}, "expected a number of count_per_h"),
        ({"app.cache_bytes": {"max": "many"}}, "expected a size"),
        ({"app.cache_count": {"max": -1}}, "expected zero or more"),
    ],
)
def test_a_limit_must_fit_its_metric(metrics: dict[str, Any], words: str) -> None:
    """A size for bytes, a number for counts."""
    with pytest.raises(UsageError, match=words):
        GatesSection.model_validate({"metrics": metrics}).rules()


def test_a_manifest_keeps_the_gates() -> None:
    """What is written into a manifest gives the same rules when read back."""
    section = GatesSection.model_validate(EVERYTHING)
    config = section.to_config()

    assert config["max_growth_bytes_per_h"] == 3e9
    assert GatesSection.from_config(config).rules() == section.rules()
    assert "further" not in GatesSection().to_config()


@pytest.mark.parametrize("config", [{}, {"further": 3}, {"further": {"nonsense": 1}}, {"max_growth_bytes_per_h": 5.0}])
def test_a_manifest_of_another_maker_is_read_as_without_gates(config: dict[str, Any]) -> None:
    """What is no gate of ours does not keep a stored run from being judged."""

    assert GatesSection.from_config(config).rules() == GatesSection().rules()


@pytest.mark.parametrize("limit", ["nan", "inf", "-5", -5, "5 MB/min"])
def test_a_limit_on_a_metric_is_a_number_that_can_be_kept(limit: float | str) -> None:
    """Else it would pass always, or never; the sentence names the key."""
    section = GatesSection.model_validate({"metrics": {"fds_count": {"max": limit}}})

    with pytest.raises(UsageError, match=r"^gates\.metrics\.fds_count\.max: expected"):
        section.rules()
