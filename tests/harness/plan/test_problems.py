"""The sentence that a mistake in the plan becomes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.plan.document import Plan
from harness.plan.problems import first_problem

JSON_PROBE = {"name": "x", "kind": "json", "url": "http://127.0.0.1:1"}


def _told(document: dict[str, Any], overrides: dict[str, dict[str, Any]] | None = None) -> str:
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate(document)
    return first_problem(caught.value, Plan, "soak.toml", overrides or {})


@pytest.mark.parametrize(
    ("document", "meant"),
    [
        ({"rnu": {}}, "rnu is not a setting of voice-soak; did you mean run? "),
        ({"run": {"duraton": 3}}, "run.duraton is not a setting of voice-soak; did you mean run.duration? "),
        ({"run": {"max_growth": 3}}, "run.max_growth is not a setting of voice-soak; did you mean gates.max_growth? "),
        ({"probes": [{**JSON_PROBE, "feilds": {}}]}, "did you mean probes.0.json.fields? "),
        ({"gates": {"metrics": {"a_bytes": {"max_grwth": 1}}}}, "did you mean gates.metrics.a_bytes.max_growth? "),
        ({"run": {"frobnicate": 1}}, "run.frobnicate is not a setting of voice-soak; `soak init` shows them all"),
    ],
)
def test_a_misspelt_setting_is_told_with_what_was_meant(document: dict[str, Any], meant: str) -> None:
    """At any depth, also where it is missed under its right name or stands in the wrong section."""
    assert meant in _told(document)


def test_what_came_over_the_file_is_not_the_files_mistake() -> None:
    """A flag and a variable arrive the same way."""
    told = _told({"run": {"seed": "x"}}, {"run": {"seed": "x"}})

    assert told == "the command line (or a SOAK_* variable): run.seed: expected a valid integer, found 'x'"


def test_a_setting_that_is_missed_is_named() -> None:
    """And the entry in which it is."""
    assert _told({"probes": [{**JSON_PROBE}]}).startswith("soak.toml: probes.0.json.fields: expected this setting")
