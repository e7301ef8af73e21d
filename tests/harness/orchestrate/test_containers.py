"""What is asked of the engine for a run, and who owns what; with a real engine: tests/docker."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ProbeError, UsageError
from harness.orchestrate.containers import (
    Request,
    connected_engine,
    find_compose_service,
    find_running,
    network_of,
    owner_has_ended,
    owner_of_this_process,
    published_port,
    request_of,
    resource_limits_of,
)
from harness.plan.container import ContainerSection
from harness.probes.engine import ContainerState

RUNNING = ContainerState("47dc", "shop-backend-1", running=True, started_at="", pid=10, compose_project="shop")


class FakeEngine:
    """Answers with the containers it was made with; typed as any engine where it is handed over."""

    def __init__(self, *found: ContainerState, ports: dict[str, Any] | None = None) -> None:
        self._found = found
        self.client = self.api = self
        self._ports = ports

    def state(self, container: str) -> ContainerState:
        if not self._found:
            raise ProbeError(f"expected container {container!r}, the engine knows none")
        return self._found[0]

    def labelled(self, label: str) -> list[ContainerState]:
        return list(self._found)

    def inspect_container(self, container: str) -> dict[str, Any]:
        return {"NetworkSettings": {"Ports": self._ports}}


def engine(*found: ContainerState, ports: dict[str, Any] | None = None) -> Any:
    return FakeEngine(*found, ports=ports)


def test_request_on_the_host_network_fills_port_and_speech_url() -> None:
    """Placeholders in command and environment are filled, and the environment tells the rest."""
    section = ContainerSection.model_validate(
        {
            "image": "shop/voice",
            "command": "serve --port {port}",
            "env": {"UPSTREAM": "{tts_url}/v1", "LEVEL": "info"},
            "memory-limit": "64 MiB",
        }
    )

    request = request_of(section, 8201, "http://127.0.0.1:8880")

    assert request.command == ("serve", "--port", "8201")
    assert request.env["UPSTREAM"] == "http://127.0.0.1:8880/v1"
    assert (request.env["PORT"], request.env["LEVEL"]) == ("8201", "info")
    assert network_of(request) == {"network_mode": "host"}


def test_request_on_another_network_publishes_on_loopback_only() -> None:
    """Nothing of a target is ever reachable from outside this machine."""
    section = ContainerSection.model_validate({"image": "i", "network": "bridge", "port": 3000})

    request = request_of(section, 18999, None)

    assert request.env["PORT"] == "3000"
    assert network_of(request) == {"network": "bridge", "ports": {"3000/tcp": ("127.0.0.1", 18999)}}


def test_a_memory_limit_is_not_softened_by_swap() -> None:
    """Memory and swap together get the same limit; without one there is none."""
    assert resource_limits_of(Request("i", memory_limit_bytes=100)) == {"mem_limit": 100, "memswap_limit": 100}
    assert resource_limits_of(Request("i")) == {}
    assert resource_limits_of(Request("i", restart=True))["restart_policy"]["Name"] == "on-failure"


def test_this_process_owns_what_it_labels() -> None:
    """An owner that still runs is not one that has ended."""
    assert not owner_has_ended(owner_of_this_process())


def test_an_ended_owner_is_known() -> None:
    """A process that has ended, a pid that was given again, and an earlier boot all left what they owned behind."""
    code = "from harness.orchestrate.containers import owner_of_this_process as owner; print(owner())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    mine = owner_of_this_process()
    machine, boot, namespace, pid, start = mine.split("/")

    assert owner_has_ended(ended)
    assert owner_has_ended(f"{machine}/{boot}/{namespace}/{pid}/{float(start) - 100:.2f}")
    assert owner_has_ended(f"{machine}/another-boot/{namespace}/{pid}/{start}")


@pytest.mark.parametrize("owner", ["", "elsewhere/boot/pid:[1]/1/2.00", "no slashes"])
def test_what_another_machine_owns_is_left_alone(owner: str) -> None:
    """Whether its owner lives cannot be known from here."""
    assert not owner_has_ended(owner)


def test_what_another_pid_namespace_owns_is_left_alone() -> None:
    """A harness in a container on the host's network has the host's name and boot, and pids of its own."""
    machine, boot, _, _, _ = owner_of_this_process().split("/")

    assert not owner_has_ended(f"{machine}/{boot}/pid:[1]/{2**22 + 7}/2.00")


def test_find_running_wants_one_that_runs() -> None:
    """A container that has ended, and one that is not there, are refused with what to do."""
    ended = replace(RUNNING, running=False, exit_code=0)

    assert find_running(engine(RUNNING), "backend") is RUNNING
    with pytest.raises(UsageError, match=r"expected a running container.*start it first"):
        find_running(engine(ended), "backend")
    with pytest.raises(UsageError, match="docker unpause"):
        find_running(engine(replace(RUNNING, paused=True)), "backend")
    with pytest.raises(UsageError, match="knows none"):
        find_running(engine(), "backend")


def test_find_compose_service_wants_exactly_one() -> None:
    """Scaled services and services of other projects are told apart by name and project."""
    other = replace(RUNNING, name="lab-backend-1", compose_project="lab")

    assert find_compose_service(engine(RUNNING, other), "backend", "lab") is other
    with pytest.raises(UsageError, match="found lab-backend-1, shop-backend-1"):
        find_compose_service(engine(RUNNING, other), "backend", None)
    with pytest.raises(UsageError, match="found none"):
        find_compose_service(engine(RUNNING), "backend", "elsewhere")


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ({"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18999"}]}, 18999),
        ({"3000/tcp": [{"HostPort": "18999"}, {"HostPort": "18999"}], "53/udp": [{"HostPort": "53"}]}, 18999),
        ({"3000/tcp": [{"HostPort": "1"}], "3001/tcp": [{"HostPort": "2"}]}, None),
        ({"3000/tcp": None}, None),
        (None, None),
    ],
)
def test_published_port_only_when_there_is_one(ports: dict[str, Any] | None, expected: int | None) -> None:
    """Two published ports are a question for the user, not a guess."""
    assert published_port(engine(RUNNING, ports=ports), "47dc") == expected


def test_an_engine_that_does_not_answer_is_wrong_usage() -> None:
    """Nothing was started yet, so the plan is at fault."""

    def refuse() -> Any:
        raise ProbeError("expected a container engine, found none")

    with pytest.raises(UsageError, match="expected a container engine"):
        connected_engine(refuse)
