"""What is made of an engine's answers, and of an engine that does not answer."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from harness.errors import ProbeError
from harness.probes.engine import DockerEngine, EngineEvent, event_of, parse_time_s, state_of

RUNNING: dict[str, Any] = {
    "Id": "47dc",
    "Name": "/backend",
    "RestartCount": 2,
    "LogPath": "/var/lib/docker/containers/47dc/47dc-json.log",
    "HostConfig": {"Memory": 67108864},
    "State": {
        "Running": True,
        "Restarting": False,
        "OOMKilled": False,
        "Pid": 18828,
        "ExitCode": 0,
        "StartedAt": "2026-11-22T16:40:57.552376169Z",
    },
}


def test_state_of_a_running_container() -> None:
    """Pid, start, limit and restarts are taken over; an exit code is not there yet."""
    state = state_of(RUNNING)

    assert (state.running, state.pid, state.exit_code) == (True, 18828, None)
    assert (state.name, state.restarts_count, state.memory_limit_bytes) == ("backend", 2, 67108864)


def test_state_of_a_container_between_two_starts() -> None:
    """The engine says running and restarting at once: nobody is there to be read."""
    state = state_of(RUNNING | {"State": RUNNING["State"] | {"Restarting": True, "Pid": 0, "ExitCode": 137}})

    assert (state.running, state.pid, state.exit_code) == (False, None, 137)


def test_no_limit_is_none() -> None:
    """The engine's 0 means no limit."""
    assert state_of(RUNNING | {"HostConfig": {"Memory": 0}}).memory_limit_bytes is None


@pytest.mark.parametrize(
    ("killed", "expected"),
    [
        (True, "container backend was killed out of memory (exit code 137)"),
        (False, "container backend is not running (exit code 137)"),
    ],
)
def test_why_not_running(killed: bool, expected: str) -> None:
    """An out-of-memory kill is told from any other end."""
    ended = RUNNING["State"] | {"Running": False, "Pid": 0, "ExitCode": 137, "OOMKilled": killed}

    assert state_of(RUNNING | {"State": ended}).why_not_running() == expected


def test_event_with_exit_code() -> None:
    """The exit code of a die event is a number."""
    item = {"Action": "die", "timeNano": 1_700_000_000_500_000_000, "Actor": {"Attributes": {"exitCode": "137"}}}

    assert event_of(item) == EngineEvent(1_700_000_000.5, "die", 137)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("1970-01-01T00:00:01.500000999Z", 1.5),
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T02:00:01.25+02:00", 1.25),
        ("", None),
        ("yesterday", None),
    ],
)
def test_stamps_with_nanoseconds(stamp: str, expected: float | None) -> None:
    """Engines write nine digits, with Z or an offset; anything else is no time."""
    assert parse_time_s(stamp) == expected


# the docker package leaves the socket of a refused connection to the collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_engine_is_one_line_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the address and what to set."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/engine.sock")

    with pytest.raises(ProbeError, match=r"expected a container engine.*unix:///nonexistent/engine\.sock.*DOCKER_HOST"):
        DockerEngine()

    gc.collect()
