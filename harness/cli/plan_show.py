"""``soak plan --show``: the timeline that a run would drive, and how well each kind of use will be known after it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.model import IDLE_KIND, WARMUP_PHASE, LoadKind
from harness.model.load import LoadPlan, Phase
from harness.orchestrate.load import build_load_plan
from harness.plan.document import load_plan
from harness.timeline import SCENARIOS, WORST_VIF, PlannedPrecision, planned_precision
from harness.units import format_bytes, format_duration

BAR_CELLS = 72
_MARKS = {IDLE_KIND: "·", LoadKind.NORMAL: "n", LoadKind.DUPLICATE: "2", LoadKind.DISCONNECT: "x"}
_NOWHERE = "http://127.0.0.1"
"""Nothing is asked of a backend when its load is only planned."""


def planned_load(config: Path | None, given: dict[str, str | None]) -> LoadPlan:
    """The load of the plan in ``config`` (or here) under what the command line gives. Raises UsageError."""
    plan = load_plan(config, {"run": dict(given)})
    settings = plan.run
    if settings.locustfile is not None:
        raise UsageError("expected a built-in scenario to show, found a locustfile: only itself knows what it drives")
    if settings.scenario is None:
        raise UsageError(f"expected a scenario ({' '.join(SCENARIOS)}) as --scenario or in the plan, found none")
    return build_load_plan(plan.load, settings.scenario, _NOWHERE, settings.duration_s, settings.speedup, settings.seed)


def show_lines(load: LoadPlan, noise_bytes2_s: float) -> list[str]:
    """The timeline as a bar, as a table, and what it will allow."""
    lines = [
        f"{load.scenario} for {format_duration(load.duration_s)} at speed {load.speedup:g}, seed {load.seed}:",
        f"  {_bar(load.phases)}",
        f"  {_legend(load.phases)}",
        "",
        f"  {'starts at':>10} {'lasts':>9} {'queries':>8}  phase",
    ]
    lines += [
        f"  {_clock(phase.start_s):>10} {phase.length_s:>7.1f} s {phase.queries_count or '':>8}  {phase.phase}"
        for phase in load.phases
    ]
    found = planned_precision(load.phases, noise_bytes2_s)
    if not found:
        return lines
    lines += ["", f"  {'kind':<12} {'queries':>8} {'blocks':>7} {'VIF':>7}  standard error of bytes per query"]
    return lines + [_precision_line(kind) for kind in found]


def show_json(load: LoadPlan, noise_bytes2_s: float) -> dict[str, Any]:
    """The same as data; what the plan cannot tell apart has no numbers."""
    return {
        "scenario": load.scenario,
        "duration_s": load.duration_s,
        "phases": [
            {
                "phase": phase.phase,
                "kind": phase.kind,
                "cycle": phase.cycle,
                "start_s": phase.start_s,
                "end_s": phase.end_s,
                "queries": phase.queries_count,
            }
            for phase in load.phases
        ],
        "kinds": {
            kind.kind: {
                "queries": kind.queries_count,
                "blocks": kind.cycles_count,
                "identifiable": kind.is_identifiable,
                "vif": _finite(kind.vif),
                "standard_error_bytes_per_query": _finite(kind.standard_error_bytes),
            }
            for kind in planned_precision(load.phases, noise_bytes2_s)
        },
    }


def _precision_line(kind: PlannedPrecision) -> str:
    if not kind.is_identifiable:
        why = "in fewer than two blocks" if kind.cycles_count < 2 else f"variance inflation over {WORST_VIF:g}"
        return f"  {kind.kind:<12} {kind.queries_count:>8} {kind.cycles_count:>7} {'':>7}  not identifiable: {why}"
    error = format_bytes(kind.standard_error_bytes)
    return f"  {kind.kind:<12} {kind.queries_count:>8} {kind.cycles_count:>7} {kind.vif:>7.1f}  {error}"


def _bar(phases: tuple[Phase, ...]) -> str:
    """One cell for each equal share of the run, with the mark of what is driven in its middle."""
    end_s = phases[-1].end_s
    middles = ((cell + 0.5) * end_s / BAR_CELLS for cell in range(BAR_CELLS))
    return "".join(_mark(next(phase for phase in phases if middle <= phase.end_s)) for middle in middles)


def _mark(phase: Phase) -> str:
    return "w" if phase.phase == WARMUP_PHASE else _MARKS[phase.kind]


def _legend(phases: tuple[Phase, ...]) -> str:
    kinds = dict.fromkeys(phase.kind for phase in phases if phase.phase != WARMUP_PHASE and not phase.is_idle)
    return ", ".join(
        ["w warm-up", *(f"{_MARKS[kind]} {kind}" for kind in kinds), f"{_MARKS[IDLE_KIND]} drain and idle"]
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60.0)
    return f"{minutes:.0f}:{rest:04.1f}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
