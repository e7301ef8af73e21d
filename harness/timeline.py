"""The load as an experiment: which kind of use when, for how long, and what that will let the run see.

Pure. A usage leak is a regression on cumulative counts, and the plan decides whether it can be seen at all
(analysis-methods, 3.4): every kind comes in several blocks of load, drain and true idle, in a seeded random order and
of seeded random lengths, so that no kind's count is ever proportional to time or to another's.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import IDLE_KIND, WARMUP_PHASE, LoadKind
from harness.model.load import MIXED_KIND, Phase

WARMUP_SHARE = 0.12
WARMUP_LIMIT_S = 1200.0
"""A tenth of each segment is trimmed by policy (analysis-methods, 3.2); a little more keeps that out of the cycles."""

LOADED_SHARE = 0.5
LENGTH_JITTER = 0.5
"""Of the shares 0.5, 0.6, 0.7 and the jitters 0, 0.3, 0.5 these give the smallest standard error of bytes per query
at the same number of queries: over 40 seeds of a 130 s plan, 0.7 and no jitter is 1.6 times worse."""

CYCLES_COUNT = 4
FEWEST_CYCLES = 2
"""A kind that is driven once cannot be told from what drifts with time."""

SHORTEST_BLOCK_S = 5.0
"""Under this a block's idle half is over before a drain and two samples have had their time: fewer cycles instead."""

REFERENCE_NOISE_BYTES2_S = (5e6) ** 2 * 1.0 * (1 + 0.9) / (1 - 0.9)
"""Long-run variance ω² of AR(1) noise with σ = 5 MB, φ = 0.9 at 1 Hz: the reference row of analysis-methods, 3.4."""

WORST_VIF = 150.0
"""At 150 the study's leak was found in half of the runs, at 1,230 in one of fourteen (analysis-methods, 3.4)."""

_GRID_COUNT = 400


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario at production speed. ``queries_per_h`` is the mean over the whole run, idle time included."""

    kinds: tuple[LoadKind, ...]
    duration_s: float
    queries_per_h: float
    meaning: str


SCENARIOS: dict[str, Scenario] = {
    "normal": Scenario((LoadKind.NORMAL,), 900.0, 60.0, "15 queries in 15 minutes, each ended politely"),
    "heavy": Scenario((LoadKind.NORMAL,), 3600.0, 120.0, "120 queries in an hour, each ended politely"),
    "idle": Scenario((), 3600.0, 0.0, "an hour without queries, with or without open streams"),
    "duplicates": Scenario((LoadKind.DUPLICATE,), 3600.0, 120.0, "the same query twice, 17 ms apart, and bursts of it"),
    "disconnects": Scenario((LoadKind.DISCONNECT,), 3600.0, 120.0, "every way to leave without a goodbye"),
    "mixed": Scenario(
        (LoadKind.NORMAL, LoadKind.DUPLICATE, LoadKind.DISCONNECT),
        4 * 3600.0,
        120.0,
        "cycles of one kind, drain, idle, another kind, in a seeded random order",
    ),
}
"""The incident's test plan: normal use (10 to 20 queries), heavy use (100 and more an hour), idle for 1 to 2 hours."""


@dataclass(frozen=True, slots=True)
class PlannedPrecision:
    """What the plan allows one kind to be known to.

    ``vif`` is the variance inflation against a kind that is alone; ``standard_error_bytes`` of its bytes per query.
    """

    kind: str
    queries_count: int
    cycles_count: int
    vif: float
    standard_error_bytes: float

    @property
    def is_identifiable(self) -> bool:
        """Whether the run will be able to tell this kind from time and from the other kinds."""
        return self.cycles_count >= 2 and self.vif <= WORST_VIF


def natural_duration_s(scenario: str, speedup: float) -> float:
    """Wall-clock seconds of the scenario driven ``speedup`` times faster. Raises KeyError for an unknown one."""
    return SCENARIOS[scenario].duration_s / speedup


def build_timeline(
    kinds: Sequence[str], duration_s: float, queries_per_s: float, seed: int, cycles_count: int = CYCLES_COUNT
) -> tuple[Phase, ...]:
    """Phases that fill ``duration_s`` exactly; without kinds, idle phases only.

    ``queries_per_s`` is the mean over the whole time; the planned counts add up to ``queries_per_s * duration_s``,
    rounded. Cycles are fewer where blocks would become shorter than ``SHORTEST_BLOCK_S``.
    """
    rng = random.Random(f"timeline {seed}")
    warmup_s = min(WARMUP_SHARE * duration_s, WARMUP_LIMIT_S)
    fitting = int((duration_s - warmup_s) / (max(len(kinds), 1) * SHORTEST_BLOCK_S))
    cycles_count = min(cycles_count, max(FEWEST_CYCLES, fitting))
    if not kinds:
        return _idle_timeline(duration_s, warmup_s, cycles_count)
    phases = [_warmup(kinds, warmup_s)]
    lengths = _block_lengths(kinds, cycles_count, rng)
    blocks = [(kind, cycle) for cycle in range(1, cycles_count + 1) for kind in rng.sample(list(kinds), k=len(kinds))]
    idle_s = (duration_s - warmup_s) * (1 - LOADED_SHARE) / (len(blocks) + 1)
    scale = (duration_s - warmup_s) * LOADED_SHARE / sum(lengths.values())
    at_s = warmup_s + idle_s
    phases.append(Phase("idle-0", IDLE_KIND, 0, warmup_s, at_s))
    for kind, cycle in blocks:
        loaded_end_s = at_s + lengths[kind, cycle] * scale
        phases.append(Phase(f"{kind}-{cycle}", kind, cycle, at_s, loaded_end_s, kinds=(kind,)))
        at_s = loaded_end_s + idle_s
        phases.append(Phase(f"idle-{kind}-{cycle}", IDLE_KIND, cycle, loaded_end_s, at_s))
    return _with_counts(phases, round(queries_per_s * duration_s))


