"""What each switch of a target contributes to its growth: the base less the runs with that switch thrown, ranked.

A switch is thrown alone, with all else as it was, so contributions need not add up to the whole: a fault that doubles
what another retains is counted with it in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.compare import Change, compare
from harness.comparison import Measured, share
from harness.model import Interval, Outcome
from harness.rules import DEFAULT_FAIL_BYTES_PER_H
from harness.units import format_bytes, format_rate_per_min

_WORTH_A_WORD = 0.1
"""Traffic, swing or processor time that changes by a tenth is worth a word."""
_FEWEST_SENT_BYTES = 1000.0


@dataclass(frozen=True, slots=True)
class Contribution:
    """One switch: how much less grows with it, per hour (and the share of the base), and what else it saves.

    ``change`` is that of the growth with the switch thrown. The savings are base less thrown; None = not recorded.
    """

    name: str
    rank: int
    growth_per_h: Interval
    share: Interval
    change: Change
    sent_per_query: float | None
    swing_bytes: float | None
    cpu_s_per_query: float | None
    says: str

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "rank": self.rank,
            "growth_bytes_per_h": self.growth_per_h.to_json(),
            "share_ratio": self.share.to_json(),
            "change": self.change.value,
            "sent_bytes_per_query": self.sent_per_query,
            "swing_bytes": self.swing_bytes,
            "cpu_s_per_query": self.cpu_s_per_query,
            "says": self.says,
        }


def contributions(base: Sequence[Measured], thrown: Mapping[str, Sequence[Measured]]) -> tuple[Contribution, ...]:
    """Every switch, the largest contribution first; those without a known growth are left out."""
    valid = _valid(base)
    found = [one for name, runs in thrown.items() if (one := _contribution(name, valid, _valid(runs))) is not None]
    found.sort(key=lambda one: -(one.growth_per_h.estimate or 0.0))
    return tuple(
        Contribution(
            one.name, rank, one.growth_per_h, one.share, one.change, one.sent_per_query, one.swing_bytes,
            one.cpu_s_per_query, one.says,
        )
        for rank, one in enumerate(found, start=1)
    )  # fmt: skip


def _valid(runs: Sequence[Measured]) -> Sequence[Measured]:
    """The valid ones, where there are any; an invalid run's figures are better than none."""
    return [run for run in runs if run.verdict.outcome is not Outcome.INVALID] or runs


def _contribution(name: str, base: Sequence[Measured], runs: Sequence[Measured]) -> Contribution | None:
    growths = [[run.verdict.memory.growth_per_h for run in side] for side in (base, runs)]
    found = compare(growths[0], growths[1], DEFAULT_FAIL_BYTES_PER_H)
    if found is None:
        return None
    d = found.difference
    negated = Interval(
        None if d.estimate is None else -d.estimate,
        None if d.high is None else -d.high,
        None if d.low is None else -d.low,
        d.confidence,
    )
    sent = _saved(base, runs, "sent_per_query")
    swing = _saved(base, runs, "swing_bytes")
    cpu_s = _saved(base, runs, "cpu_s_per_query")
    others = _others(base, sent, swing, cpu_s)
    says = _says(negated, found.removed, found.change, others)
    return Contribution(name, 0, negated, found.removed, found.change, sent, swing, cpu_s, says)


def _saved(base: Sequence[Measured], runs: Sequence[Measured], name: str) -> float | None:
    before, after = _mean(base, name), _mean(runs, name)
    return None if before is None or after is None else before - after


def _mean(runs: Sequence[Measured], name: str) -> float | None:
    known = [value for run in runs if (value := getattr(run, name)) is not None]
    return sum(known) / len(known) if known else None


def _others(base: Sequence[Measured], sent: float | None, swing: float | None, cpu_s: float | None) -> list[str]:
    """What else a switch saves, where that is worth a word."""

    def matters(saved: float | None, name: str) -> bool:
        whole = _mean(base, name)
        return saved is not None and whole is not None and saved > _WORTH_A_WORD * whole

    out = []
    if sent is not None and sent > _FEWEST_SENT_BYTES and matters(sent, "sent_per_query"):
        out.append(f"{format_bytes(sent)} of traffic a query")
    if swing is not None and matters(swing, "swing_bytes"):
        out.append(f"{format_bytes(swing)} that come and go")
    if cpu_s is not None and matters(cpu_s, "cpu_s_per_query"):
        out.append(f"{cpu_s * 1000.0:.1f} ms of processor time a query")
    return out


def _says(growth: Interval, removed: Interval, change: Change, others: Sequence[str]) -> str:
    costs = f"costs {' and '.join(others)}" if others else ""
    if change is Change.BETTER:
        part = f"{share(removed)} of the growth" if removed.estimate is not None else "growth"
        return f"contributes {part}" + (f"; {costs}" if costs else "")
    if change is Change.WORSE:
        return "more grows without it"
    most = max(growth.high or 0.0, 0.0)
    none = f"no certain growth (at most {format_rate_per_min(most)})"
    return f"{costs}, but {none}" if costs else none
