"""Faults as data: which requests go wrong, how often, and in which way. Pure; the clock and the sockets are elsewhere.

A plan is a TOML file with ``[[fault]]`` tables, or the same as JSON by ``PUT /admin/faults`` while the server runs.
"""

import random
import tomllib
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mock_tts.errors import UsageError
from mock_tts.profile import first_problem

MAX_FAULTS = 100


class Route(Enum):
    """Names under which requests are counted and faults are aimed."""

    CONVERT = "convert"
    STREAM = "stream"
    WITH_TIMESTAMPS = "with-timestamps"
    STREAM_WITH_TIMESTAMPS = "stream-with-timestamps"
    STREAM_INPUT = "stream-input"
    MULTI_STREAM_INPUT = "multi-stream-input"
    DIALOGUE = "dialogue"
    DIALOGUE_STREAM = "dialogue-stream"
    DIALOGUE_WITH_TIMESTAMPS = "dialogue-with-timestamps"
    DIALOGUE_STREAM_WITH_TIMESTAMPS = "dialogue-stream-with-timestamps"
    DIALOGUE_STREAM_INPUT = "dialogue-stream-input"
    DIALOGUE_MULTI_STREAM_INPUT = "dialogue-multi-stream-input"
    MODELS = "models"
    VOICES = "voices"
    USER = "user"
    SINGLE_USE_TOKEN = "single-use-token"

    @property
    def speaks(self) -> bool:
        """Whether speech is asked for; the others are the endpoints beside it."""
        return self not in (Route.MODELS, Route.VOICES, Route.USER, Route.SINGLE_USE_TOKEN)

    @property
    def is_socket(self) -> bool:
        return self.value.endswith("stream-input")


class Kind(Enum):
    """What goes wrong.

    STATUS an error answer in API shape; TEXT an error answer that is not JSON; CONCURRENCY a limit of requests in
    flight, queued or refused; STALL silence in the middle; CUT the connection aborted in the middle; MALFORMED a piece
    that is no JSON or no audio; CLOSE_CODE a socket closed with another code; SLOT_RELEASE a context that counts longer
    than it lives; QUOTA credits exhausted; DELAY a later first byte; ERROR_FRAME a socket ended by an error frame.
    """

    STATUS = "status"
    TEXT = "text"
    CONCURRENCY = "concurrency"
    STALL = "stall"
    CUT = "cut"
    MALFORMED = "malformed"
    CLOSE_CODE = "close-code"
    SLOT_RELEASE = "slot-release"
    QUOTA = "quota"
    DELAY = "delay"
    ERROR_FRAME = "error-frame"


_SOCKETS_ONLY = (Kind.CLOSE_CODE, Kind.SLOT_RELEASE, Kind.ERROR_FRAME)


def feels(route: Route, kind: Kind) -> bool:
    """Whether a fault of ``kind`` means anything on ``route``."""
    return route.is_socket if kind in _SOCKETS_ONLY else kind is Kind.STATUS or route.speaks


_Seconds = Annotated[float, Field(ge=0, le=3600)]
_ROUTES = ("*", *(route.value for route in Route))