def _idle_timeline(duration_s: float, warmup_s: float, cycles_count: int) -> tuple[Phase, ...]:
    phases = [Phase(WARMUP_PHASE, IDLE_KIND, 0, 0.0, warmup_s)]
    length_s = (duration_s - warmup_s) / cycles_count
    for cycle in range(1, cycles_count + 1):
        start_s = phases[-1].end_s
        phases.append(Phase(f"idle-{cycle}", IDLE_KIND, cycle, start_s, start_s + length_s))
    return tuple(phases)


def _warmup(kinds: Sequence[str], warmup_s: float) -> Phase:
    """All kinds side by side, so that what is paid once is paid before the first cycle."""
    kind = kinds[0] if len(kinds) == 1 else MIXED_KIND
    return Phase(WARMUP_PHASE, kind, 0, 0.0, warmup_s, kinds=tuple(kinds))


def _block_lengths(kinds: Sequence[str], cycles_count: int, rng: random.Random) -> dict[tuple[str, int], float]:
    """Relative loaded lengths: random from block to block, the same in all for each kind."""
    lengths: dict[tuple[str, int], float] = {}
    for kind in kinds:
        drawn = [1 + LENGTH_JITTER * rng.uniform(-1, 1) for _ in range(cycles_count)]
        for cycle, length in enumerate(drawn, start=1):
            lengths[kind, cycle] = length * cycles_count / sum(drawn)
    return lengths


def _with_counts(phases: Sequence[Phase], queries_count: int) -> tuple[Phase, ...]:
    """The phases with ``queries_count`` shared out by loaded time; rounding never changes the sum."""
    loaded_s = sum(phase.length_s for phase in phases if not phase.is_idle)
    counted: list[Phase] = []
    before_s, given = 0.0, 0
    for phase in phases:
        if phase.is_idle:
            counted.append(phase)
            continue
        before_s += phase.length_s
        until_now = round(queries_count * before_s / loaded_s)
        counted.append(
            Phase(
                phase.phase,
                phase.kind,
                phase.cycle,
                phase.start_s,
                phase.end_s,
                until_now - given,
                phase.kinds,
            )
        )
        given = until_now
    return tuple(counted)


def planned_precision(
    phases: Sequence[Phase], noise_bytes2_s: float = REFERENCE_NOISE_BYTES2_S
) -> tuple[PlannedPrecision, ...]:
    """For each kind, SE(β) = sqrt(ω² / (T · Var(R⊥))) after the warm-up, R⊥ = its cumulative count residual on 1, t and
    the other kinds' counts (analysis-methods, 3.4). Infinite where the plan cannot tell the kind apart.

    ``noise_bytes2_s`` is the long-run variance ω² of the memory, in bytes² · s.
    """
    cycles = [phase for phase in phases if phase.phase != WARMUP_PHASE]
    if not cycles:
        return ()
    start_s, end_s = cycles[0].start_s, cycles[-1].end_s
    times = [start_s + (end_s - start_s) * index / (_GRID_COUNT - 1) for index in range(_GRID_COUNT)]
    kinds = tuple(dict.fromkeys(kind for phase in cycles for kind in phase.kinds))
    counts = {kind: [_cumulative(cycles, kind, time_s) for time_s in times] for kind in kinds}
    return tuple(_precision(kind, cycles, counts, times, noise_bytes2_s) for kind in kinds)


def _precision(
    kind: str,
    cycles: Sequence[Phase],
    counts: dict[str, list[float]],
    times: Sequence[float],
    noise_bytes2_s: float,
) -> PlannedPrecision:
    others = [[1.0] * len(times), list(times), *(column for other, column in counts.items() if other != kind)]
    alone = _variance(_residual(counts[kind], [others[0]]))
    left = _variance(_residual(counts[kind], others))
    blocks = [phase for phase in cycles if phase.kind == kind and phase.queries_count > 0]
    identified = left > 1e-9 * alone
    return PlannedPrecision(
        kind=kind,
        queries_count=sum(phase.queries_count for phase in blocks),
        cycles_count=len(blocks),
        vif=alone / left if identified else math.inf,
        standard_error_bytes=math.sqrt(noise_bytes2_s / ((times[-1] - times[0]) * left)) if identified else math.inf,
    )


def _cumulative(phases: Sequence[Phase], kind: str, time_s: float) -> float:
    """Queries of ``kind`` planned to have started by ``time_s``; kinds of one phase share it equally."""
    return sum(
        phase.queries_count / len(phase.kinds) * min(max((time_s - phase.start_s) / phase.length_s, 0.0), 1.0)
        for phase in phases
        if kind in phase.kinds
    )


def _residual(column: Sequence[float], others: Sequence[Sequence[float]]) -> list[float]:
    """What of ``column`` no combination of ``others`` explains: modified Gram-Schmidt, twice for its rounding."""
    basis: list[list[float]] = []
    for other in others:
        scale = math.sqrt(_dot(other, other)) or 1.0
        rest = _without(_without(list(other), basis), basis)
        length = math.sqrt(_dot(rest, rest))
        if length > 1e-9 * scale:
            basis.append([value / length for value in rest])
    return _without(_without(list(column), basis), basis)


def _without(column: list[float], basis: Sequence[Sequence[float]]) -> list[float]:
    for direction in basis:
        share = _dot(column, direction)
        column = [value - share * unit for value, unit in zip(column, direction, strict=True)]
    return column


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _variance(residual: Sequence[float]) -> float:
    return _dot(residual, residual) / len(residual)
