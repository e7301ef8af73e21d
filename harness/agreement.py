"""What other metrics say against the memory held, and how much the observer itself grew."""

from __future__ import annotations

from collections.abc import Mapping

from harness.analysis.facts import Facts
from harness.analysis.several import holm
from harness.model import Role, Shape, Unit
from harness.recorded import Series, role_metric
from harness.units import format_bytes, format_rate_per_min
from harness.verdict import Disagreement, SelfGrowth

_ADVISORY_ALPHA = 0.01
_SELF_LIMIT_BYTES_PER_H = 30e6 * 60.0
"""A harness, generator or mock that certainly grows faster than this makes the run invalid."""
_INNER = ("heap_used_bytes", "heap_total_bytes", "external_bytes", "array_buffers_bytes")


def disagreements(
    series: Mapping[str, Series], primary_name: str, facts: Facts, others: Mapping[str, Facts]
) -> tuple[Disagreement, ...]:
    """Byte counts of the target that tell another story than the memory held, certain over all of them together."""
    growth = facts.growth
    if growth is None:
        return ()
    judged = [
        (name, f.growth)
        for name, f in others.items()
        if f.growth is not None and series[name].role is Role.TARGET and series[name].unit is Unit.BYTES
    ]
    chances = [g.chance_of_none() for _, g in judged]
    rejected = holm(chances, _ADVISORY_ALPHA)
    held = max(growth.at_end.high or 0.0, 0.0)
    held_grows = growth.certain.low is not None and growth.certain.low > 0.0
    out = []
    for (name, g), grows in zip(judged, rejected, strict=True):
        low, estimate = g.certain.low, g.certain.estimate
        if grows and low is not None and estimate is not None and low > held and estimate > 2.0 * held:
            rate = format_rate_per_min(estimate * 3600.0)
            other = f"grows at most {format_rate_per_min(held * 3600.0)}" if held_grows else "does not grow"
            out.append(Disagreement(name, f"grows {rate} while the memory held {other}"))
        elif g.level > 1.2 * growth.level > 0.0 and series[name].column in _INNER:
            says = f"counts {format_bytes(g.level)} while the memory held is {format_bytes(growth.level)}"
            out.append(Disagreement(name, says))
    inner = [(name, g) for name, g in judged if series[name].column in _INNER]
    flat = all((g.at_end.high or 0.0) < 0.3 * (growth.at_end.estimate or 0.0) for _, g in inner)
    if inner and held_grows and flat and facts.form.shape is not Shape.PLATEAU:
        rate = format_rate_per_min((growth.at_end.estimate or 0.0) * 3600.0)
        says = (
            f"grows {rate} while {', '.join(name for name, _ in inner)} do not: suspect the allocator "
            "or fragmentation; repeat with MALLOC_ARENA_MAX=2 or another allocator, growth that vanishes was not a leak"
        )
        out.append(Disagreement(primary_name, says))
    return tuple(out)


def self_growth(series: Mapping[str, Series], facts: Mapping[str, Facts]) -> SelfGrowth:
    """Growth per hour of the memory that each of them holds."""

    def rate(role: Role) -> float | None:
        metric = role_metric(role, series)
        growth = facts[metric].growth if metric is not None and metric in facts else None
        return None if growth is None or growth.at_end.estimate is None else growth.at_end.estimate * 3600.0

    return SelfGrowth(rate(Role.HARNESS), rate(Role.GENERATOR), rate(Role.MOCK))


def grown_observers(series: Mapping[str, Series], facts: Mapping[str, Facts]) -> tuple[str, ...]:
    """Reasons not to trust a run whose harness, generator or mock certainly grew fast."""
    reasons = []
    for role in (Role.HARNESS, Role.GENERATOR, Role.MOCK):
        metric = role_metric(role, series)
        growth = facts[metric].growth if metric is not None else None
        low = growth.certain.low if growth is not None else None
        if low is not None and low * 3600.0 > _SELF_LIMIT_BYTES_PER_H:
            reasons.append(f"the {role.value} itself grew by at least {format_rate_per_min(low * 3600.0)}")
    return tuple(reasons)
