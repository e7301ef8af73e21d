"""Facts as the figures that a verdict prints, in bytes per hour and per query."""

from __future__ import annotations

from harness.analysis.facts import Facts
from harness.analysis.growth import Growth
from harness.model import Interval
from harness.rules.circumstances import Circumstances
from harness.units import S_PER_H
from harness.verdict import Forecast, KindFigures, MetricFigures

NORMAL_95 = 1.96
STRONG_ADVANTAGE, FAIR_ADVANTAGE = 6.0, 2.0
"""Of a trend over part of a slow cycle, as a difference of Schwarz's criteria: "strong" and "positive" (Kass and
Raftery 1995, JASA 90:773). For the trend: asked of one that turns, before it may fail, and of a straight one, before it
may pass. For the cycle: a straight trend is denied, and a bent one, for a bend is what a cycle looks like."""


def per_h(interval: Interval) -> Interval:
    return interval.scaled(S_PER_H)


def figures(metric: str, unit: str, facts: Facts, circumstances: Circumstances) -> MetricFigures:
    """The figures of one metric as the verdict prints them."""
    growth, levels = facts.growth, facts.levels
    saw = levels.sawtooth if levels is not None else None
    unknown = Interval()
    return MetricFigures(
        metric=metric,
        unit=unit,
        shape=facts.form.shape,
        growth_per_h=held_back_per_h(growth, growth.at_end, circumstances) if growth else unknown,
        growth_per_query=growth.per_query if growth else unknown,
        growth_time_per_h=per_h(growth.time) if growth else unknown,
        growth_at_production_per_h=at_production(facts, circumstances),
        detectable_per_h=growth.detectable * S_PER_H if growth else None,
        sawtooth_period_s=saw.period_s if saw else None,
        sawtooth_amplitude=saw.amplitude if saw else None,
        collections_count=saw.collections if saw else None,
        plateau_level=facts.form.plateau_level,
        time_constant_s=facts.form.time_constant_s,
        onset_s=facts.form.onset_s,
        peak=facts.peak if facts.samples else None,
        samples_count=facts.samples,
        levels_count=levels.count if levels else 0,
        levels_are=levels.kind.value if levels else None,
        facts=growth.facts if growth else None,
        autocorrelation=growth.phi if growth else None,
    )


def held_back(growth: Growth, interval: Interval, *, young: bool = False) -> Interval:
    """The interval widened by what the end of the run does not settle.

    Its low end comes down to what is left once warm-up terms have died out, and its high end up to none, because a
    warm-up that is taken for too slow a one makes the line beside it fall; where growth of a ``young`` process abates,
    the low end is what its second half alone shows; where what rose was taken back within the run, it holds what was
    left over; where the trend turned within the run, so that its end may be part of a slow cycle, it holds the mean
    slope of the whole run as well, and where a slow cycle without any growth explains the run better than the trend,
    none.
    """
    low, high = interval.low, interval.high
    if low is None or high is None:
        return interval
    if growth.warming and growth.lasting.low is not None:
        low, high = min(low, growth.lasting.low), max(high, 0.0)
    half = growth.second_half
    if young and half is not None and half.abates and interval.estimate is not None:
        low = min(low, max(half.low, 0.0) * interval.estimate)
    if growth.undone:
        low = min(low, max(growth.net_slope, 0.0))
    if growth.turns:
        low, high = min(low, growth.mean_slope), max(high, growth.mean_slope)
    denied = growth.advantage < -(FAIR_ADVANTAGE if growth.bent else STRONG_ADVANTAGE)
    if denied or (growth.turns and growth.advantage < STRONG_ADVANTAGE):
        low, high = min(low, 0.0), max(high, 0.0)
    return Interval(interval.estimate, low, high, interval.confidence)


def held_back_per_h(growth: Growth, interval: Interval, circumstances: Circumstances) -> Interval:
    """``held_back`` as this run asks for it, per hour."""
    return per_h(held_back(growth, interval, young=circumstances.young))


def at_production(facts: Facts, circumstances: Circumstances) -> Interval:
    """Growth per hour at the plan's production rate: time's part as it is, use's part at that rate."""
    growth, plan = facts.growth, facts.plan
    if growth is None:
        return Interval()
    driven_per_h = float(plan.rates_per_s.sum()) * S_PER_H if plan is not None else 0.0
    wanted_per_h = circumstances.production_queries_per_h
    if wanted_per_h is None:
        wanted_per_h = driven_per_h / circumstances.speedup
    if driven_per_h <= 0.0:
        same = circumstances.production_queries_per_h is None and circumstances.speedup == 1.0
        return per_h(growth.at_end) if same else Interval()
    return per_h(growth.mixed(wanted_per_h / driven_per_h))


def kind_figures(facts: Facts, drained: dict[str, Interval]) -> tuple[KindFigures, ...]:
    growth = facts.growth
    if growth is None:
        return ()
    return tuple(
        KindFigures(part.kind, part.per_query, part.count, part.reason, drained.get(part.kind)) for part in growth.parts
    )


def idle_per_h(facts: Facts, circumstances: Circumstances) -> Interval | None:
    """Growth per hour with time alone, where at least two idle phases show it."""
    if facts.growth is None or facts.levels is None or circumstances.idle_phases < 2:
        return None
    if facts.plan is not None:
        return per_h(facts.growth.time)
    idle = facts.levels.idle  # without load.csv the fit cannot take use from time, but idle phases still can
    if idle is None:
        return None
    half = NORMAL_95 * idle.error
    return per_h(Interval(idle.slope, idle.slope - half, idle.slope + half, 0.95))


def forecast(facts: Facts, circumstances: Circumstances) -> Forecast:
    """Hours until the memory limit from the level at the end; an end that is not coming is None."""
    limit = circumstances.memory_limit_bytes
    growth, levels = facts.growth, facts.levels
    if limit is None or growth is None or levels is None:
        return Forecast(limit)
    room = limit - max(float(growth.fitted[-1]), float(levels.y[-1]))
    return Forecast(
        limit,
        _hours(room, held_back_per_h(growth, growth.at_end, circumstances)),
        _hours(room, at_production(facts, circumstances)),
    )


def _hours(room: float, rate: Interval) -> Interval:
    def until(value: float | None) -> float | None:
        if value is None or (value <= 0.0 and room > 0.0):
            return None
        return max(room, 0.0) / value if room > 0.0 else 0.0

    return Interval(until(rate.estimate), until(rate.high), until(rate.low), rate.confidence)
