"""The verdict as data: what a run is found to do, in the words and units of ``verdict.json``.

This module owns the format and its file. The rules that fill it in are in ``harness.rules``; no number is computed
here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import RunFormatError
from harness.model import SCHEMA, Interval, Outcome, Shape, finite_or_none
from harness.store.whole import write_whole

VERDICT_FILE = "verdict.json"


@dataclass(frozen=True, slots=True)
class MetricFigures:
    """One metric's growth, in its own unit (bytes or a count) per hour and per query.

    ``detectable_per_h`` is the growth that a run like this one would have called certain in 95 of 100 cases, ``facts``
    the number of independent facts behind the figures.
    """

    metric: str
    unit: str
    shape: Shape
    growth_per_h: Interval
    growth_per_query: Interval
    growth_time_per_h: Interval
    growth_at_production_per_h: Interval
    detectable_per_h: float | None = None
    sawtooth_period_s: float | None = None
    sawtooth_amplitude: float | None = None
    collections_count: int | None = None
    plateau_level: float | None = None
    time_constant_s: float | None = None
    onset_s: float | None = None
    peak: float | None = None
    samples_count: int = 0
    levels_count: int = 0
    levels_are: str | None = None
    facts: float | None = None
    autocorrelation: float | None = None

    def to_json(self) -> dict[str, Any]:
        unit = self.unit
        saw = None
        if self.sawtooth_period_s is not None:
            saw = {
                "period_s": finite_or_none(self.sawtooth_period_s),
                f"amplitude_{unit}": finite_or_none(self.sawtooth_amplitude),
                "collections_count": self.collections_count,
            }
        return {
            "metric": self.metric,
            "shape": self.shape.value,
            f"growth_{unit}_per_h": self.growth_per_h.to_json(),
            f"growth_{unit}_per_query": self.growth_per_query.to_json(),
            f"growth_time_{unit}_per_h": self.growth_time_per_h.to_json(),
            f"growth_at_production_{unit}_per_h": self.growth_at_production_per_h.to_json(),
            f"detectable_{unit}_per_h": finite_or_none(self.detectable_per_h),
            "sawtooth": saw,
            f"plateau_{unit}": finite_or_none(self.plateau_level),
            "time_constant_s": finite_or_none(self.time_constant_s),
            "onset_s": finite_or_none(self.onset_s),
            f"peak_{unit}": finite_or_none(self.peak),
            "samples_count": self.samples_count,
            "levels_count": self.levels_count,
            "levels_are": self.levels_are,
            "independent_facts_count": finite_or_none(self.facts),
            "autocorrelation": finite_or_none(self.autocorrelation),
        }


@dataclass(frozen=True, slots=True)
class KindFigures:
    """What one kind of use leaves behind; ``bytes_per_query`` with a ``reason`` where it cannot be told."""

    kind: str
    bytes_per_query: Interval
    queries_count: float
    reason: str | None = None
    drained_bytes_per_query: Interval | None = None
    tts_calls_per_query: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {"bytes_per_query": self.bytes_per_query.to_json(), "queries_count": self.queries_count}
        if self.bytes_per_query.estimate is None:
            out = {**out, "bytes_per_query": None}
        if self.drained_bytes_per_query is not None:
            out["drained_bytes_per_query"] = self.drained_bytes_per_query.to_json()
        if self.tts_calls_per_query is not None:
            out["tts_calls_per_query"] = self.tts_calls_per_query.to_json()
        if self.reason is not None:
            out["reason"] = self.reason
        return out


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate: ``fail`` when ``low`` is above the limit, ``pass`` when ``high`` is below it.

    ``fail_above`` differs from ``limit`` only for the defaults, which leave room between a certain leak and a certain
    pass.
    """

    name: str
    unit: str
    limit: float
    fail_above: float
    value: float | None
    low: float | None
    high: float | None
    confidence: float | None
    outcome: Outcome
    kind: str | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "name": self.name,
            "limit": self.limit,
            "unit": self.unit,
            "value": finite_or_none(self.value),
            "low": finite_or_none(self.low),
            "high": finite_or_none(self.high),
            "outcome": self.outcome.value,
            "fail_above": self.fail_above,
            "confidence": self.confidence,
        }
        if self.kind is not None:
            out["kind"] = self.kind
        if self.reason is not None:
            out["reason"] = self.reason
        return out


