"""``[load]``: how the backend is spoken to, what it is asked, and how conversations arrive and end.

The defaults speak the project's own wire contract, so that a backend which follows it needs no section at all.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from harness.model import LoadKind
from harness.model.load import ArrivalModel, Arrivals, Backend, Ending, Spacing, StreamKind
from harness.plan.fields import DurationS, Name, Section, url_path

DEFAULT_STREAM_PATHS = {
    StreamKind.SSE: "/api/voice/open-stream?dialogueId={dialogue}",
    StreamKind.WEBSOCKET: "/api/voice/stream?dialogueId={dialogue}",
}

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def _path(value: str) -> str:
    unknown = set(re.findall(r"\{([^}]*)\}", url_path(value))) - {"dialogue"}
    if unknown:
        raise ValueError(f"expected no placeholder but {{dialogue}} in {value!r}, found {{{sorted(unknown)[0]}}}")
    return value


DialoguePath = Annotated[str, AfterValidator(_path)]
AbsentIfEmpty = Annotated[str | None, AfterValidator(lambda value: value or None)]
"""A field that a backend may not have: ``""`` in the file says so."""


class LoadSection(Section):
    """The load as the user wants it; what is not given follows the scenario.

    ``queries_per_h`` is at production speed, the mean over the run with its idle times. ``kinds`` narrows what
    ``mixed`` drives. ``converse_path = ""`` asks over the WebSocket itself. ``texts`` are the questions, ``{n}`` in
    them the query's number. ``workers`` are started here; ``expect_workers`` is how many come from elsewhere, to
    ``master_host`` (an address of this machine on a private network: Locust asks nobody who he is) and ``master_port``.
    """

    stream: StreamKind = StreamKind.SSE
    converse_path: str = "/api/voice/converse"
    stream_path: DialoguePath | None = None
    close_path: str = "/api/voice/close"
    headers: dict[str, str] = Field(default_factory=dict)
    text_field: Name = "text"
    dialogue_field: AbsentIfEmpty = "dialogueId"
    dialogue_answer_field: AbsentIfEmpty = None
    body: dict[str, Any] = Field(default_factory=dict)
    event_field: Name = "event"
    data_field: AbsentIfEmpty = "data"
    audio_event: Name = "audioChunk"
    done_event: AbsentIfEmpty = "done"
    error_event: AbsentIfEmpty = "error"
    audio_field: Name = "audio"
    index_field: AbsentIfEmpty = "chunkIndex"
    final_field: AbsentIfEmpty = "isFinal"
    forbidden_fields: tuple[Name, ...] = ("thinkingSound",)
    texts: tuple[Name, ...] = ()

    arrivals: ArrivalModel = ArrivalModel.OPEN
    spacing: Spacing = Spacing.POISSON
    users: Annotated[int, Field(gt=0, le=10_000)] = 10
    think_s: DurationS = 30.0
    queries_per_h: Annotated[float, Field(gt=0, le=3_600_000)] | None = None
    kinds: Annotated[tuple[LoadKind, ...], Field(min_length=1)] | None = None
    cycles: Annotated[int, Field(ge=1, le=100)] = 4
    endings: Annotated[tuple[Ending, ...], Field(min_length=1)] | None = None
    bursts: Annotated[tuple[Annotated[int, Field(ge=2, le=100)], ...], Field(min_length=1)] | None = None
    burst_gap_s: DurationS = 0.017
    hold_s: DurationS = 2.0
    timeout_s: DurationS = 60.0
    idle_streams: Annotated[int, Field(ge=0, le=10_000)] = 0
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    expect_workers: Annotated[int, Field(ge=0, le=256)] = 0
    master_host: Name = "127.0.0.1"
    master_port: Annotated[int, Field(gt=0, lt=65536)] = 5557

    @field_validator("converse_path", "close_path")
    @classmethod
    def _path_or_none(cls, value: str) -> str:
        return _path(value) if value else value

    @field_validator("headers")
    @classmethod
    def _sendable(cls, value: dict[str, str]) -> dict[str, str]:
        for name, content in value.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"expected a header's name such as 'Authorization', found {name!r}")
            if not content.isprintable() or not content.isascii():
                raise ValueError(f"expected one line of printable ASCII in header {name!r}")
        return value

    @field_validator("kinds")
    @classmethod
    def _once(cls, value: tuple[LoadKind, ...] | None) -> tuple[LoadKind, ...] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError(f"expected each kind once, found {', '.join(value)}")
        return value

    @model_validator(mode="after")
    def _askable(self) -> LoadSection:
        if not self.converse_path and self.stream is not StreamKind.WEBSOCKET:
            raise ValueError("expected converse-path, or stream = 'websocket' to ask over, found neither")
        if not self.converse_path and self.dialogue_answer_field is not None:
            raise ValueError(
                "expected converse-path with dialogue-answer-field, which stands in its answer, found none"
            )
        return self

    def arrival_model(self, speedup: float) -> Arrivals:
        """How conversations arrive, with the pauses of the closed model ``speedup`` times shorter."""
        return Arrivals(self.arrivals, self.spacing, self.users, self.think_s / speedup)

    def backend(self, base_url: str) -> Backend:
        """The wire of the backend at ``base_url``."""
        return Backend(
            base_url=base_url,
            stream=self.stream,
            converse_path=self.converse_path or None,
            stream_path=self.stream_path or DEFAULT_STREAM_PATHS[self.stream],
            close_path=self.close_path or None,
            headers=tuple(self.headers.items()),
            text_field=self.text_field,
            dialogue_field=self.dialogue_field,
            dialogue_answer_field=self.dialogue_answer_field,
            body_json=json.dumps(self.body),
            event_field=self.event_field,
            data_field=self.data_field,
            audio_event=self.audio_event,
            done_event=self.done_event,
            error_event=self.error_event,
            audio_field=self.audio_field,
            index_field=self.index_field,
            final_field=self.final_field,
            forbidden_fields=self.forbidden_fields,
            texts=self.texts,
        )
