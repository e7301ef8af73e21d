"""Run directories written by hand, as a stranger would: a manifest, one samples file, and what a test adds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.segments import Phase
from harness.analysis.usage import Load, running_totals

Floats = NDArray[np.float64]
LOAD_HEADER = (
    "t_s,kind,started_count,completed_count,failed_count,dropped_count,users_count,bytes_in,bytes_out,"
    "first_byte_p50_ms,first_byte_p95_ms,total_p50_ms,total_p95_ms,total_p99_ms\n"
)


@dataclass(frozen=True)
class PlainRun:
    """What to write; ``columns`` are the target's gauges, ``load`` rows are (t_s, kind, completed)."""

    t_s: Floats
    columns: Mapping[str, Floats]
    load: list[tuple[float, str, int]] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    end: str | None = "completed"
    end_s: float = 1.0
    config: dict[str, Any] = field(default_factory=dict)
    speedup: float = 1.0
    primary: str | None = "target.anon_bytes"


def write(path: Path, run: PlainRun) -> Path:
    """``run`` as a directory at ``path``."""
    (path / "samples").mkdir(parents=True)
    columns = [
        {"name": name, "unit": "bytes" if name.endswith("bytes") else "count", "kind": "gauge", "meaning": name}
        for name in run.columns
    ]
    identity = {"pid": 1, "start_time": 1.0}
    probe = {"name": "target", "role": "target", "period_s": 1.0, "identity": identity, "columns": columns}
    manifest = {
        "schema": 1,
        "run_id": path.name,
        "started_at": "2026-11-22T13:15:00Z",
        "scenario": "mixed",
        "seed": 1,
        "speedup": run.speedup,
        "host": {},
        "versions": {},
        "commit": {},
        "config": run.config,
        "primary": run.primary,
        "probes": [probe],
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    rows = (
        f"{at:.3f},{','.join('' if np.isnan(v) else f'{v:.0f}' for v in values)},0.1\n"
        for at, values in zip(run.t_s, np.array(list(run.columns.values())).T, strict=True)
    )
    (path / "samples" / "target.csv").write_text(f"t_s,{','.join(run.columns)},read_ms\n" + "".join(rows))
    if run.load is not None:
        load = (f"{at:.3f},{kind},{n},{n},0,0,5,100,1000,1,2,3,4,5\n" for at, kind, n in sorted(run.load))
        (path / "load.csv").write_text(LOAD_HEADER + "".join(load))
    if run.events:
        ordered = sorted(run.events, key=lambda event: float(event["t_s"]))
        (path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in ordered))
    if run.end is not None:
        end = {"reason": run.end, "t_s": run.end_s, "rows": {}}
        (path / "end.json").write_text(json.dumps(end))
    return path


def phase_events(plan: Iterable[tuple[str, float, float]]) -> list[dict[str, Any]]:
    """Start and end of each (kind, from, to); a kind ``drain`` is a drain of the phase before it."""
    events: list[dict[str, Any]] = []
    name = ""
    for number, (kind, start_s, end_s) in enumerate(plan):
        drain = kind == "drain"
        name = name if drain else ("warmup" if kind == "warmup" else f"{kind}-{number}")
        fields: dict[str, Any] = {"phase": name, "cycle": number} | ({} if drain else {"kind": kind})
        what = "drain" if drain else "phase"
        events += [
            {"t_s": start_s, "event": f"{what}_start", **fields},
            {"t_s": end_s, "event": f"{what}_end", **fields},
        ]
    return events


def cycles(
    kinds: tuple[str, ...], count: int, phase_s: float = 10.0, idle_s: float = 6.0
) -> list[tuple[str, float, float]]:
    """A warm-up, then ``count`` times every kind in a seeded order, each with a drain and idle time after it."""
    rng = np.random.default_rng(5)
    plan = [("warmup", 0.0, 12.0), ("drain", 12.0, 14.0)]
    at = 14.0
    for _ in range(count):
        for kind in rng.permutation(kinds).tolist():
            plan += [(kind, at, at + phase_s), ("drain", at + phase_s, at + phase_s + 2.0)]
            plan.append(("idle", at + phase_s + 2.0, at + phase_s + 2.0 + idle_s))
            at += phase_s + 2.0 + idle_s
    return plan


def used(
    plan: list[tuple[str, float, float]], rate_per_s: float, leak: Mapping[str, float], seed: int = 3
) -> tuple[list[tuple[float, str, int]], Floats, Floats]:
    """Load rows of ``plan`` at ``rate_per_s``; times (4 Hz), and what the queries of each kind left behind by then."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[float, str, int]] = []
    t_s = np.arange(0.0, plan[-1][2], 0.25)
    held = np.zeros(t_s.size)
    for kind, start_s, end_s in plan:
        if kind in ("idle", "drain", "warmup"):
            continue
        done = np.sort(rng.uniform(start_s, end_s, int(rate_per_s * (end_s - start_s))))
        held += leak.get(kind, 0.0) * np.searchsorted(done, t_s, side="right")
        seconds, counts = np.unique(np.ceil(done), return_counts=True)
        rows += [(float(s), kind, int(n)) for s, n in zip(seconds, counts, strict=True)]
    return rows, t_s, held


def phases_of(plan: Iterable[tuple[str, float, float]], warm_s: float = 14.0) -> tuple[Phase, ...]:
    """The phases of a plan as the analysis knows them; what ends by ``warm_s`` is warm-up."""
    return tuple(
        Phase(f"{kind}-{i}", kind, i, low, high, kind == "idle", kind == "drain", kind == "warmup" or high <= warm_s)
        for i, (kind, low, high) in enumerate(plan)
    )


def load_of(rows: list[tuple[float, str, int]], failed: Mapping[str, float] | None = None) -> Load:
    """The load of rows (t_s, kind, completed); ``failed`` queries of a kind all fail in its first row."""
    rows = sorted(rows)
    kinds = np.array([kind for _, kind, _ in rows])
    completed = np.array([float(count) for *_, count in rows])
    failures = np.zeros(len(rows))
    for kind, count in (failed or {}).items():
        failures[int(np.argmax(kinds == kind))] = count
    return running_totals(np.array([at for at, *_ in rows]), kinds, completed + failures, completed, failures)
