"""The probes of a run, and the gates that are refused because nothing will be recorded for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.model import Role
from harness.model.load import LoadPlan
from harness.orchestrate.launch import Command, Launch
from harness.orchestrate.load import build_load_plan, build_locustfile_plan
from harness.orchestrate.run_probes import Pids, probes_of_run, require_judgeable, require_judgeable_run
from harness.plan.document import Plan

COMMAND = Command(("server",), {})
LAUNCH = Launch("http://127.0.0.1:1", "http://127.0.0.1:2", COMMAND, COMMAND, None, "http://127.0.0.1:1/health")
ATTACHED = replace(LAUNCH, mock=None, target=None, target_pid=7, tts_url=None)
JSON = {"name": "app", "kind": "json", "url": "http://127.0.0.1:1/", "fields": {"active_dialogues_count": "n"}}


def plan(**sections: Any) -> Plan:
    return Plan.model_validate(sections)


def load(scenario: str = "mixed") -> LoadPlan:
    return build_load_plan(plan().load, scenario, LAUNCH.base_url, 120.0, 60.0, 1)


def test_the_run_s_own_probes_come_first_and_the_plan_s_behind() -> None:
    """The target is the first, and who was not started is not read."""
    probes = probes_of_run(plan(probes=[JSON]), LAUNCH, 0.25, Pids(1, 2, 3), None)
    fewer = probes_of_run(plan(), ATTACHED, 0.25, Pids(1, None, None), "box")

    assert [probe.name for probe in probes] == ["target", "collector", "mock", "tts", "generator", "harness", "app"]
    assert [probe.role for probe in probes[:5]] == [Role.TARGET, Role.TARGET, Role.MOCK, Role.MOCK, Role.GENERATOR]
    assert [probe.period_s for probe in probes[:2]] == [0.25, 1.0]
    assert [probe.name for probe in fewer] == ["target", "generator", "harness"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (JSON | {"name": "harness"}, "expected probes of different names, found 'harness' again"),
        (
            {"name": "p", "kind": "prometheus", "url": "http://127.0.0.1:1/", "series": {"x_bytes": "bad{"}},
            r"probes\.p: expected a series",
        ),
    ],
)
def test_a_probe_that_cannot_be_is_named_before_the_start(entry: dict[str, Any], says: str) -> None:
    """A name taken by the harness, and a selector that is none."""
    with pytest.raises(UsageError, match=says):
        require_judgeable_run(plan(probes=[entry]), LAUNCH, load())


@pytest.mark.parametrize(
    "sections",
    [
        {"gates": {"max_tts_calls_per_query": 6, "max_idle_growth": "1 MB/min", "max_fds_growth": 10}},
        {"gates": {"max_active_dialogues": 5}, "probes": [JSON]},
        {"gates": {"kinds": {"disconnect": "1 KiB"}, "min_time_to_limit": "7d", "max_memory": "1 GB"}},
        {"log_rules": [{"preset": "incident"}], "gates": {"log_rules": {"one-post": 5}}},
        {"gates": {"metrics": {"mock.rss_bytes": {"max": "1 GB"}}}},
    ],
    ids=str,
)
def test_what_will_be_recorded_may_be_judged(sections: dict[str, Any]) -> None:
    """Probes of the harness and of the plan, kinds, idle phases, limits and logs."""
    require_judgeable_run(plan(**sections), LAUNCH, load())


@pytest.mark.parametrize(
    ("sections", "launch", "scenario", "says"),
    [
        ({"gates": {"max_active_dialogues": 5}}, LAUNCH, "mixed", "the metric 'active_dialogues_count'"),
        ({"gates": {"max_tts_calls_per_query": 5}}, ATTACHED, "mixed", "the metric 'tts_calls_count'"),
        ({"gates": {"max_errors": 0.01}}, LAUNCH, "idle", "expected driven load"),
        ({"gates": {"kinds": {"disconnect": "1 KiB"}}}, LAUNCH, "heavy", "queries of kind 'disconnect'"),
        ({"gates": {"min_time_to_limit": "7d"}}, LAUNCH, "mixed", "expected a memory limit"),
        ({"gates": {"log_rules": {"alarm": 0}}}, LAUNCH, "mixed", "a log rule 'alarm'"),
        ({"gates": {"metrics": {"app.cache": {"max": 1}}}}, LAUNCH, "mixed", "whose name ends in its unit"),
        (
            {"log_rules": [{"preset": "incident"}]},
            ATTACHED,
            "mixed",
            "expected the log of 'target', found load",
        ),
    ],
    ids=str,
)
def test_what_will_not_be_recorded_is_refused(
    sections: dict[str, Any], launch: Launch, scenario: str, says: str
) -> None:
    """Else the run would take its hours and then be inconclusive; a log that nobody keeps would even seem clean."""
    with pytest.raises(UsageError, match=says):
        require_judgeable_run(plan(**sections), launch, load(scenario))


def test_rules_without_a_bound_judge_nothing() -> None:
    """They only count, and may find nothing to count in; named by a gate they judge."""
    rules = [{"name": "seen", "contains": "x"}]
    require_judgeable_run(plan(log_rules=rules), ATTACHED, load())
    with pytest.raises(UsageError, match="the log rule seen"):
        require_judgeable_run(plan(log_rules=rules, gates={"log_rules": {"seen": 0}}), ATTACHED, load())


def test_kinds_of_a_locustfile_are_its_request_names(tmp_path: Path) -> None:
    """Only the file knows them."""
    file = tmp_path / "mine.py"
    file.write_text("")
    own = build_locustfile_plan(plan().load, file, LAUNCH.base_url, 60.0, 1.0, 1)

    require_judgeable_run(plan(gates={"kinds": {"GET /chat": "1 KiB"}}), LAUNCH, own)


def test_attached_nothing_is_driven() -> None:
    """Gates on load, drains and logs are refused; those on what is sampled are not."""
    probes = probes_of_run(plan(), ATTACHED, 1.0, Pids(1, 7, None), None)
    require_judgeable(plan(gates={"max_fds_growth": 5}), probes, (), 0, ())
    for gates in ({"max_latency_drift": 2}, {"max_active_dialogues": 5}, {"max_idle_growth": "1 MB/min"}):
        with pytest.raises(UsageError, match="does not record"):
            require_judgeable(plan(gates=gates), probes, (), 0, ())
