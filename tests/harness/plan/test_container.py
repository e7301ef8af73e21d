"""The ``[container]`` section: what it takes, and the one line it answers a mistake with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.plan.container import ContainerSection


def problem(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        ContainerSection.model_validate(values)
    return str(caught.value.errors(include_url=False)[0]["msg"])


def test_image_with_sizes_and_commands_as_people_write_them() -> None:
    """Sizes become bytes, a command its words, and the host's network is the default."""
    section = ContainerSection.model_validate(
        {"image": "shop/voice:1", "command": "serve --name 'a b'", "memory-limit": "512 MiB", "env": {"LEVEL": "info"}}
    )

    assert section.memory_limit == 512 * 2**20
    assert section.command == ("serve", "--name", "a b")
    assert section.on_host_network
    assert section.restart == "never"


def test_command_as_a_list_is_taken_word_for_word() -> None:
    """A list is not split again."""
    assert ContainerSection.model_validate({"image": "i", "command": ["a b", "c"]}).command == ("a b", "c")


def test_compose_service_alone() -> None:
    """A service of Compose needs its name only; the project is optional."""
    section = ContainerSection.model_validate({"compose-service": "backend", "compose-project": "shop"})

    assert (section.compose_service, section.compose_project) == ("backend", "shop")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "found neither"),
        ({"image": "i", "compose-service": "s"}, "found both"),
        ({"image": " "}, "expected a name"),
        ({"image": "i", "compose-project": "p"}, "only beside compose-service"),
        ({"compose-service": "s", "memory-limit": "1 GiB"}, "found memory-limit here"),
        ({"image": "i", "memory-limit": "1 MiB"}, "at least 6 MiB"),
        ({"image": "i", "memory-limit": "lots"}, "expected a size such as"),
        ({"image": "i", "network": "bridge"}, "expected port"),
        ({"image": "i", "command": "a 'b"}, "split as a shell does"),
        ({"image": "i", "env": {"A B": "1"}}, "expected a variable's name"),
        ({"image": "i", "labels": {"voice-soak.run": "x"}}, "which the harness sets"),
        ({"image": "i", "colour": "red"}, "Extra inputs"),
    ],
)
def test_mistakes_say_what_was_expected_and_found(values: dict[str, Any], expected: str) -> None:
    """Each mistake is answered with its own sentence."""
    assert expected in problem(**values)
