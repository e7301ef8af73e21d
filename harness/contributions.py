"""What each switch of a target contributes to its growth: the base less the runs with that switch thrown, ranked.

A switch is thrown alone, with all else as it was, so contributions need not add up to the whole: a fault that doubles
what another retains is counted with it in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.analysis.compare import Change, compare
from harness.comparison import Measured, share
from harness.model import Interval, Outcome
from harness.rules.circumstances import DEFAULT_FAIL_BYTES_PER_H
from harness.units import format_bytes, format_rate_per_min

_WORTH_A_WORD = 0.1
"""Traffic, swing, collections or processor time that changes by a tenth is worth a word."""


@dataclass(frozen=True, slots=True)
class _Cost:
    """A field of ``Measured``: how to name so much of it, and from how much on it counts at all."""

    name: str
    words: Callable[[float], str]
    fewest: float = 0.0


_COSTS = (
    _Cost("sent_per_query", lambda saved: f"{format_bytes(saved)} of traffic a query", fewest=1000.0),
    _Cost("swing_bytes", lambda saved: f"{format_bytes(saved)} that come and go"),
    _Cost("collections_per_query", lambda saved: f"{saved:.2g} garbage collections a query"),
    _Cost("cpu_s_per_query", lambda saved: f"{saved * 1000.0:.1f} ms of processor time a query"),
)


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
    collections_per_query: float | None
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
            "collections_per_query": self.collections_per_query,
            "says": self.says,
        }


def contributions(base: Sequence[Measured], thrown: Mapping[str, Sequence[Measured]]) -> tuple[Contribution, ...]:
    """Every switch, the largest contribution first; those without a known growth are left out."""
    valid = _valid(base)
    found = [one for name, runs in thrown.items() if (one := _contribution(name, valid, _valid(runs))) is not None]
    found.sort(key=lambda one: -(one.growth_per_h.estimate or 0.0))
    return tuple(replace(one, rank=rank) for rank, one in enumerate(found, start=1))


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
    saved = {cost.name: _saved(base, runs, cost.name) for cost in _COSTS}
    says = _says(negated, found.removed, found.change, _others(base, saved))
    return Contribution(
        name,
        0,
        negated,
        found.removed,
        found.change,
        saved["sent_per_query"],
        saved["swing_bytes"],
        saved["cpu_s_per_query"],
        saved["collections_per_query"],
        says,
    )


def _saved(base: Sequence[Measured], runs: Sequence[Measured], name: str) -> float | None:
    before, after = _mean(base, name), _mean(runs, name)
    return None if before is None or after is None else before - after


def _mean(runs: Sequence[Measured], name: str) -> float | None:
    known = [value for run in runs if (value := getattr(run, name)) is not None]
    return sum(known) / len(known) if known else None


def _others(base: Sequence[Measured], saved: Mapping[str, float | None]) -> list[str]:
    """What else a switch saves, where that is worth a word."""
    words = []
    for cost in _COSTS:
        less, whole = saved[cost.name], _mean(base, cost.name)
        if less is not None and whole is not None and less > max(cost.fewest, _WORTH_A_WORD * whole):
            words.append(cost.words(less))
    return words


def _says(growth: Interval, removed: Interval, change: Change, others: Sequence[str]) -> str:
    costs = f"costs {_listed(others)}" if others else ""
    if change is Change.BETTER:
        part = f"{share(removed)} of the growth" if removed.estimate is not None else "growth"
        return f"contributes {part}" + (f"; {costs}" if costs else "")
    if change is Change.WORSE:
        return "more grows without it"
    most = max(growth.high or 0.0, 0.0)
    none = f"no certain growth (at most {format_rate_per_min(most)})"
    return f"{costs}, but {none}" if costs else none


def _listed(words: Sequence[str]) -> str:
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last
