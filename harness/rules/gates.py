"""The gates on memory: limit, value and interval of each, and what they come to together."""

from __future__ import annotations

import numpy as np

from harness.analysis.facts import Facts
from harness.analysis.kinds import Part
from harness.model import Interval, Outcome
from harness.rules.circumstances import Circumstances, growth_limits
from harness.rules.figures import held_back_per_h
from harness.units import S_PER_H, format_bytes, format_rate_per_min, format_whole_bytes
from harness.verdict import GateResult

SETTLING_SHARE, MOST_SETTLING_BYTES = 0.05, 64 * 2**20
"""Growth of a process that began with the run cannot fail it while it adds up to less than this share of the memory
held: a process that keeps nothing takes that much until its allocator and pools have found their size. Measured over
42 fixed backends, judged from their 20th second to their 150th: at most 2.2 % was certain growth; of the slightest
real leak among as many leaking ones, 15 %."""
YOUNG_HEAP_BYTES, YOUNG_HEAP_AT_ONCE_BYTES, YOUNG_HEAP_BYTES_PER_S = 32 * 2**20, 8 * 2**20, 0.2 * 2**20
"""Nor while it adds up to less than this, whatever its size: a heap that began small finds its own (V8's two
semi-spaces alone take 32 MiB) and caches fill, at a steady pace for as long as a short soak looks. Queries of a kind
are held to it unless others certainly leave less, for heap and caches serve all. Measured on a clean Node.js service
with a cache of 15 MB (``benchmarks/young_services.py``): without it 5 of 6 soaks of one to three minutes failed; at
most 12 MB were certain growth after 40 s, 17 MB after 110."""
COLLECTED_WITHIN_S = 120.0
"""A heap that is collected in time holds as much garbage as its runtime lets it (Go: as much again as is live, and no
longer than this): what becomes live counts with its garbage, and the garbage beside what lived already is held to less
in a run that is longer than this. Measured on a clean Go service with a cache of 15 MB
(``benchmarks/young_services.py``): without it 3 of 24 looks failed, up to 45 MB were certain growth after 20 s."""
SETTLING_S = 3600.0
"""What goes on for longer is held to so much less."""
FINE_BYTES_PER_H = 0.05e6 * 60.0
"""A limit below this has no digits left in megabytes a minute."""
_LONGEST_NEED = 30.0
"""More than so many times the run's length is not worth saying as a time."""


def judge_gates(facts: Facts, circumstances: Circumstances) -> tuple[GateResult, ...]:
    """Every gate that the limits ask for, on the primary metric."""
    limits, growth = circumstances.limits, facts.growth
    hour, query = growth_limits(limits)
    gates = []
    if hour is not None:
        interval = held_back_per_h(growth, growth.certain, circumstances) if growth is not None else Interval()
        if may_be_none(facts, circumstances):
            interval = reaching_none(interval)
        gates.append(_gate("max_growth", "bytes_per_h", hour, interval))
    asked = limits.max_growth_bytes_per_query is not None
    parts = growth.parts if growth is not None else ()
    if query is not None:
        certain = certain_by_kind(facts, circumstances)
        reasons = {part.kind: part.reason for part in parts}
        gates += [
            _gate("max_growth_per_query", "bytes_per_query", query, interval, kind, reasons[kind])
            for kind, interval in certain.items()
        ]
        if asked and not certain:
            reason = "no load.csv or no completed query: growth per query cannot be judged"
            if growth is None:
                reason = "too few samples"
            gates.append(_gate("max_growth_per_query", "bytes_per_query", query, Interval(), reason=reason))
    if limits.max_memory_bytes is not None:
        limit = limits.max_memory_bytes
        peak = facts.peak if facts.samples else None
        gates.append(_gate("max_memory", "bytes", (limit, limit), Interval(peak, peak, peak)))
    return tuple(gates)


def certain_by_kind(facts: Facts, circumstances: Circumstances) -> dict[str, Interval]:
    """Bytes that a query of each kind certainly leaves, at the confidence that gates ask for."""
    parts = facts.growth.parts if facts.growth is not None else ()
    return {part.kind: _certain_per_query(part, facts, circumstances) for part in parts if part.count > 0}


