"""What the report takes from the run directory itself, beside the assessment: who, when, how, and latencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.model import ContainerIdentity, EndReason, Outcome, ProcessIdentity, Role
from harness.report.figures.curves import Curve
from harness.report.text import printable, short
from harness.store.reader import StoredRun, read_run
from harness.store.schema import Manifest
from harness.units import format_duration

_LATENCIES = (
    ("first_byte_p95_ms", "first byte p95"),
    ("total_p50_ms", "total p50"),
    ("total_p95_ms", "total p95"),
    ("total_p99_ms", "total p99"),
)
_END_WORDS = {
    EndReason.COMPLETED: "completed as planned",
    EndReason.EARLY_STOP: "stopped early",
    EndReason.INTERRUPTED: "interrupted",
    EndReason.TARGET_DIED: "the target died",
    EndReason.GENERATOR_FAILED: "the load generator failed",
    EndReason.MOCK_FAILED: "the mock failed",
    EndReason.DISK_FULL: "the disk was full",
}
_TARGETS = ("command", "reference", "container", "pid")
_LONGEST_TARGET = 60


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as the report needs it. ``curves`` holds every sample of the primary metric, ``latencies`` (ms) by kind."""

    run_id: str
    scenario: str
    started_at: str
    seed: int | None
    speedup: float
    end_s: float
    end: EndReason | None
    target: str
    target_commit: str | None
    host: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    commit: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    latencies: Mapping[str, dict[str, Curve]] = field(default_factory=dict)

    def role(self, metric: str) -> Role | None:
        """Whose number ``<probe>.<column>`` is."""
        return self.roles.get(metric.partition(".")[0])

    def meaning(self, metric: str) -> str:
        """What the manifest says a metric means."""
        return self.meanings.get(metric, "no meaning given in the manifest")

    def end_words(self, outcome: Outcome) -> str:
        """Why and when the run ended; an early stop by what it came to."""
        length = format_duration(self.end_s)
        if self.end is None:
            return f"cut short after {length}: there is no end.json"
        if self.end is EndReason.EARLY_STOP and outcome is Outcome.INCONCLUSIVE:
            return f"given up early, after {length}: it would not have been decided in the time planned"
        if self.end is EndReason.EARLY_STOP and outcome is not Outcome.INVALID:
            return f"stopped early, after {length}: the evidence was in"
        return f"{_END_WORDS[self.end]} after {length}"


def read_facts(run_dir: Path, primary: str) -> RunFacts:
    """The facts of the run in ``run_dir``; of its samples only those of ``primary``. Raises RunFormatError."""
    run = read_run(run_dir, lambda probe, column: f"{probe.name}.{column.name}" == primary)
    manifest = run.manifest
    columns = {f"{probe.name}.{column.name}": column for probe in manifest.probes for column in probe.columns}
    end_s = _end_s(run)
    return RunFacts(
        run_id=manifest.run_id,
        scenario=manifest.scenario,
        started_at=manifest.started_at,
        seed=manifest.seed,
        speedup=manifest.speedup,
        end_s=end_s,
        end=run.end.reason if run.end is not None else None,
        target=target_words(manifest),
        target_commit=manifest.commit.get("target"),
        host=manifest.host,
        versions=manifest.versions,
        commit=manifest.commit,
        config=manifest.config,
        roles={probe.name: probe.role for probe in manifest.probes},
        meanings={name: printable(column.meaning) for name, column in columns.items()},
        curves=_primary_curve(run, primary),
        latencies=_latencies(run),
    )


def target_words(manifest: Manifest) -> str:
    """What was tested, as the manifest names it (secrets are replaced there): ``node server.js (pid 6175)``."""
    asked = manifest.config.get("target")
    given = {name: asked.get(name) for name in _TARGETS if asked.get(name)} if isinstance(asked, Mapping) else {}
    watched = [probe.identity for probe in manifest.probes if probe.role is Role.TARGET and probe.identity is not None]
    pid = next((f"pid {identity.pid}" for identity in watched if isinstance(identity, ProcessIdentity)), "")
    container = next((identity.container for identity in watched if isinstance(identity, ContainerIdentity)), "")
    if "command" in given:
        return f"{short(given['command'], _LONGEST_TARGET)}" + (f" ({pid})" if pid else "")
    if "reference" in given:
        return f"reference backend “{short(given['reference'], 20)}”" + (f" ({pid})" if pid else "")
    if "container" in given or container:
        return f"container {short(given.get('container') or container, _LONGEST_TARGET)}"
    return f"pid {short(given['pid'], 20)}" if "pid" in given else pid


def _end_s(run: StoredRun) -> float:
    """When the run ended, or its last sample where it was cut short."""
    last = [float(samples.t_s[-1]) for samples in run.probes.values() if len(samples.t_s)]
    return max([*last, run.end.t_s if run.end is not None else 0.0], default=0.0)


def _primary_curve(run: StoredRun, primary: str) -> dict[str, Curve]:
    probe, _, column = primary.partition(".")
    samples = run.probes.get(probe)
    if samples is None or column not in samples.columns:
        return {}
    known = np.isfinite(samples.columns[column])
    return {primary: Curve(samples.t_s[known], samples.columns[column][known])}


def _latencies(run: StoredRun) -> dict[str, dict[str, Curve]]:
    if run.load is None:
        return {}
    out: dict[str, dict[str, Curve]] = {}
    for code, kind in enumerate(run.load.kinds):
        rows = run.load.codes == code
        curves = {
            words: Curve(run.load.t_s[rows], run.load.columns[name][rows])
            for name, words in _LATENCIES
            if np.isfinite(run.load.columns[name][rows]).any()
        }
        if curves:
            out[kind] = curves
    return out
