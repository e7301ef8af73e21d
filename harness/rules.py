"""The rules that turn facts into a verdict: gates, what stands in the way of certainty, and what would settle it.

Pure: facts and limits in, a ``Verdict`` out. Outcome, after the run directory's contract: invalid, else fail if any
gate fails, else inconclusive if any is (or anything stands in the way of a pass), else pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis.dictionary import DECAYING
from harness.analysis.facts import Facts
from harness.analysis.growth import Growth, Part
from harness.model import IDLE_KIND, Interval, Limits, Outcome, Shape
from harness.units import format_bytes, format_duration, format_rate_per_min
from harness.verdict import Forecast, GateResult, KindFigures, MetricFigures

S_PER_H = 3600.0
DEFAULT_FAIL_BYTES_PER_H = 0.1e6 * 60.0
DEFAULT_PASS_BYTES_PER_H = 1e6 * 60.0
DEFAULT_FAIL_BYTES_PER_QUERY = 1024.0
DEFAULT_PASS_BYTES_PER_QUERY = 4096.0
"""Limits where none is given (command line contract)."""
FEWEST_COLLECTIONS = 8
FEWEST_TIME_CONSTANTS = 10.0
"""A soak of ten time constants leaves a warm-up nothing to hide behind (study, section 0, finding 6)."""
CLEAR_ADVANTAGE = 10.0
"""Of a bent trend over part of a slow cycle, as a difference of Schwarz's criteria: "very strong" (Kass and Raftery
1995, JASA 90:773)."""
STRONG_ADVANTAGE, FAIR_ADVANTAGE = 6.0, 2.0
"""The same, "strong" and "positive". For the trend: asked of one that turns, before it may fail, and of a straight one,
before it may pass. For the cycle: a straight trend is denied, and a bent one, for a bend is what a cycle looks like."""
MOST_WANDERING = 0.25
"""Chance of a random walk with which a run may still pass."""
MATERIAL_SWING, MATERIAL_NOISE, MATERIAL_FALL = 0.1, 0.02, 0.1
"""Slow movement below these shares of what the limit allows, over the run or per hour, is not worth a word."""
SETTLING_SHARE, MOST_SETTLING_BYTES = 0.05, 64 * 2**20
"""Growth of a process that began with the run cannot fail it while it adds up to less than this share of the memory
held: a process that keeps nothing takes that much until its allocator and pools have found their size. Measured over
42 fixed backends, judged from their 20th second to their 150th: at most 2.2 % was certain growth; of the slightest
real leak among as many leaking ones, 15 %."""
_LONGEST_NEED = 30.0
"""More than so many times the run's length is not worth saying as a time."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about the run apart from its series.

    ``cut_short`` says in words why it can fail but not pass, ``invalid`` why its outcome cannot be trusted at all,
    ``young`` that the target began with the run and may still be settling.
    """

    limits: Limits
    invalid: tuple[str, ...] = ()
    cut_short: str | None = None
    retention_s: float | None = None
    speedup: float = 1.0
    production_queries_per_h: float | None = None
    memory_limit_bytes: float | None = None
    idle_phases: int = 0
    has_power: bool = True
    young: bool = False


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that forbids a pass, and how much more of the run would remove it (None: not a matter of length)."""

    says: str
    needs_s: float | None = None


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
        growth_per_h=per_h(held_back(growth, growth.at_end)) if growth else unknown,
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


def held_back(growth: Growth, interval: Interval) -> Interval:
    """The interval widened by what the end of the run does not settle.

    Its low end comes down to what is left once warm-up terms have died out, and its high end up to none, because a
    warm-up that is taken for too slow a one makes the line beside it fall; where growth abates, the low end is what its
    second half alone shows; where the trend turned within the run, so
    that its end may be part of a slow cycle, it holds the mean slope of the whole run as well, and where a slow cycle
    without any growth explains the run better than the trend, none.
    """
    low, high = interval.low, interval.high
    if low is None or high is None:
        return interval
    if growth.warming and growth.lasting.low is not None:
        low, high = min(low, growth.lasting.low), max(high, 0.0)
    half = growth.second_half
    if half is not None and half.abates and interval.estimate is not None:
        low = min(low, max(half.low, 0.0) * interval.estimate)
    if growth.turns:
        low, high = min(low, growth.mean_slope), max(high, growth.mean_slope)
    denied = growth.advantage < -(FAIR_ADVANTAGE if growth.bent else STRONG_ADVANTAGE)
    if denied or (growth.turns and growth.advantage < STRONG_ADVANTAGE):
        low, high = min(low, 0.0), max(high, 0.0)
    return Interval(interval.estimate, low, high, interval.confidence)


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
    if facts.growth is None or circumstances.idle_phases < 2:
        return None
    return per_h(facts.growth.time)