def _certain_per_query(part: Part, facts: Facts, circumstances: Circumstances) -> Interval:
    """Where the plan does not show it, all growth bounds it from above."""
    if part.reason is not None:
        growth, plan = facts.growth, facts.plan
        length_s = plan.loaded_s if plan is not None else 0.0
        high = growth.certain.high if growth is not None else None
        bound = None if high is None or part.count <= 0 or length_s <= 0 else max(high, 0.0) * length_s / part.count
        return Interval(None, None, bound, part.certain.confidence)
    if not _borne_out(part, facts) or _may_be_settling(part, facts, circumstances):
        return reaching_none(part.certain)
    return part.certain


def _borne_out(part: Part, facts: Facts) -> bool:
    """Whether growth with queries of a kind lasts, comes from queries that completed, and is not taken back within the
    run by what is fitted beside it."""
    undone = facts.growth is not None and facts.growth.undone
    return part.lasting and not mostly_failed(part) and not undone


def is_settling(facts: Facts, circumstances: Circumstances) -> bool:
    """Whether all certain growth is no more than what heap and caches of such a target may take."""
    usual = settling_bytes(facts, circumstances)
    if facts.growth is None or usual <= 0.0:
        return False
    low = held_back_per_h(facts.growth, facts.growth.certain, circumstances).low
    return low is not None and low * facts.length_s / S_PER_H < usual


def may_be_none(facts: Facts, circumstances: Circumstances) -> bool:
    """Whether certain growth may be none that lasts: a target that settles, or one that nobody has used, which says
    nothing about use and is at its very beginning."""
    return circumstances.unused or is_settling(facts, circumstances)


def _may_be_settling(part: Part, facts: Facts, circumstances: Circumstances) -> bool:
    """Whether what queries of a kind left may be that: all of it, or what is more than another kind certainly left.
    Garbage that waits in a heap is of every kind as much as it makes."""
    growth, own = facts.growth, part.certain.low
    if own is None or growth is None:
        return False
    if is_settling(facts, circumstances):
        if not circumstances.young or circumstances.heap_limit_bytes is not None:
            return True
        others = [p.certain.high for p in growth.parts if p.kind != part.kind and p.count > 0 and p.reason is None]
        common = min((high for high in others if high is not None), default=own)
        own -= max(common, 0.0)
    return circumstances.young and own * part.count < _settling_share_bytes(facts)


def reaching_none(interval: Interval) -> Interval:
    """``interval``, which may also be no growth at all."""
    low = None if interval.low is None else min(interval.low, 0.0)
    return Interval(interval.estimate, low, interval.high, interval.confidence)


def _gate(
    name: str,
    unit: str,
    bounds: tuple[float, float],
    interval: Interval,
    kind: str | None = None,
    reason: str | None = None,
) -> GateResult:
    fail_above, limit = bounds
    outcome = Outcome.INCONCLUSIVE
    if interval.low is not None and interval.low > fail_above:
        outcome = Outcome.FAIL
    elif interval.high is not None and interval.high < limit:
        outcome = Outcome.PASS
    low, high = interval.low, interval.high
    return GateResult(
        name, unit, limit, fail_above, interval.estimate, low, high, interval.confidence, outcome, kind, reason
    )


def mostly_failed(part: Part) -> bool:
    """Whether more queries of a kind failed than completed: what one leaves behind then cannot be said."""
    return part.failed > part.count


