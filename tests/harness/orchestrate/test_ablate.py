"""Switches of a target, as people write them and as a plan takes them."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.orchestrate.ablate import REFERENCE_SWITCHES, arms_for, parse_switch, thrown
from harness.plan.document import Plan


def _plan(**target: object) -> Plan:
    return Plan.model_validate({"run": {"scenario": "mixed"}, "target": target})


def test_a_variable_is_set_in_the_target_s_environment() -> None:
    """The plan's own variables stay."""
    plan = thrown(_plan(command="node server.js", env={"A": "1"}), parse_switch("DISABLE_MEMORY_TRACKER=true"))

    assert plan.target.env == {"A": "1", "DISABLE_MEMORY_TRACKER": "true"}


def test_a_flag_is_added_to_the_target_s_command() -> None:
    """With a name of its own, if wanted."""
    switch = parse_switch("cache: --no-cache")

    assert switch.name == "cache"
    assert thrown(_plan(command="node server.js"), switch).target.command == "node server.js --no-cache"


def test_the_reference_backend_has_the_incident_s_five_fixes() -> None:
    """The base and one arm for each."""
    arms = arms_for(_plan(reference="before"), [parse_switch(text) for text in REFERENCE_SWITCHES])

    assert [arm.name for arm in arms] == [
        "base",
        "thinking_sound",
        "duplicate_requests",
        "tts_chunk_refs",
        "dialogue_state",
        "memory_tracker",
    ]
    assert arms[1].plan.target.env == {"FIX_THINKING_SOUND": "true"}
    assert arms[0].plan.target.env == {}


def test_a_container_started_by_the_run_takes_switches_too() -> None:
    """Its environment and its command are the image's section."""
    plan = Plan.model_validate({"run": {"scenario": "mixed"}, "container": {"image": "voice:1", "command": "serve"}})
    container = thrown(plan, parse_switch("X=1 --fast")).container

    assert container is not None
    assert container.env == {"X": "1"}
    assert container.command == ("serve", "--fast")


@pytest.mark.parametrize("text", ["", "tracker", "tracker: off"])
def test_what_is_no_switch_is_refused(text: str) -> None:
    """One line that shows how one looks."""
    with pytest.raises(UsageError, match="DISABLE_MEMORY_TRACKER=true"):
        parse_switch(text)


def test_a_target_that_runs_already_cannot_be_switched() -> None:
    """Its environment was given to it by somebody else."""
    with pytest.raises(UsageError, match="runs already"):
        arms_for(_plan(pid=1), [parse_switch("A=1")])


def test_a_switch_named_twice_is_refused() -> None:
    """Two arms of one name could not be told apart."""
    with pytest.raises(UsageError, match="again"):
        arms_for(_plan(), [parse_switch("A=1"), parse_switch("A=1")])


def test_the_reference_backend_takes_no_flags() -> None:
    """Its command line is the harness's own."""
    with pytest.raises(UsageError, match="variables"):
        thrown(_plan(reference="before"), parse_switch("--fast"))


def test_no_switch_is_no_ladder() -> None:
    """There must be something to throw."""
    with pytest.raises(UsageError, match="--switch"):
        arms_for(_plan(command="node server.js"), [])