def growth_limits(limits: Limits) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """(fail above, pass below) of growth per hour and per query; None where that is not judged."""
    if limits.max_growth_bytes_per_h is None and limits.max_growth_bytes_per_query is None:
        return (
            (DEFAULT_FAIL_BYTES_PER_H, DEFAULT_PASS_BYTES_PER_H),
            (DEFAULT_FAIL_BYTES_PER_QUERY, DEFAULT_PASS_BYTES_PER_QUERY),
        )
    hour, query = limits.max_growth_bytes_per_h, limits.max_growth_bytes_per_query
    return (None if hour is None else (hour, hour)), (None if query is None else (query, query))


def judge_gates(facts: Facts, circumstances: Circumstances) -> tuple[GateResult, ...]:
    """Every gate that the limits ask for, on the primary metric."""
    limits, growth = circumstances.limits, facts.growth
    hour, query = growth_limits(limits)
    gates = []
    if hour is not None:
        interval = per_h(held_back(growth, growth.certain)) if growth is not None else Interval()
        interval = _beyond_settling(interval, facts.length_s / S_PER_H, facts, circumstances)
        gates.append(_gate("max_growth", "bytes_per_h", hour, interval))
    asked = limits.max_growth_bytes_per_query is not None
    parts = growth.parts if growth is not None else ()
    if query is not None:
        gates += [_kind_gate(query, part, facts, circumstances) for part in parts if part.count > 0]
        if asked and not any(part.count > 0 for part in parts):
            reason = "no load.csv or no completed query: growth per query cannot be judged"
            gates.append(_gate("max_growth_per_query", "bytes_per_query", query, Interval(), reason=reason))
    if limits.max_memory_bytes is not None:
        limit = limits.max_memory_bytes
        peak = facts.peak if facts.samples else None
        gates.append(_gate("max_memory", "bytes", (limit, limit), Interval(peak, peak, peak)))
    return tuple(gates)


def mostly_failed(part: Part) -> bool:
    """Whether more queries of a kind failed than completed: what one leaves behind then cannot be said."""
    return part.failed > part.count


def _kind_gate(query: tuple[float, float], part: Part, facts: Facts, circumstances: Circumstances) -> GateResult:
    """Bytes per query of a kind; where the plan does not show it, all growth bounds it from above."""
    interval = part.certain
    if part.reason is not None:
        growth, plan = facts.growth, facts.plan
        length_s = plan.loaded_s if plan is not None else 0.0
        high = growth.certain.high if growth is not None else None
        bound = None if high is None or part.count <= 0 or length_s <= 0 else max(high, 0.0) * length_s / part.count
        interval = Interval(None, None, bound, part.certain.confidence)
    elif (not part.lasting or mostly_failed(part)) and interval.low is not None:
        interval = Interval(interval.estimate, min(interval.low, 0.0), interval.high, interval.confidence)
    interval = _beyond_settling(interval, part.count, facts, circumstances)
    return _gate("max_growth_per_query", "bytes_per_query", query, interval, part.kind, part.reason)


def settling_bytes(facts: Facts, circumstances: Circumstances) -> float:
    """What a process of this size and age may take while it settles."""
    if facts.growth is None or not circumstances.young:
        return 0.0
    return min(SETTLING_SHARE * max(facts.growth.level, 0.0), MOST_SETTLING_BYTES)


