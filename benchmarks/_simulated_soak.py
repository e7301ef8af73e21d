"""Simulated soaks for benchmarks: a load plan of the harness, memory with a known truth, and its setting."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harness.analysis.facts import Setting
from harness.analysis.regression import Floats
from harness.analysis.segments import Phase
from harness.analysis.usage import Steps, running_totals
from harness.model import IDLE_KIND, WARMUP_PHASE
from harness.timeline import build_timeline

KINDS = ("normal", "duplicate", "disconnect")
PERIOD_S = 0.5
CONVERSATION_S = 1.5


@dataclass(frozen=True, slots=True)
class Truth:
    """What the memory of a simulated target does; growth at the mix is bytes a second over loaded time."""

    bytes_per_query: dict[str, float] = field(default_factory=dict)
    bytes_per_s: float = 0.0
    noise_bytes: float = 1e6
    autocorrelation_s: float = 5.0
    per_conversation_bytes: float = 1e5
    saw_bytes: float = 0.0
    saw_period_s: float = 6.0
    warmup_bytes: float = 0.0
    warmup_tau_s: float = 10.0
    step_bytes: float = 0.0
    step_at: float = 0.4


@dataclass(frozen=True, slots=True)
class Soak:
    """Samples of one simulated run, what happened around them, and the planned rates over loaded time by kind."""

    t_s: Floats
    y: Floats
    setting: Setting
    rates_per_s: dict[str, float]
    duration_s: float


def simulate(truth: Truth, duration_s: float, queries_per_s: float, seed: int) -> Soak:
    """One run of ``mixed`` as the harness plans it."""
    rng = np.random.default_rng(seed)
    planned = build_timeline(KINDS, duration_s, queries_per_s, seed)
    rows: list[tuple[float, str, int, int]] = []
    phases = []
    begun: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for phase in planned:
        idle = phase.kind == IDLE_KIND
        warm = phase.phase == WARMUP_PHASE
        phases.append(Phase(phase.phase, phase.kind, phase.cycle, phase.start_s, phase.end_s, idle, warmup=warm))
        for kind in phase.kinds:
            count = phase.queries_count // len(phase.kinds)
            begun[kind] += list(rng.uniform(phase.start_s, phase.end_s, count))
    t_s = np.arange(0.0, duration_s, PERIOD_S)
    y = np.full(t_s.size, 80e6) + truth.bytes_per_s * t_s
    for kind, times in begun.items():
        starts = np.sort(np.array(times))
        ends = np.sort(starts + rng.exponential(CONVERSATION_S, starts.size))
        y += truth.bytes_per_query.get(kind, 0.0) * np.searchsorted(ends, t_s)
        y += truth.per_conversation_bytes * (np.searchsorted(starts, t_s) - np.searchsorted(ends, t_s))
        edges = np.arange(1.0, duration_s + 1.0)
        started, done = (np.diff(np.searchsorted(x, edges), prepend=0) for x in (starts, ends))
        rows += [(float(e), kind, int(a), int(b)) for e, a, b in zip(edges, started, done, strict=True) if a or b]
    y += _noise(truth, t_s, rng) + truth.warmup_bytes * (1.0 - np.exp(-t_s / truth.warmup_tau_s))
    y += truth.step_bytes * (t_s > truth.step_at * duration_s)
    rows.sort()
    load = running_totals(
        np.array([r[0] for r in rows]),
        np.array([r[1] for r in rows]),
        np.array([float(r[2]) for r in rows]),
        np.array([float(r[3]) for r in rows]),
        np.zeros(len(rows)),
    )
    loaded = [phase for phase in planned if phase.kind != IDLE_KIND and phase.phase != WARMUP_PHASE]
    loaded_s = sum(phase.length_s for phase in loaded)
    rates = {k: sum(p.queries_count for p in loaded if p.kind == k) / loaded_s for k in KINDS}
    material = 0.1e6 / 60.0
    return Soak(t_s, y, Setting((), tuple(phases), load, material, 4096.0), rates, duration_s)


def _noise(truth: Truth, t_s: Floats, rng: np.random.Generator) -> Floats:
    phi = float(np.exp(-PERIOD_S / truth.autocorrelation_s))
    shocks = rng.normal(0.0, truth.noise_bytes * np.sqrt(1.0 - phi * phi), t_s.size)
    out = np.empty(t_s.size)
    level = rng.normal(0.0, truth.noise_bytes)
    for i, shock in enumerate(shocks):
        level = phi * level + shock
        out[i] = level
    if truth.saw_bytes:
        out += truth.saw_bytes * ((t_s / truth.saw_period_s + rng.uniform()) % 1.0)
    return np.round(out / 4096.0) * 4096.0


def until(soak: Soak, now_s: float) -> tuple[Floats, Floats, Setting]:
    """What is on disk ``now_s`` seconds into the run; a phase under way ends now."""
    at = soak.t_s <= now_s
    phases = tuple(
        p if p.end_s <= now_s else Phase(p.name, p.kind, p.cycle, p.start_s, now_s, p.idle, p.drain, p.warmup)
        for p in soak.setting.phases
        if p.start_s < now_s
    )
    load = soak.setting.load
    assert load is not None
    cut = type(load)(
        load.kinds, tuple(_cut(s, now_s) for s in load.completed), tuple(_cut(s, now_s) for s in load.open)
    )
    return soak.t_s[at], soak.y[at], Setting((), phases, cut, soak.setting.material, soak.setting.quantum)


def _cut(steps: Steps, now_s: float) -> Steps:
    at = steps.t_s <= now_s
    return Steps(steps.t_s[at], steps.total[at])
