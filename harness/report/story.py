"""What a verdict says in plain words: may it ship, why, and what the memory curve does.

Words only; every number in them is the verdict's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.model import Interval, Outcome, Shape
from harness.report.quantity import UNKNOWN, ends_text, figure, interval_text, limit_text, measure, quantity
from harness.report.text import printable, short
from harness.units import format_duration
from harness.verdict import GateResult, Verdict

HEADLINES = {
    Outcome.PASS: "Pass: this build may ship",
    Outcome.FAIL: "Fail: do not ship this build",
    Outcome.INCONCLUSIVE: "Inconclusive: this run cannot tell yet",
    Outcome.INVALID: "Invalid: this run proves nothing",
}
SIGNS = {Outcome.PASS: "✓", Outcome.FAIL: "✕", Outcome.INCONCLUSIVE: "?", Outcome.INVALID: "!"}
GATE_NAMES = {
    "max_growth": "growth of memory",
    "max_growth_per_query": "growth per query",
    "max_memory": "peak memory",
    "max_growth_at_production": "growth at the production rate",
    "max_idle_growth": "growth while idle",
    "max_detectable": "smallest leak that the run could see",
    "min_time_to_limit": "time to the memory limit",
    "max_errors": "failed queries",
    "min_completeness": "answers that arrived whole",
    "max_latency_drift": "slowing down",
    "max_answer_bytes": "size of an answer",
    "max_tts_calls_per_query": "speech calls of a query",
    "max_active_dialogues": "dialogues left after draining",
    "max_fds_growth": "growth of open files",
    "max_threads_growth": "growth of threads",
    "max_sockets_growth": "growth of sockets",
    "kinds": "growth per query",
    "log_rules": "log lines of rule",
    "metrics.max": "peak",
    "metrics.max_growth": "growth",
    "metrics.max_after_drain": "left after draining",
    "metrics.max_per_query": "per query",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure of the first screen: what, how much, and what it is to be compared with."""

    label: str
    value: str
    detail: str
    alarming: bool = False


def gate_title(gate: GateResult) -> str:
    """What the gate judges, in words."""
    name = GATE_NAMES.get(gate.name, gate.name.removeprefix("max_").replace("_", " "))
    return f"{name}, {short(gate.kind, 40)}" if gate.kind else name


def gate_limit(gate: GateResult) -> str:
    """The limit; both of them where the defaults leave room between a certain leak and a certain pass."""
    if gate.fail_above == gate.limit:
        return limit_text(gate.limit, gate.unit)
    return f"pass below {limit_text(gate.limit, gate.unit)}, fail above {limit_text(gate.fail_above, gate.unit)}"


def gate_value(gate: GateResult) -> str:
    """The measured value with its interval, or why there is none."""
    if gate.value is None:
        if gate.high is not None:
            return f"at most {quantity(gate.high, gate.unit)}"
        return f"{UNKNOWN}: {printable(gate.reason, 160)}" if gate.reason else UNKNOWN
    if gate.low == gate.high == gate.value:
        return quantity(gate.value, gate.unit)
    return interval_text(Interval(gate.value, gate.low, gate.high, gate.confidence or 0.95), gate.unit)


def gate_ends(gate: GateResult) -> str:
    """The gate's interval alone, with its unit: ``0 to 998 MB/min``; empty where it has no end."""
    how = measure(gate.unit, gate.low, gate.high)
    low, high = (None if end is None else figure(end / how.factor) for end in (gate.low, gate.high))
    if low is None and high is None:
        return ""
    span = f"at most {high}" if low is None else f"at least {low}" if high is None else f"{low} to {high}"
    return f"{span} {how.unit}".rstrip()


def why(verdict: Verdict) -> str:
    """The reason for the outcome in one or two sentences."""
    match verdict.outcome:
        case Outcome.INVALID:
            return _sentence(verdict.reasons[0]) if verdict.reasons else "The run did not hold together."
        case Outcome.FAIL:
            return _why_fail(verdict)
        case Outcome.PASS:
            return _why_pass(verdict)
        case Outcome.INCONCLUSIVE:
            return _why_inconclusive(verdict)


def _why_fail(verdict: Verdict) -> str:
    failed = [gate for gate in verdict.gates if gate.outcome is Outcome.FAIL]
    kinds = [gate for gate in failed if gate.name == "max_growth_per_query" and gate.value is not None]
    # the figure of the tile and the chart; a gate is judged by what is certain, and may hold another one
    estimates = {kind.kind: kind.bytes_per_query.estimate for kind in verdict.kinds}
    left = {kind: estimate for kind, estimate in estimates.items() if estimate is not None}
    kinds.sort(key=lambda gate: -(left.get(gate.kind or "", gate.value) or 0.0))
    others = [gate for gate in failed if gate.name not in ("max_growth", "max_growth_per_query")]
    grows = "While it is used, its memory grows" if _is_driven(verdict) else "Its memory grows"
    sentences = [
        f"{grows} by {interval_text(verdict.memory.growth_per_h, gate.unit)}, certainly "
        f"above the limit of {quantity(gate.fail_above, gate.unit)}."
        for gate in failed
        if gate.name == "max_growth"
    ]
    sentences += [
        f"Every {short(gate.kind, 40)} query leaves {quantity(left.get(gate.kind or '', gate.value), 'bytes')} behind "
        f"(limit {limit_text(gate.fail_above, 'bytes')})."
        for gate in kinds[:3]
    ]
    sentences += [
        f"{_capital(gate_title(gate))}: {gate_value(gate)}, beyond {limit_text(gate.fail_above, gate.unit)}."
        for gate in others
    ]
    return " ".join(sentences) or " ".join(_sentence(reason) for reason in verdict.reasons[:2])