def settling_bytes(facts: Facts, circumstances: Circumstances, length_s: float | None = None) -> float:
    """What a process of this size, age and runtime may take in ``length_s`` (this run's own) and hold nothing for good;
    0 where that is nothing."""
    if facts.growth is None:
        return 0.0
    length_s = max(facts.length_s if length_s is None else length_s, 1.0)
    share, live_bytes = circumstances.garbage_share, 0.0
    if circumstances.young:
        young_bytes = min(YOUNG_HEAP_BYTES, YOUNG_HEAP_AT_ONCE_BYTES + YOUNG_HEAP_BYTES_PER_S * length_s)
        live_bytes = max(young_bytes * min(1.0, SETTLING_S / length_s), _settling_share_bytes(facts))
    garbage_bytes = share * max(facts.growth.level, 0.0) * min(1.0, COLLECTED_WITHIN_S / length_s)
    return max(live_bytes / (1.0 - share) + garbage_bytes, circumstances.heap_limit_bytes or 0.0)


def outgrown_after_s(facts: Facts, circumstances: Circumstances, growth_per_s: float) -> float | None:
    """How long this run would have to be for ``growth_per_s`` to add up to more than ``settling_bytes``, to 2 %; None
    if that is out of reach."""
    lengths_s = facts.length_s * np.geomspace(1.0, _LONGEST_NEED, 172)
    enough = (s for s in lengths_s.tolist() if growth_per_s * s >= settling_bytes(facts, circumstances, s))
    return next(enough, None)


def _settling_share_bytes(facts: Facts) -> float:
    level = facts.growth.level if facts.growth is not None else 0.0
    return min(SETTLING_SHARE * max(level, 0.0), MOST_SETTLING_BYTES)


def longer_s(gate: GateResult, length_s: float) -> float | None:
    """How much longer the run had to be for ``gate`` to be decided, None if that is out of reach.

    The half-width of an interval of a slope shrinks with length to the power 1.5 (study, section 2.1).
    """
    if gate.outcome is not Outcome.INCONCLUSIVE or gate.value is None or gate.high is None or gate.low is None:
        return None
    distances = [
        (room, half)
        for room, half in (
            (gate.limit - gate.value, gate.high - gate.value),
            (gate.value - gate.fail_above, gate.value - gate.low),
        )
        if room > 0.0 and half > 0.0
    ]
    if not distances:
        return None
    factor = min((half / room) ** (2.0 / 3.0) for room, half in distances) * 1.1
    return (factor - 1.0) * length_s if 1.0 < factor < _LONGEST_NEED else None


def sentence(gate: GateResult) -> str:
    """One gate in words, with its limit, value and interval."""
    what = {"max_growth": "growth", "max_growth_per_query": "growth per query", "max_memory": "peak memory"}[gate.name]
    if gate.kind is not None:
        what = f"{what} of kind {gate.kind}"
    limit = _limit(gate.fail_above if gate.outcome is Outcome.FAIL else gate.limit, gate.unit)
    if gate.low is None and gate.high is None:
        return f"{what} is not known (limit {limit})" + (f": {gate.reason}" if gate.reason else "")
    amount = _fine_amount if gate.unit == "bytes_per_h" and gate.limit < FINE_BYTES_PER_H else _amount
    value = "at most " + amount(gate.high, gate.unit) if gate.value is None else amount(gate.value, gate.unit)
    spread = ""
    if gate.low is not None and gate.low != gate.high:
        level = "" if gate.confidence is None else f"{100 * gate.confidence:.3g} %: "
        spread = f" ({level}{amount(gate.low, gate.unit)} to {amount(gate.high, gate.unit)})"
    relation = {Outcome.FAIL: "above", Outcome.PASS: "below", Outcome.INCONCLUSIVE: "neither certainly above nor below"}
    return f"{what} of {value}{spread} is {relation[gate.outcome]} the limit of {limit}"


def _limit(value: float, unit: str) -> str:
    if unit == "bytes_per_h":
        return _fine_amount(value, unit) if value < FINE_BYTES_PER_H else format_rate_per_min(value)
    return (format_whole_bytes(value) or format_bytes(value)) + ("/query" if unit == "bytes_per_query" else "")


def _fine_amount(value: float | None, _unit: str) -> str:
    return "unknown" if value is None else f"{format_bytes(value / 60.0)}/min"


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "unknown"
    if unit == "bytes_per_h":
        return format_rate_per_min(value)
    return format_bytes(value) + ("/query" if unit == "bytes_per_query" else "")