def _beyond_settling(interval: Interval, amount: float, facts: Facts, circumstances: Circumstances) -> Interval:
    """``interval`` (bytes an hour, or a query), reaching down to none where so much of it over ``amount`` (hours, or
    queries) is no more than settling."""
    if interval.low is None or interval.low * amount >= settling_bytes(facts, circumstances):
        return interval
    return Interval(interval.estimate, min(interval.low, 0.0), interval.high, interval.confidence)


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


def outcome_of(gates: tuple[GateResult, ...], obstacles: list[Obstacle], invalid: tuple[str, ...]) -> Outcome:
    if invalid:
        return Outcome.INVALID
    outcomes = [gate.outcome for gate in gates]
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    if Outcome.INCONCLUSIVE in outcomes or obstacles:
        return Outcome.INCONCLUSIVE
    return Outcome.PASS


def obstacles_of(facts: Facts, gates: tuple[GateResult, ...], circumstances: Circumstances) -> list[Obstacle]:
    """What forbids a pass, worst first."""
    out: list[Obstacle] = []
    growth, levels = facts.growth, facts.levels
    if circumstances.cut_short is not None:
        out.append(Obstacle(f"{circumstances.cut_short}: such a run can fail but not pass"))
    if growth is None or levels is None:
        count = levels.count if levels is not None else 0
        out.append(Obstacle(f"too few samples to judge: {count} usable levels, at least 8 are needed"))
        return out
    if circumstances.retention_s is not None and facts.length_s < 2.0 * circumstances.retention_s:
        need_s = 2.0 * circumstances.retention_s - facts.length_s
        held = format_duration(circumstances.retention_s)
        out.append(Obstacle(f"memory held on purpose for {held} has not come round twice", need_s))
    out += _warming_up(facts, gates, growth)
    out += _settling(facts, gates, growth, circumstances)
    out += _few_collections(facts, circumstances)
    out += [
        Obstacle(f"{part.failed:.0f} of {part.failed + part.count:.0f} queries of kind {part.kind} failed")
        for part in growth.parts
        if mostly_failed(part)
    ]
    out += _unsettled(facts, growth, circumstances)
    if not circumstances.has_power:
        out.append(
            Obstacle("a leak of the size of the limit, planted into this run, is not seen: the run has no power")
        )
    if facts.form.shape is Shape.STAIRCASE and facts.form.steps_up:
        steps = facts.form.steps_up
        out.append(
            Obstacle(
                f"{steps} steps up that no recorded use explains: more steps to come cannot be ruled out",
                facts.length_s,
            )
        )
    return out


def _unsettled(facts: Facts, growth: Growth, circumstances: Circumstances) -> list[Obstacle]:
    """What the run shows of slow movement that may go on, or come back, after it."""
    hour, _ = growth_limits(circumstances.limits)
    allowed = 0.0 if hour is None else hour[1] / S_PER_H * facts.length_s
    out = []
    doubtful = growth.advantage < (CLEAR_ADVANTAGE if growth.bent else FAIR_ADVANTAGE)
    if (growth.turns or doubtful) and growth.swing > MATERIAL_SWING * allowed:
        says = "memory rose and fell too slowly for this run: part of a cycle cannot be told from a trend"
        out.append(Obstacle(says, facts.length_s))
    if growth.wanders > MOST_WANDERING and growth.noise > MATERIAL_NOISE * allowed:
        out.append(Obstacle("memory wanders without coming back to a level: any trend may be chance", facts.length_s))
    high = growth.certain.high
    if hour is not None and high is not None and high * S_PER_H < -MATERIAL_FALL * hour[1]:
        out.append(Obstacle("memory is still being given back at the end: it has not settled", facts.length_s))
    return out


def _warming_up(facts: Facts, gates: tuple[GateResult, ...], growth: Growth) -> list[Obstacle]:
    slow = [t for t in growth.terms if t.kind in DECAYING and t.parameter_s * FEWEST_TIME_CONSTANTS > facts.length_s]
    undecided = any(gate.name == "max_growth" and gate.outcome is Outcome.INCONCLUSIVE for gate in gates)
    if not slow or not undecided:
        return []
    tau_s = max(term.parameter_s for term in slow)
    need_s = FEWEST_TIME_CONSTANTS * tau_s - facts.length_s
    return [Obstacle(f"still warming up with a time constant of about {format_duration(tau_s)}", need_s)]