def _why_pass(verdict: Verdict) -> str:
    growth = _gate(verdict, "max_growth")
    if growth is None:
        return f"All {len(verdict.gates)} gates pass." if verdict.gates else "Nothing was judged."
    seen = verdict.memory.detectable_per_h
    power = f" A leak of {quantity(seen, 'bytes_per_h')} would have been seen." if seen is not None else ""
    estimate = interval_text(verdict.memory.growth_per_h, growth.unit)
    limit = quantity(growth.limit, growth.unit)
    return f"Growth of its memory is certainly below the limit of {limit}: {estimate}.{power}"


def _why_inconclusive(verdict: Verdict) -> str:
    # where not even growth is known, the first reason says only that; the second says what is missing
    told = verdict.reasons[: 1 if verdict.memory.growth_per_h.estimate is not None else 2]
    reason = " ".join(map(_sentence, told)) or "No gate could be decided."
    if verdict.needs_s is None:
        return reason
    return f"{reason} About {format_duration(verdict.needs_s)} more of the same load would settle it."


def _is_driven(verdict: Verdict) -> bool:
    """Whether the run knows of any use: what is attached to, or stands idle, is not "in use"."""
    return bool(verdict.kinds)


def _gate(verdict: Verdict, name: str) -> GateResult | None:
    return next((gate for gate in verdict.gates if gate.name == name), None)


def _kind_gates(verdict: Verdict) -> list[GateResult]:
    """One for each kind, or one without where no query of any kind could be judged."""
    return [gate for gate in verdict.gates if gate.name == "max_growth_per_query"]


def _sentence(text: str) -> str:
    shown = _capital(printable(text, 400))
    return shown + ("" if shown.endswith((".", "!", "?")) else ".")


def _capital(text: str) -> str:
    """The first letter alone; ``str.capitalize`` would write a metric's name small."""
    return text[:1].upper() + text[1:]


_GROWS = {
    Shape.LINEAR: "steadily",
    Shape.STAIRCASE: "while it is used",
    Shape.ACCELERATING: "and ever faster",
}
LEVEL_SHAPES = {
    Shape.STABLE: "it stays level",
    Shape.SAWTOOTH: "it goes up and down and comes back to the same level",
    Shape.PLATEAU: "it settled at a level",
    Shape.STEP: "it stepped up once and stayed there",
}


def curve_title(verdict: Verdict) -> str:
    """The question that the main chart answers, and the answer of the gate on growth."""
    question = "Does memory keep growing?"
    if verdict.outcome is Outcome.INVALID:
        return f"{question} This run cannot say"
    gate = _gate(verdict, "max_growth")
    memory = verdict.memory
    amount = quantity(memory.growth_per_h.estimate, "bytes_per_h")
    if gate is None:
        return f"{question} Not judged: no limit on growth was set"
    if gate.outcome is Outcome.FAIL:
        return f"{question} Yes: by {amount}, {_GROWS.get(memory.shape, 'at the end of the run')}"
    if gate.outcome is not Outcome.PASS:
        ends = gate_ends(gate)
        return f"{question} " + (f"Not decided: {ends}" if ends else "Not to be told from this run")
    low, high = memory.growth_per_h.low, memory.growth_per_h.high
    if low is not None and low > 0:
        return f"{question} A little, within the limit: by {amount}"
    if high is not None and high < 0:
        return f"{question} No: it falls, by {amount.removeprefix('−')}"
    return f"{question} No: {LEVEL_SHAPES.get(memory.shape, 'not that this run could see')}"


_MOST_NAMED = 3


