"""``[container]``: a target in a container, started from an image or found as a service of Compose.

A container that runs already under a known name needs no section: ``soak run --container NAME``.
"""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from harness.plan.fields import Environment, Name, Section, SizeBytes

OWN_LABEL_PREFIX = "voice-soak."

MIN_MEMORY_LIMIT_BYTES = 6 * 2**20
"""The engine refuses limits under 6 MiB."""


def _words(value: object) -> object:
    """A command as people write it, split as a shell would; a list is taken word for word."""
    if not isinstance(value, str):
        return value
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise ValueError(f"expected a command that can be split as a shell does, found {value!r}: {error}") from error


def _foreign_labels(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if name.startswith(OWN_LABEL_PREFIX):
            raise ValueError(f"expected labels outside {OWN_LABEL_PREFIX}*, which the harness sets, found {name!r}")
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class ContainerSection(Section):
    """One of ``image`` (started and removed by the run) and ``compose_service`` (found by its label, left alone).

    ``network`` is the host's by default: the target then listens on ``{port}`` of 127.0.0.1 and reaches the mock there.
    On any other network ``port`` is the container's own, published on 127.0.0.1 only, and the speech service must be
    one that this network reaches (``[tts] url``). Environment and command may hold ``{port}`` and ``{tts_url}``.
    """

    image: Name | None = None
    command: Words | None = None
    memory_limit: SizeBytes | None = None
    env: Environment = Field(default_factory=dict)
    network: Name = "host"
    port: Annotated[int, Field(gt=0, lt=65536)] | None = None
    labels: Annotated[dict[str, str], AfterValidator(_foreign_labels)] = Field(default_factory=dict)
    restart: Literal["never", "on-failure"] = "never"
    compose_service: Name | None = None
    compose_project: Name | None = None

    @model_validator(mode="after")
    def _one_source(self) -> ContainerSection:
        if (self.image is None) == (self.compose_service is None):
            found = "neither" if self.image is None else "both"
            raise ValueError(f"expected either image (started by the run) or compose-service (found), found {found}")
        if self.compose_service is not None:
            self._refuse_settings_of_image()
        elif self.compose_project is not None:
            raise ValueError("expected compose-project only beside compose-service, found it beside image")
        if self.memory_limit is not None and self.memory_limit < MIN_MEMORY_LIMIT_BYTES:
            raise ValueError(
                f"expected a memory-limit of at least 6 MiB, which the engine needs, found {self.memory_limit:.0f} B"
            )
        if self.image is not None and not self.on_host_network and self.port is None:
            raise ValueError(
                f"expected port (the one the target listens on in its container) with network {self.network!r}, "
                "found none; name it, or use network = 'host'"
            )
        return self

    def _refuse_settings_of_image(self) -> None:
        only_image = {"command", "memory_limit", "env", "network", "port", "labels", "restart"}
        given = sorted(name.replace("_", "-") for name in self.model_fields_set & only_image)
        if given:
            raise ValueError(
                f"expected the settings of a Compose service in its compose.yaml, found {', '.join(given)} here"
            )

    @property
    def on_host_network(self) -> bool:
        return self.network == "host"