@dataclass(frozen=True, slots=True)
class Forecast:
    """Hours until the memory limit is reached at the driven rate and at production rate; None = never, or not known."""

    limit_bytes: float | None = None
    hours_to_limit: Interval = field(default_factory=Interval)
    hours_to_limit_at_production: Interval = field(default_factory=Interval)

    def to_json(self) -> dict[str, Any]:
        return {
            "limit_bytes": finite_or_none(self.limit_bytes),
            "hours_to_limit": self.hours_to_limit.to_json(),
            "hours_to_limit_at_production": self.hours_to_limit_at_production.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A metric that tells another story than the memory held."""

    metric: str
    says: str

    def to_json(self) -> dict[str, str]:
        return {"metric": self.metric, "says": self.says}


@dataclass(frozen=True, slots=True)
class SelfGrowth:
    """Growth of what measures and drives: a suspect like any other."""

    harness_bytes_per_h: float | None = None
    generator_bytes_per_h: float | None = None
    mock_bytes_per_h: float | None = None

    def to_json(self) -> dict[str, float | None]:
        return {
            "harness_growth_bytes_per_h": finite_or_none(self.harness_bytes_per_h),
            "generator_growth_bytes_per_h": finite_or_none(self.generator_bytes_per_h),
            "mock_growth_bytes_per_h": finite_or_none(self.mock_bytes_per_h),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run is found to do, and why. ``needs_s`` is how much longer the run had to be, where that would settle
    it."""

    outcome: Outcome
    reasons: tuple[str, ...]
    memory: MetricFigures
    metrics: tuple[MetricFigures, ...] = ()
    kinds: tuple[KindFigures, ...] = ()
    idle_per_h: Interval | None = None
    gates: tuple[GateResult, ...] = ()
    forecast: Forecast = field(default_factory=Forecast)
    disagreements: tuple[Disagreement, ...] = ()
    self_growth: SelfGrowth = field(default_factory=SelfGrowth)
    notes: tuple[str, ...] = ()
    needs_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The contents of ``verdict.json``: plain numbers, None for what is not known, never NaN or infinity."""
        kinds: dict[str, Any] = {figures.kind: figures.to_json() for figures in self.kinds}
        kinds["idle"] = {"bytes_per_h": self.idle_per_h.to_json() if self.idle_per_h is not None else None}
        return {
            "schema": SCHEMA,
            "outcome": self.outcome.value,
            "reasons": list(self.reasons),
            "memory": self.memory.to_json(),
            "metrics": {figures.metric: figures.to_json() for figures in self.metrics},
            "kinds": kinds,
            "gates": [gate.to_json() for gate in self.gates],
            "forecast": self.forecast.to_json(),
            "disagreements": [disagreement.to_json() for disagreement in self.disagreements],
            "self": self.self_growth.to_json(),
            "notes": list(self.notes),
            "needs_s": finite_or_none(self.needs_s),
        }


def write_verdict(run_dir: Path, verdict: Verdict) -> Path:
    """Put ``verdict.json`` into ``run_dir``, whole or not at all; returns its path."""
    text = json.dumps(verdict.to_json(), indent=1, allow_nan=False) + "\n"
    return write_whole(run_dir / VERDICT_FILE, text.encode())


def read_verdict(run_dir: Path) -> dict[str, Any]:
    """The stored ``verdict.json``. Raises RunFormatError where there is none, or one of another schema."""
    path = run_dir / VERDICT_FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunFormatError(f"expected {path}, found none; run 'soak analyze {run_dir}' first") from None
    except (OSError, ValueError) as error:
        raise RunFormatError(f"expected JSON in {path}, found {error}; run 'soak analyze {run_dir}' again") from None
    if not isinstance(stored, dict) or stored.get("schema") != SCHEMA:
        raise RunFormatError(f"expected schema {SCHEMA} in {path}; run 'soak analyze {run_dir}' again")
    return stored
