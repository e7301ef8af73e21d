"""``[target]`` and ``[tts]``: what is tested, and what stands in for the speech service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from harness.plan.fields import DurationS, Environment, Section, SizeBytes, UrlPath


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"expected a port from 1 to 65535 in {value!r}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(f"expected a URL such as 'http://127.0.0.1:8080', found {value!r}")
    return value.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class TargetSection(Section):
    """One target: a command to start, a process or container that runs, or the reference backend.

    A command is started without a shell, with ``PORT``, ``TTS_URL`` and ``ELEVENLABS_BASE_URL`` in its environment and
    ``{port}``, ``{tts_url}`` replaced in its text. With ``base_url`` alone the process that listens there is it.
    ``heap_limit`` is what a garbage-collected runtime may take before it has to give any back; a JVM's is found.
    ``garbage_share`` of its memory is what a runtime that collects in time may hold as garbage; Go's is found.
    ``time_scale`` divides the timers of the reference backend (tracker, sweep), which no other target knows.
    """

    command: str | None = None
    pid: Annotated[int, Field(gt=0)] | None = None
    container: str | None = None
    reference: Literal["before", "after"] | None = None
    time_scale: Annotated[float, Field(gt=0)] = 1.0
    base_url: HttpUrl | None = None
    env: Environment = Field(default_factory=dict)
    cwd: Path | None = None
    ready_path: UrlPath = "/health"
    ready_timeout_s: DurationS = 60.0
    restart: Literal["never", "on-failure"] = "never"
    production_queries_per_h: Annotated[float, Field(gt=0)] | None = None
    retention_s: DurationS | None = None
    heap_limit: SizeBytes | None = None
    garbage_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    commit: str | None = None

    @model_validator(mode="after")
    def _one_target(self) -> TargetSection:
        given = [name for name in ("command", "pid", "container", "reference") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"expected one target, found {' and '.join(given)}; keep one of them")
        if self.command is not None and not self.command.strip():
            raise ValueError("expected a command to start the target, found an empty one")
        return self


class TtsSection(Section):
    """The speech service that the target calls: the mock unless ``url`` names one that runs."""

    url: HttpUrl | None = None
    profile: str = "realistic"
    faults: Path | None = None