def kinds_title(verdict: Verdict) -> str:
    """Which use leaves memory behind, by the gates on growth per query: only one that fails is guilty."""
    question = "Which use leaves memory behind?"
    if verdict.outcome is Outcome.INVALID:
        return f"{question} This run cannot say"
    gates = _kind_gates(verdict)
    failed = {gate.kind for gate in gates if gate.outcome is Outcome.FAIL}
    worst_first = sorted(verdict.kinds, key=lambda kind: -(kind.bytes_per_query.estimate or 0.0))
    guilty = [kind.kind for kind in worst_first if kind.kind in failed]
    if guilty:
        rest = f" and {len(guilty) - _MOST_NAMED} more" if len(guilty) > _MOST_NAMED else ""
        return f"{question} {', '.join(short(kind, 24) for kind in guilty[:_MOST_NAMED])}{rest}"
    if all(kind.bytes_per_query.estimate is None for kind in verdict.kinds):
        return f"{question} This plan cannot tell"
    if not gates:
        return f"{question} Not judged: no limit per query was set"
    if all(gate.outcome is Outcome.PASS for gate in gates):
        return f"{question} No kind beyond the limit"
    return f"{question} No kind certainly"


def tiles(verdict: Verdict) -> tuple[Tile, ...]:
    """The figures of the first screen."""
    out = [_growth_tile(verdict)]
    kinds = _kinds_tile(verdict)
    if kinds is not None:
        out.append(kinds)
    if verdict.idle_per_h is not None and verdict.idle_per_h.estimate is not None:
        out.append(Tile("growth while idle", *_split(verdict.idle_per_h, "bytes_per_h")))
    production = verdict.memory.growth_at_production_per_h
    if production.estimate is not None and production != verdict.memory.growth_per_h:
        out.append(Tile("at the production rate", *_split(production, "bytes_per_h")))
    if verdict.memory.detectable_per_h is not None:
        out.append(
            Tile(
                "smallest leak it could see",
                quantity(verdict.memory.detectable_per_h, "bytes_per_h"),
                "in 95 of 100 runs",
            )
        )
    return tuple(out)


def _growth_tile(verdict: Verdict) -> Tile:
    gate = _gate(verdict, "max_growth")
    label = "memory grows, in use" if _is_driven(verdict) else "memory grows"
    if gate is None:
        return Tile(label, *_split(verdict.memory.growth_per_h, "bytes_per_h"))
    limit = f"limit {limit_text(gate.fail_above if gate.outcome is Outcome.FAIL else gate.limit, gate.unit)}"
    if gate.outcome is Outcome.INCONCLUSIVE:
        return Tile(label, *_undecided(gate, limit))
    value, ends = _split(verdict.memory.growth_per_h, "bytes_per_h")
    detail = "; ".join(part for part in (ends, limit) if part)
    return Tile(label, value, detail, gate.outcome is Outcome.FAIL)


def _undecided(gate: GateResult, limit: str) -> tuple[str, str]:
    """A value and its detail that claim no more than the gate does."""
    ends = gate_ends(gate)
    if not ends:
        return UNKNOWN, limit
    best = f", best guess {quantity(gate.value, gate.unit)}" if gate.value is not None else ""
    return "not decided", f"{100 * (gate.confidence or 0.95):.3g} %: {ends}{best}; {limit}"


def _kinds_tile(verdict: Verdict) -> Tile | None:
    """The worst kind, where its gate fails; else what the gates say of all kinds."""
    known = [kind for kind in verdict.kinds if kind.bytes_per_query.estimate is not None]
    if not known:
        return None
    gates = _kind_gates(verdict)
    failed = {gate.kind for gate in gates if gate.outcome is Outcome.FAIL}
    worst = max(known, key=lambda kind: (kind.kind in failed, kind.bytes_per_query.estimate or 0.0))
    if worst.kind in failed or not gates:
        rank = "the worst kind" if failed else "the largest estimate"
        label = f"left by a {short(worst.kind, 24)} query" + (f", {rank}" if len(known) > 1 else "")
        return Tile(label, *_split(worst.bytes_per_query, "bytes"), worst.kind in failed)
    label = "left by a query, any kind" if len(known) > 1 else f"left by a {short(worst.kind, 24)} query"
    highs = [gate.high for gate in gates if gate.high is not None]
    most = f"at most {quantity(max(highs), 'bytes')}" if highs else ""
    level = f"at {100 * (gates[0].confidence or 0.95):.3g} %"
    limit = f"limit {limit_text(gates[0].limit, 'bytes')}"
    if all(gate.outcome is Outcome.PASS for gate in gates):
        return Tile(label, most or "within the limit", f"{level}; {limit}")
    return Tile(label, "no kind certainly", "; ".join(part for part in (most and f"{most} {level}", limit) if part))


def _split(interval: Interval, unit: str) -> tuple[str, str]:
    if interval.estimate is None:
        return UNKNOWN, ""
    how = measure(unit, interval.estimate, interval.low, interval.high)
    return f"{figure(interval.estimate / how.factor)} {how.unit}", ends_text(interval, how)


SHAPE_WORDS = {
    Shape.STABLE: "stays level",
    Shape.SAWTOOTH: "goes up and down, same level",
    Shape.PLATEAU: "settles at a level",
    Shape.STEP: "stepped up and stayed",
    Shape.LINEAR: "grows steadily",
    Shape.STAIRCASE: "grows while used",
    Shape.ACCELERATING: "grows ever faster",
    Shape.UNKNOWN: "cannot be told",
}