class Fault(BaseModel):
    """One fault: aimed by ``route``, ``voice_id`` and ``text`` (part of it), and fired by ``rate``, ``every``,
    ``after`` and ``count``, which are counted over the requests that it is aimed at."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Kind
    route: str = "*"
    voice_id: str | None = None
    text: str | None = None

    rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    every: Annotated[int, Field(ge=1)] = 1
    after: Annotated[int, Field(ge=0)] = 0
    count: Annotated[int, Field(ge=1)] | None = None

    status: Annotated[int, Field(ge=400, le=599)] = 503
    code: str | None = None
    message: str | None = None
    body: str = "upstream connect error or disconnect/reset before headers"
    content_type: Annotated[str, Field(pattern=r"^[\x20-\x7e]+$")] = "text/plain"
    retry_after_s: Annotated[int, Field(ge=0, le=3600)] | None = None
    at: Annotated[float, Field(ge=0, le=1)] = 0.5
    seconds: _Seconds = 1.0
    close_code: Annotated[int, Field(ge=1000, le=4999)] = 1011
    limit: Annotated[int, Field(ge=0)] | None = None
    policy: Literal["queue", "reject"] = "reject"
    queue_length: Annotated[int, Field(ge=0)] = 100

    @field_validator("route")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in _ROUTES:
            raise ValueError(f"expected one of {', '.join(_ROUTES)}")
        return value

    @model_validator(mode="after")
    def _felt(self) -> "Fault":
        if self.route != "*" and not feels(Route(self.route), self.kind):
            wanted = "is for sockets" if self.kind in _SOCKETS_ONLY else "is for speech"
            raise ValueError(f"{self.kind.value} {wanted} and means nothing on route {self.route}")
        return self

    @model_validator(mode="after")
    def _closable(self) -> "Fault":
        if 1004 < self.close_code < 1007 or self.close_code == 1004 or 1014 < self.close_code < 3000:
            raise ValueError(
                f"close_code {self.close_code} may not be sent; use 1000 to 1003, 1007 to 1014, 3000 to 4999"
            )
        return self


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: Annotated[list[Fault], Field(max_length=MAX_FAULTS)] = []


@dataclass(frozen=True, slots=True)
class Effects:
    """The faults that hit one request, one of a kind at most (the first listed)."""

    by_kind: dict[Kind, Fault] = field(default_factory=dict)

    def get(self, kind: Kind) -> Fault | None:
        return self.by_kind.get(kind)


NO_EFFECTS = Effects()


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    fired: int = 0


class FaultPlan:
    """The faults in force, with their counts. Which requests a rate hits depends on the seed and their order only."""

    def __init__(self, faults: tuple[Fault, ...], seed: int) -> None:
        self._start = faults
        self._seed = seed
        self.replace(faults)

    def replace(self, faults: tuple[Fault, ...]) -> None:
        """Puts ``faults`` in force, all counts at zero."""
        self._armed = [_Armed(fault) for fault in faults]
        self._random = random.Random(self._seed)

    def restore(self) -> None:
        """Back to the plan that the server was started with."""
        self.replace(self._start)

    @property
    def is_armed(self) -> bool:
        return bool(self._armed)

    def pick(self, route: Route, voice_id: str, text: str) -> Effects:
        """The faults that hit the next request of ``route``; each call counts as one request."""
        if not self._armed:
            return NO_EFFECTS
        hit: dict[Kind, Fault] = {}
        for armed in self._armed:
            if _aimed(armed.fault, route, voice_id, text) and self._fires(armed):
                hit.setdefault(armed.fault.kind, armed.fault)
        return Effects(hit)

    def _fires(self, armed: _Armed) -> bool:
        fault = armed.fault
        armed.seen += 1
        due = armed.seen > fault.after and (armed.seen - fault.after - 1) % fault.every == 0
        if not due or (fault.count is not None and armed.fired >= fault.count):
            return False
        if fault.rate < 1.0 and self._random.random() >= fault.rate:
            return False
        armed.fired += 1
        return True

    def describe(self) -> list[dict[str, Any]]:
        """The faults with what they have seen and done, as JSON values."""
        return [
            {**armed.fault.model_dump(mode="json", exclude_defaults=True), "seen": armed.seen, "fired": armed.fired}
            for armed in self._armed
        ]


def _aimed(fault: Fault, route: Route, voice_id: str, text: str) -> bool:
    return (
        (route.speaks if fault.route == "*" else fault.route == route.value)
        and feels(route, fault.kind)
        and fault.voice_id in (None, voice_id)
        and (fault.text is None or fault.text in text)
    )


def parse_faults(value: Any, source: str) -> tuple[Fault, ...]:
    """A plan from plain values: ``{"fault": [...]}`` or a list. Raises UsageError."""
    try:
        return tuple(_File.model_validate({"fault": value} if isinstance(value, list) else value).fault)
    except ValidationError as error:
        raise UsageError(first_problem(error, source)) from error


def load_faults(path: Path) -> tuple[Fault, ...]:
    """A plan from a TOML file. Raises UsageError."""
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"--faults: expected a TOML file with [[fault]] tables, found: {error}; correct it") from error
    return parse_faults(value, f"--faults: {path}")
