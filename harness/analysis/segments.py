"""Where a series may be read as one: pieces between restarts, phases of load, and the time that counts as loaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.regression import Floats

SMALLEST_SHARE = 0.08
"""A piece shorter than this share of the longest carries no information worth its intercept (study, section 3.2 step
1)."""
TRIM_SHARE = 0.10
"""Start of every piece that is left out by policy; the rest of a warm-up is modelled (step 4)."""
LONGEST_WARMUP_SHARE = 0.4
"""A warm-up phase longer than this is no warm-up; only the policy trim applies."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the load plan, ``[start_s, end_s)``; ``kind`` is ``idle`` where nothing is driven."""

    name: str
    kind: str
    cycle: int | None
    start_s: float
    end_s: float
    idle: bool
    drain: bool = False
    warmup: bool = False

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def loaded(self) -> bool:
        """Whether queries are driven in it, warm-up apart."""
        return not (self.idle or self.drain or self.warmup)


def pieces(t_s: Floats, cuts_s: list[float]) -> NDArray[np.int64]:
    """Number of the piece that each of n ascending times lies in, -1 in a piece too short to use."""
    index = np.searchsorted(np.array(sorted(cuts_s), dtype=np.float64), t_s, side="right").astype(np.int64)
    if t_s.size == 0:
        return index
    lengths = {int(k): float(np.ptp(t_s[index == k])) for k in np.unique(index)}
    longest = max(lengths.values())
    kept = [k for k, length in lengths.items() if length >= SMALLEST_SHARE * longest]
    out = np.full(t_s.size, -1, dtype=np.int64)
    for number, k in enumerate(kept):
        out[index == k] = number
    return out


def settled(t_s: Floats, piece: NDArray[np.int64], warmup_end_s: float | None = None) -> NDArray[np.bool_]:
    """Which of n times lie in a piece and after its start-up."""
    keep = piece >= 0
    for number in np.unique(piece[keep]):
        inside = t_s[piece == number]
        first, last = float(inside[0]), float(inside[-1])
        until = first + TRIM_SHARE * (last - first)
        if warmup_end_s is not None and first <= warmup_end_s <= first + LONGEST_WARMUP_SHARE * (last - first):
            until = max(until, warmup_end_s)
        if np.count_nonzero(inside >= until) >= min(8, inside.size):
            keep &= ~((piece == number) & (t_s < until))
    return keep


def quiet_spans(phases: tuple[Phase, ...], shortest_s: float = 0.0) -> list[tuple[float, float]]:
    """Spans in which nothing is driven and what use held for a while has gone: the later half of drains and idle
    phases.

    Drains and idle phases that touch are one stretch; halves under ``shortest_s`` are left out. Empty without load.
    """
    if not any(phase.loaded for phase in phases):
        return []
    stretches: list[tuple[float, float]] = []
    for phase in sorted((p for p in phases if p.drain or p.idle), key=lambda p: p.start_s):
        if stretches and phase.start_s <= stretches[-1][1] + 0.25:
            stretches[-1] = (stretches[-1][0], max(stretches[-1][1], phase.end_s))
        else:
            stretches.append((phase.start_s, phase.end_s))
    return [(0.5 * (low + high), high) for low, high in stretches if high - low > 2.0 * shortest_s]


def loaded_spans(phases: tuple[Phase, ...]) -> list[tuple[float, float]]:
    """Disjoint spans in which queries are driven: loaded phases without the drains inside them."""
    drains = [(phase.start_s, phase.end_s) for phase in phases if phase.drain]
    spans: list[tuple[float, float]] = []
    for phase in sorted((p for p in phases if p.loaded), key=lambda p: p.start_s):
        start_s = max(phase.start_s, spans[-1][1]) if spans else phase.start_s
        rest = [(start_s, phase.end_s)]
        for low, high in drains:
            rest = [part for a, b in rest for part in ((a, min(b, low)), (max(a, high), b)) if part[1] > part[0]]
        spans += [part for part in rest if part[1] > part[0]]
    return spans
