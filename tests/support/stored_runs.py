"""Run directories with a known truth, written through the store's own writer: fast material for reports and gates."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.model import (
    LOAD_COLUMNS,
    Column,
    ColumnKind,
    EndReason,
    Event,
    EventName,
    ProcessIdentity,
    Role,
    Unit,
)
from harness.store.schema import Manifest, ProbeInfo
from harness.store.writer import RunWriter

KINDS = ("normal", "duplicate", "disconnect")
STARTED_AT = "2026-11-22T13:15:00Z"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What happened: ``leak_bytes`` are left behind by each query of a kind, ``drift_bytes_per_h`` by time."""

    duration_s: float = 1200.0
    period_s: float = 1.0
    cycles: int = 4
    queries_per_s: float = 4.0
    leak_bytes: dict[str, float] = field(default_factory=dict)
    drift_bytes_per_h: float = 0.0
    noise_bytes: float = 0.4e6
    saw_bytes: float = 12e6
    saw_period_s: float = 23.0
    failed_ratio: float = 0.0
    latency_growth: float = 0.0
    with_load: bool = True
    scenario: str = "mixed"
    target_name: str = "target"
    target_start_time: float = 1.5
    end: EndReason | None = EndReason.COMPLETED
    more_events: tuple[Event, ...] = ()
    config: dict[str, object] = field(default_factory=dict)
    seed: int = 7


LEAKING = Recipe(leak_bytes={"disconnect": 90_000.0, "duplicate": 20_000.0})
FIXED = Recipe()


def _gauge(name: str, unit: Unit, meaning: str) -> Column:
    return Column(name, unit, ColumnKind.GAUGE, meaning)


_PROCESS = (
    _gauge("rss_bytes", Unit.BYTES, "resident set, shared pages in every process"),
    _gauge("anon_bytes", Unit.BYTES, "anonymous memory of the process and its children"),
    Column("cpu_s", Unit.SECONDS, ColumnKind.COUNTER, "CPU time used"),
    _gauge("fds_count", Unit.COUNT, "open file descriptors"),
    _gauge("threads_count", Unit.COUNT, "threads"),
)
_APP = (
    _gauge("heap_used_bytes", Unit.BYTES, "live objects, as the runtime counts"),
    _gauge("active_dialogues_count", Unit.COUNT, "dialogues that the target holds"),
    Column("tts_calls_count", Unit.COUNT, ColumnKind.COUNTER, "calls to the speech service"),
)


@dataclass(frozen=True, slots=True)
class _Phase:
    start_s: float
    end_s: float
    kind: str
    cycle: int


def write_run(out_dir: Path, recipe: Recipe = FIXED) -> Path:
    """A complete run directory in ``out_dir``, except for what the recipe leaves out."""
    probes = tuple(
        ProbeInfo(name, role, recipe.period_s, ProcessIdentity(100 + number, recipe.target_start_time), columns)
        for number, (name, role, columns) in enumerate(
            (
                (recipe.target_name, Role.TARGET, _PROCESS),
                ("app", Role.TARGET, _APP),
                ("mock", Role.MOCK, _PROCESS),
                ("generator", Role.GENERATOR, _PROCESS),
                ("harness", Role.HARNESS, _PROCESS),
            )
        )
    )
    manifest = Manifest(
        started_at=STARTED_AT,
        scenario=recipe.scenario,
        primary=f"{recipe.target_name}.anon_bytes",
        probes=probes,
        seed=recipe.seed,
        speedup=60.0,
        host={"kernel": "6.1", "cores_count": 2, "memory_bytes": 8_000_000_000},
        versions={"python": "3.11", "voice_soak": "0.1.0"},
        commit={"harness": "0123abc", "target": "89abcdef01"},
        config=recipe.config,
    )
    writer = RunWriter.create(out_dir, manifest)
    phases = _phases(recipe)
    for event in sorted([*_events(phases), *recipe.more_events], key=lambda event: event.t_s):
        writer.event(event)
    counts = _write_load(writer.path, recipe, phases) if recipe.with_load else {}
    _write_samples(writer, recipe, phases, counts)
    if recipe.end is None:
        writer.close()
    else:
        writer.end(recipe.end, recipe.duration_s)
    return writer.path


def _phases(recipe: Recipe) -> list[_Phase]:
    rng = random.Random(recipe.seed)
    order = [(kind, cycle) for cycle in range(1, recipe.cycles + 1) for kind in rng.sample(KINDS, len(KINDS))]
    warmup_s = 0.1 * recipe.duration_s
    length_s = (recipe.duration_s - warmup_s) / len(order)
    phases = [_Phase(0.0, warmup_s, "warmup", 0)]
    for number, (kind, cycle) in enumerate(order):
        start_s = warmup_s + number * length_s
        loaded_s = length_s * rng.uniform(0.4, 0.6)
        phases.append(_Phase(start_s, start_s + loaded_s, kind, cycle))
        phases.append(_Phase(start_s + loaded_s, start_s + length_s, "idle", cycle))
    return phases


