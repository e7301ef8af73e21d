"""The vocabulary of a run: outcomes, shapes, roles, columns, intervals, limits.

Standard library only and free of I/O, so that the load scenarios (gevent), the sampler (small) and the analysis
(numpy) can all share it. The names and spellings are those of the run directory's format, schema 1.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

SCHEMA = 1


class Outcome(StrEnum):
    """What a judgement says; ``INVALID`` outranks ``FAIL`` outranks ``INCONCLUSIVE`` outranks ``PASS``."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class ExitCode(IntEnum):
    """Process exit codes of ``soak``."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INVALID = 4
    INTERRUPTED = 130


EXIT_CODE_OF_OUTCOME = {
    Outcome.PASS: ExitCode.PASS,
    Outcome.FAIL: ExitCode.FAIL,
    Outcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Outcome.INVALID: ExitCode.INVALID,
}


class Shape(StrEnum):
    """What a memory curve looks like, in one word; growth first."""

    STABLE = "stable"
    SAWTOOTH = "sawtooth"
    PLATEAU = "plateau"
    STEP = "step"
    LINEAR = "linear"
    STAIRCASE = "staircase"
    ACCELERATING = "accelerating"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """Whose memory a probe reads."""

    TARGET = "target"
    MOCK = "mock"
    GENERATOR = "generator"
    HARNESS = "harness"


class ColumnKind(StrEnum):
    """A gauge goes up and down and is judged; a counter only goes up and is not."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Unit(StrEnum):
    """Units a column may have; the column's name ends in one of them."""

    BYTES = "bytes"
    SECONDS = "s"
    MILLISECONDS = "ms"
    COUNT = "count"
    RATIO = "ratio"
    PER_SECOND = "per_s"


class EndReason(StrEnum):
    """Why a run ended, as ``end.json`` says it."""

    COMPLETED = "completed"
    EARLY_STOP = "early_stop"
    INTERRUPTED = "interrupted"
    TARGET_DIED = "target_died"
    GENERATOR_FAILED = "generator_failed"
    MOCK_FAILED = "mock_failed"
    DISK_FULL = "disk_full"


class EventName(StrEnum):
    """Events of ``events.jsonl``."""

    PHASE_START = "phase_start"
    PHASE_END = "phase_end"
    DRAIN_START = "drain_start"
    DRAIN_END = "drain_end"
    RESTART = "restart"
    OOM_KILL = "oom_kill"
    GAP = "gap"
    PROBE_ERROR = "probe_error"
    LOG_MATCH = "log_match"
    GENERATOR_SATURATED = "generator_saturated"
    PERTURBED = "perturbed"
    NOTE = "note"


class LoadKind(StrEnum):
    """Kinds of use that the built-in scenarios drive; a user's own scenario may name others."""

    NORMAL = "normal"
    DUPLICATE = "duplicate"
    DISCONNECT = "disconnect"


IDLE_KIND = "idle"
"""Kind of the phases without queries; it has no rows in ``load.csv``."""

WARMUP_PHASE = "warmup"
"""Name (``phase``) of the phase before the first cycle; its time is excluded from the judgement of kinds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a samples file: ``name`` carries the unit, ``meaning`` says it in words."""

    name: str
    unit: Unit
    kind: ColumnKind
    meaning: str

    def to_json(self) -> dict[str, str]:
        return {"name": self.name, "unit": self.unit.value, "kind": self.kind.value, "meaning": self.meaning}


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process told apart from a later one with the same pid; ``start_time`` is seconds since the epoch."""

    pid: int
    start_time: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ContainerIdentity:
    """A container told apart from its own next start."""

    container: str
    started_at: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


Identity = ProcessIdentity | ContainerIdentity


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened ``t_s`` seconds into the run; ``fields`` as the format names them."""

    t_s: float
    event: str
    fields: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"t_s": round(self.t_s, 3), "event": self.event, **self.fields}


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its two-sided interval; ``None`` where not known or unbounded."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95

    def to_json(self) -> dict[str, float | None]:
        return {
            "estimate": finite_or_none(self.estimate),
            "low": finite_or_none(self.low),
            "high": finite_or_none(self.high),
            "confidence": self.confidence,
        }

    def scaled(self, factor: float) -> Interval:
        """The same interval in another unit; ``factor`` must be positive."""

        def scale(value: float | None) -> float | None:
            return None if value is None else value * factor

        return Interval(scale(self.estimate), scale(self.low), scale(self.high), self.confidence)


def finite_or_none(value: float | None) -> float | None:
    """``value``, or None where JSON could not say it (NaN, infinity)."""
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run is judged against; ``None`` = not asked for.

    With neither ``max_growth_bytes_per_h`` nor ``max_growth_bytes_per_query`` the defaults of the command line apply
    (see ``harness.rules.circumstances``).
    """

    max_growth_bytes_per_h: float | None = None
    max_growth_bytes_per_query: float | None = None
    max_memory_bytes: float | None = None


LOAD_COLUMNS: tuple[str, ...] = (
    "t_s",
    "kind",
    "started_count",
    "completed_count",
    "failed_count",
    "dropped_count",
    "users_count",
    "bytes_in",
    "bytes_out",
    "first_byte_p50_ms",
    "first_byte_p95_ms",
    "total_p50_ms",
    "total_p95_ms",
    "total_p99_ms",
)
"""Header of ``load.csv``."""