def _settling(
    facts: Facts, gates: tuple[GateResult, ...], growth: Growth, circumstances: Circumstances
) -> list[Obstacle]:
    """Where growth is certain, but so little or so much less towards the end that it may be no leak."""
    gate = next((gate for gate in gates if gate.name == "max_growth"), None)
    low = growth.certain.low
    if gate is None or gate.outcome is Outcome.FAIL or low is None or low * S_PER_H <= gate.fail_above:
        return []
    half = growth.second_half
    if half is not None and half.abates:
        return [Obstacle(f"growth abates: its second half adds {max(half.share, 0.0):.0%} of what the whole suggests")]
    grown, usual = low * facts.length_s, settling_bytes(facts, circumstances)
    if grown >= usual:
        return []
    says = f"certain growth adds up to {format_bytes(grown)}; a process of this size may take {format_bytes(usual)}"
    return [Obstacle(f"{says} to settle", (usual / grown - 1.0) * facts.length_s)]


def _few_collections(facts: Facts, circumstances: Circumstances) -> list[Obstacle]:
    saw = facts.levels.sawtooth if facts.levels is not None else None
    if saw is None or saw.collections >= FEWEST_COLLECTIONS:
        return []
    hour, _ = growth_limits(circumstances.limits)
    if hour is None or saw.amplitude < 0.5 * hour[1] / S_PER_H * facts.length_s:
        return []
    size = format_bytes(saw.amplitude)
    says = f"only {saw.collections} collections of {size} were seen, {FEWEST_COLLECTIONS} are needed"
    return [Obstacle(says, (FEWEST_COLLECTIONS + 1 - saw.collections) * saw.period_s)]


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


def forecast(facts: Facts, circumstances: Circumstances) -> Forecast:
    """Hours until the memory limit from the level at the end; an end that is not coming is None."""
    limit = circumstances.memory_limit_bytes
    growth, levels = facts.growth, facts.levels
    if limit is None or growth is None or levels is None:
        return Forecast(limit)
    room = limit - max(float(growth.fitted[-1]), float(levels.y[-1]))
    return Forecast(
        limit,
        _hours(room, per_h(held_back(growth, growth.at_end))),
        _hours(room, at_production(facts, circumstances)),
    )


def _hours(room: float, rate: Interval) -> Interval:
    def until(value: float | None) -> float | None:
        if value is None or (value <= 0.0 and room > 0.0):
            return None
        return max(room, 0.0) / value if room > 0.0 else 0.0

    return Interval(until(rate.estimate), until(rate.high), until(rate.low), rate.confidence)


def sentence(gate: GateResult) -> str:
    """One gate in words, with its limit, value and interval."""
    what = {"max_growth": "growth", "max_growth_per_query": "growth per query", "max_memory": "peak memory"}[gate.name]
    if gate.kind is not None:
        what = f"{what} of kind {gate.kind}"
    limit = _amount(gate.fail_above if gate.outcome is Outcome.FAIL else gate.limit, gate.unit)
    if gate.low is None and gate.high is None:
        return f"{what} is not known (limit {limit})" + (f": {gate.reason}" if gate.reason else "")
    value = "at most " + _amount(gate.high, gate.unit) if gate.value is None else _amount(gate.value, gate.unit)
    spread = (
        ""
        if gate.low is None or gate.low == gate.high
        else (f" ({_amount(gate.low, gate.unit)} to {_amount(gate.high, gate.unit)})")
    )
    relation = {Outcome.FAIL: "above", Outcome.PASS: "below", Outcome.INCONCLUSIVE: "neither certainly above nor below"}
    return f"{what} of {value}{spread} is {relation[gate.outcome]} the limit of {limit}"


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "unknown"
    if unit == "bytes_per_h":
        return format_rate_per_min(value)
    return format_bytes(value) + ("/query" if unit == "bytes_per_query" else "")


def is_idle(kind: str) -> bool:
    return kind == IDLE_KIND
