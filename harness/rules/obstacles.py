"""What stands in the way of a pass, and how much more of the run would remove it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis.dictionary import DECAYING
from harness.analysis.facts import Facts
from harness.analysis.growth import FEWEST_LEVELS, Growth
from harness.analysis.shape import STAIRCASE_STEPS
from harness.model import Limits, Outcome
from harness.rules.circumstances import DEFAULT_PASS_BYTES_PER_H, Circumstances, growth_limits
from harness.rules.figures import FAIR_ADVANTAGE
from harness.rules.gates import mostly_failed, outgrown_after_s, settling_bytes
from harness.units import S_PER_H, format_bytes, format_duration, format_rate_per_min
from harness.verdict import GateResult

FEWEST_COLLECTIONS = 8
ENOUGH_LEVELS = 30
"""So many levels tell growth from noise; fewer do not tell the noise itself (study, section 2.4)."""
FEWEST_TIME_CONSTANTS = 10.0
"""A soak of ten time constants leaves a warm-up nothing to hide behind (study, section 0, finding 6)."""
CLEAR_ADVANTAGE = 16.0
"""Of a bent trend over part of a slow cycle, as a difference of Schwarz's criteria. More than the 10 that are "very
strong" (Kass and Raftery 1995, JASA 90:773): measured on 150 parts of cycles, two passed above 10, none above 16."""
MOST_WANDERING, MOST_WANDERING_FAR = 0.25, 0.1
"""Chance of a random walk with which a run may still pass, and with which one that moved by more than
``MATERIAL_SWING`` may."""
MATERIAL_SWING, MATERIAL_NOISE, MATERIAL_FALL = 0.1, 0.02, 0.1
"""Slow movement below these shares of what the limit allows over the run is not worth a word; of a fall, what the study
calls material (section 3.1): a leak that it hides is above the limit by no more than that."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that forbids a pass, and how much more of the run would remove it (None: not a matter of length)."""

    says: str
    needs_s: float | None = None


def obstacles_of(facts: Facts, gates: tuple[GateResult, ...], circumstances: Circumstances) -> list[Obstacle]:
    """What forbids a pass, worst first."""
    out: list[Obstacle] = []
    growth, levels = facts.growth, facts.levels
    if circumstances.cut_short is not None:
        out.append(Obstacle(f"{circumstances.cut_short}: such a run can fail but not pass"))
    if circumstances.unused:
        out.append(
            Obstacle(
                "no query was completed: memory that nobody used says nothing about use; drive longer, or faster "
                "(--speedup)"
            )
        )
    if growth is None or levels is None:
        count = levels.count if levels is not None else 0
        says = f"too few samples to judge: {count} usable levels, at least {FEWEST_LEVELS} are needed"
        spacing_s = facts.length_s / (count - 1) if count > 1 else 0.0
        out.append(Obstacle(says, (ENOUGH_LEVELS - count) * spacing_s or None))
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
    steps = facts.form.steps_up
    if steps >= STAIRCASE_STEPS:
        out.append(
            Obstacle(
                f"{steps} steps up that no recorded use explains: more steps to come cannot be ruled out",
                facts.length_s,
            )
        )
    return out


def outcome_of(gates: tuple[GateResult, ...], obstacles: list[Obstacle], invalid: tuple[str, ...]) -> Outcome:
    if invalid:
        return Outcome.INVALID
    outcomes = [gate.outcome for gate in gates]
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    if Outcome.INCONCLUSIVE in outcomes or obstacles:
        return Outcome.INCONCLUSIVE
    return Outcome.PASS


def _unsettled(facts: Facts, growth: Growth, circumstances: Circumstances) -> list[Obstacle]:
    """What the run shows of slow movement that may go on, or come back, after it."""
    allowed = _allowed_bytes(facts, growth, circumstances.limits)
    out = []
    doubtful = growth.advantage < (CLEAR_ADVANTAGE if growth.bent else FAIR_ADVANTAGE)
    far = growth.swing > MATERIAL_SWING * allowed
    if (growth.turns or doubtful) and far:
        says = "memory rose and fell too slowly for this run: part of a cycle cannot be told from a trend"
        out.append(Obstacle(says, facts.length_s))
    most = MOST_WANDERING_FAR if far else MOST_WANDERING
    if growth.wanders > most and growth.noise > MATERIAL_NOISE * allowed:
        out.append(Obstacle("memory wanders without coming back to a level: any trend may be chance", facts.length_s))
    high = growth.certain.high
    if high is not None and -high * facts.length_s > MATERIAL_FALL * allowed:
        rate = format_rate_per_min(-(growth.certain.estimate or 0.0) * S_PER_H)
        says = f"memory is still being given back at the end, {rate}: that may hide growth"
        out.append(Obstacle(says, facts.length_s))
    return out


def _allowed_bytes(facts: Facts, growth: Growth, limits: Limits) -> float:
    """What the limits let the run gain: by its length, else by its queries, else by its length under the default."""
    hour, query = growth_limits(limits)
    queries = sum(part.count for part in growth.parts)
    if hour is None and query is not None and queries > 0.0:
        return query[1] * queries
    per_h = DEFAULT_PASS_BYTES_PER_H if hour is None else hour[1]
    return per_h / S_PER_H * facts.length_s


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
    if growth.undone:
        return [Obstacle("what rose was taken back within the run: it may be no growth", facts.length_s)]
    half = growth.second_half
    if circumstances.young and half is not None and half.abates:
        return [Obstacle(f"growth abates: its second half adds {max(half.share, 0.0):.0%} of what the whole suggests")]
    grown, usual = low * facts.length_s, settling_bytes(facts, circumstances)
    if grown >= usual:
        return []
    says = f"certain growth adds up to {format_bytes(grown)}"
    if circumstances.heap_limit_bytes == usual:
        says += f"; the heap of its runtime may take {format_bytes(usual)} before it gives any back"
        return [Obstacle(f"{says}: limit the heap, or judge what is left after a collection")]
    may = f"its runtime may hold {format_bytes(usual)} of garbage"
    if circumstances.young:
        may = f"a process that began with the run may take {format_bytes(usual)} to settle"
    enough_s = outgrown_after_s(facts, circumstances, low)
    needs_s = None if enough_s is None else enough_s - facts.length_s
    return [Obstacle(f"{says}; {may}", needs_s)]


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
