"""The load plan as data: what the harness hands to the Locust process, and nothing else passes between them.

The harness computes the phases (``harness.timeline``) and passes the plan as JSON in ``SOAK_LOAD``; the scenario plays
it. ``SOAK_STARTED_MONOTONIC_S`` is the monotonic clock at ``t_s`` 0 (on Linux that clock is common to all processes),
``SOAK_RUN_DIR`` the directory that receives ``load.csv``, ``SOAK_EVENTS_FD`` the descriptor that takes events as JSON
lines.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from harness.model import IDLE_KIND

LOAD_VARIABLE = "SOAK_LOAD"
STARTED_VARIABLE = "SOAK_STARTED_MONOTONIC_S"
RUN_DIR_VARIABLE = "SOAK_RUN_DIR"
EVENTS_FD_VARIABLE = "SOAK_EVENTS_FD"

MIXED_KIND = "mixed"
"""Kind of a phase in which several kinds are driven side by side: the warm-up of a scenario with several."""


class StreamKind(StrEnum):
    """How the backend sends the events of an answer."""

    SSE = "sse"
    WEBSOCKET = "websocket"


class ArrivalModel(StrEnum):
    """Open: conversations start on a schedule, whatever the earlier ones do. Closed: each user waits for its answer."""

    OPEN = "open"
    CLOSED = "closed"


class Spacing(StrEnum):
    """How open arrivals lie within a phase; either way a phase has exactly its planned number of queries."""

    POISSON = "poisson"
    CONSTANT = "constant"


class Ending(StrEnum):
    """How a conversation ends."""

    POLITE = "polite"
    """All speech heard, close posted, stream closed."""
    SILENT = "silent"
    """All speech heard, stream closed, no goodbye."""
    RESET_BEFORE_AUDIO = "reset_before_audio"
    """TCP reset after the stream has opened, before the first chunk of speech is read."""
    RESET_MIDWAY = "reset_midway"
    """TCP reset after the first chunk of speech."""
    RESET_AFTER_LAST = "reset_after_last"
    """TCP reset after the last chunk of speech."""
    HALF_OPEN = "half_open"
    """After the first chunk nothing is read any more and nothing closed, for the hold time."""
    SLOW_READER = "slow_reader"
    """The answer is read through a small window with pauses, for at most the hold time."""
    BARGE_IN = "barge_in"
    """The user interrupts after the first chunk: the answer is closed and the next query asked in the same dialogue."""
    NEVER_OPEN = "never_open"
    """The query is posted and its stream never opened."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of one kind of use, or of idleness.

    ``start_s`` and ``end_s`` count from the start of the load. A phase with queries is followed by its drain, which
    ends when the last conversation has; only then does the idle phase after it begin, whose planned start is therefore
    the earliest. ``kinds`` are the kinds driven in it, none when idle.
    """

    phase: str
    kind: str
    cycle: int
    start_s: float
    end_s: float
    queries_count: int = 0
    kinds: tuple[str, ...] = ()

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def is_idle(self) -> bool:
        return self.kind == IDLE_KIND


@dataclass(frozen=True, slots=True)
class Backend:
    """The wire of the backend under test; the defaults are those of the project's own contract.

    Paths may hold ``{dialogue}``. ``converse_path`` None: the query is sent over the WebSocket itself. A field None:
    the backend has no such field; without ``done_event`` the final chunk, or else the stream's end, is the end of the
    answer. ``dialogue_answer_field`` names where the answer to the query says the dialogue's id, for backends that
    choose it themselves; dots lead into objects. ``body_json`` is an object of fields that every query carries beside
    its text.
    """

    base_url: str
    stream: StreamKind = StreamKind.SSE
    converse_path: str | None = "/api/voice/converse"
    stream_path: str = "/api/voice/open-stream?dialogueId={dialogue}"
    close_path: str | None = "/api/voice/close"
    headers: tuple[tuple[str, str], ...] = ()
    text_field: str = "text"
    dialogue_field: str | None = "dialogueId"
    dialogue_answer_field: str | None = None
    body_json: str = "{}"
    event_field: str = "event"
    data_field: str | None = "data"
    audio_event: str = "audioChunk"
    done_event: str | None = "done"
    error_event: str | None = "error"
    audio_field: str = "audio"
    index_field: str | None = "chunkIndex"
    final_field: str | None = "isFinal"
    forbidden_fields: tuple[str, ...] = ("thinkingSound",)
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When conversations start; ``users_count`` and ``think_s`` (mean pause between two) are of the closed model."""

    model: ArrivalModel = ArrivalModel.OPEN
    spacing: Spacing = Spacing.POISSON
    users_count: int = 10
    think_s: float = 1.0


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Everything the Locust process has to know.

    ``endings`` are those of kind ``disconnect``, in equal shares; ``bursts`` the numbers of equal posts of kind
    ``duplicate``, in equal shares, ``burst_gap_s`` apart. ``idle_streams_count`` streams on which nothing is asked are
    held open all the time. ``web`` keeps Locust's own statistics fed, for its page. With ``locustfile`` that file
    drives, ``arrivals.users_count`` users of it in the phases that are not idle.
    """

    scenario: str
    seed: int
    speedup: float
    phases: tuple[Phase, ...]
    backend: Backend
    arrivals: Arrivals = Arrivals()
    endings: tuple[Ending, ...] = (Ending.RESET_MIDWAY, Ending.SILENT)
    bursts: tuple[int, ...] = (2,)
    burst_gap_s: float = 0.017
    hold_s: float = 2.0
    conversation_timeout_s: float = 60.0
    drain_timeout_s: float = 30.0
    max_lateness_s: float = 1.0
    max_in_flight_count: int = 2000
    idle_streams_count: int = 0
    row_period_s: int = 1
    web: bool = False
    locustfile: str | None = None

    @property
    def duration_s(self) -> float:
        """Seconds from the start of the load to the end of its last phase."""
        return self.phases[-1].end_s if self.phases else 0.0

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of queries in the plan, in the order in which they first come."""
        return tuple(dict.fromkeys(kind for phase in self.phases for kind in phase.kinds))

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LoadPlan:
        """The plan that ``to_json`` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        fields = dict(data)
        fields["phases"] = tuple(Phase(**(phase | {"kinds": tuple(phase["kinds"])})) for phase in data["phases"])
        fields["backend"] = _backend_from_json(data["backend"])
        arrivals = dict(data["arrivals"])
        arrivals["model"] = ArrivalModel(arrivals["model"])
        arrivals["spacing"] = Spacing(arrivals["spacing"])
        fields["arrivals"] = Arrivals(**arrivals)
        fields["endings"] = tuple(Ending(ending) for ending in data["endings"])
        fields["bursts"] = tuple(data["bursts"])
        return cls(**fields)


def _backend_from_json(data: dict[str, Any]) -> Backend:
    fields = dict(data)
    fields["stream"] = StreamKind(data["stream"])
    fields["headers"] = tuple((name, value) for name, value in data["headers"])
    for name in ("forbidden_fields", "texts"):
        fields[name] = tuple(data[name])
    return Backend(**fields)