def _events(phases: list[_Phase]) -> list[Event]:
    events = []
    for phase in phases:
        name = "warmup" if phase.kind == "warmup" else f"{phase.kind}-{phase.cycle}"
        if phase.kind == "idle":
            name = f"idle-{phase.start_s:.0f}"
        fields = {"phase": name, "kind": "mixed" if phase.kind == "warmup" else phase.kind, "cycle": phase.cycle}
        events.append(Event(phase.start_s, EventName.PHASE_START, fields))
        events.append(Event(phase.end_s, EventName.PHASE_END, fields))
    return events


def _write_load(path: Path, recipe: Recipe, phases: list[_Phase]) -> dict[int, dict[str, int]]:
    """Writes load.csv and gives the completed queries of each second by kind."""
    rng = random.Random(recipe.seed + 1)
    done: dict[int, dict[str, int]] = {}
    with (path / "load.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(LOAD_COLUMNS)
        for phase in phases:
            if phase.kind == "idle":
                continue
            for second in range(int(phase.start_s) + 1, int(phase.end_s) + 1):
                kind = KINDS[second % 3] if phase.kind == "warmup" else phase.kind
                started = max(1, round(rng.gauss(recipe.queries_per_s, 1.0)))
                failed = sum(rng.random() < recipe.failed_ratio for _ in range(started))
                done.setdefault(second, {})[kind] = started - failed
                slower = 1 + recipe.latency_growth * second / recipe.duration_s
                latencies = [round(base * slower * rng.uniform(0.9, 1.1), 3) for base in (80, 120, 900, 1400, 1700)]
                size = (started - failed) * 260_000
                writer.writerow((f"{second:.3f}", kind, started, started - failed, failed, 0, 5, size, 300, *latencies))
    return done


def _write_samples(writer: RunWriter, recipe: Recipe, phases: list[_Phase], done: dict[int, dict[str, int]]) -> None:
    rng = random.Random(recipe.seed + 2)
    leaked, calls, at = 0.0, 0, 0
    for tick in range(int(recipe.duration_s / recipe.period_s)):
        t_s = tick * recipe.period_s
        while at <= t_s:
            completed = done.get(at, {})
            leaked += sum(recipe.leak_bytes.get(kind, 0.0) * count for kind, count in completed.items())
            calls += 5 * sum(completed.values())
            at += 1
        loaded = any(phase.start_s <= t_s < phase.end_s and phase.kind != "idle" for phase in phases)
        saw = recipe.saw_bytes * (t_s % recipe.saw_period_s) / recipe.saw_period_s if loaded else 0.0
        held = 120e6 + leaked + recipe.drift_bytes_per_h * t_s / 3600 + saw + rng.gauss(0, recipe.noise_bytes)
        _write_tick(writer, recipe, t_s, held, calls, 4 if loaded else 0)


def _write_tick(writer: RunWriter, recipe: Recipe, t_s: float, held: float, calls: int, dialogues: int) -> None:
    for name, share in ((recipe.target_name, 1.0), ("mock", 0.4), ("generator", 0.5), ("harness", 0.2)):
        anon = held if share == 1.0 else 120e6 * share
        reading = {
            "rss_bytes": round(anon + 20e6),
            "anon_bytes": round(anon),
            "cpu_s": round(0.1 * t_s, 2),
            "fds_count": 24 + dialogues,
            "threads_count": 6,
        }
        writer.sample(name, t_s, reading, 0.4)
    app = {"heap_used_bytes": round(held * 0.6), "active_dialogues_count": dialogues, "tts_calls_count": calls}
    writer.sample("app", t_s, app, 1.1)


def hostile(recipe: Recipe) -> Recipe:
    """The same run with names and texts by someone who wishes the reader ill."""
    nasty = "<script>alert(1)</script>\x1b[31m\x00 ]]> | `x` **b** \u202e" + "x" * 10_000
    events = (
        Event(1.0, EventName.NOTE, {"text": nasty}),
        Event(2.0, EventName.PROBE_ERROR, {"probe": "app", "reason": nasty}),
        Event(3.0, EventName.LOG_MATCH, {"rule": nasty, "count": 2}),
    )
    return replace(recipe, scenario=nasty[:60], more_events=events, config={"target": {"command": nasty}})
