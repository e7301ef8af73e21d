"""What a gate measures: one value with its interval from a run's verdict, load, events or samples.

An exact value (a count, a peak) is its own interval; a share has Wilson's, a mean or ratio Student's over batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit  # scipy.stats takes a second to load

from harness.analysis.kinds import GATE_CONFIDENCE
from harness.assess import Evidence
from harness.model import EventName, Interval
from harness.store.reader import StoredRun
from harness.verdict import Verdict

BATCHES = 12
FEWEST_ROWS = 4 * BATCHES

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Value:
    """A measured value, or why there is none; ``kind`` where it is that of one kind of use."""

    interval: Interval
    reason: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """All that gates look at."""

    run: StoredRun
    verdict: Verdict
    evidence: Evidence


def exact(value: float) -> Value:
    return Value(Interval(value, value, value, 1.0))


def unknown(reason: str, kind: str | None = None) -> Value:
    return Value(Interval(), reason, kind)


def share(part: float, whole: float) -> Interval:
    """Wilson's interval of ``part`` of ``whole`` counts."""
    z2 = float(ndtri(0.5 + GATE_CONFIDENCE / 2)) ** 2
    p = part / whole
    middle = (p + z2 / (2 * whole)) / (1 + z2 / whole)
    half = np.sqrt(z2 * (p * (1 - p) / whole + z2 / (4 * whole**2))) / (1 + z2 / whole)
    low = 0.0 if part <= 0 else max(0.0, float(middle - half))
    high = 1.0 if part >= whole else min(1.0, float(middle + half))
    return Interval(p, low, high, GATE_CONFIDENCE)


def errors(material: Material) -> Value:
    """Failed of all queries that ended."""
    completed, failed = _sum(material, "completed_count"), _sum(material, "failed_count")
    if completed + failed <= 0:
        return unknown("no query ended")
    return Value(share(failed, completed + failed))


def completeness(material: Material) -> Value:
    """Completed of all queries that were due: those that ended, and those that could not be started in time."""
    completed = _sum(material, "completed_count")
    due = completed + _sum(material, "failed_count") + _sum(material, "dropped_count")
    return Value(share(completed, due)) if due > 0 else unknown("no query was due")


def answer_bytes(material: Material) -> list[Value]:
    """Bytes received for a completed query, by kind; a ratio over batches in time."""
    return [_ratio(material, kind, "bytes_in", "completed_count") for kind in _kinds(material)]


def _ratio(material: Material, kind: str, above: str, below: str) -> Value:
    rows = _rows(material, kind)
    upper, lower = _column(material, above)[rows], _column(material, below)[rows]
    total = float(np.nansum(lower))
    if total <= 0:
        return unknown(f"no query of kind {kind} was completed", kind)
    value = float(np.nansum(upper)) / total
    batches = np.array_split(np.arange(len(lower)), BATCHES)
    tops = np.array([np.nansum(upper[batch]) for batch in batches])
    bottoms = np.array([np.nansum(lower[batch]) for batch in batches])
    if len(lower) < BATCHES:
        return Value(Interval(value, None, None, GATE_CONFIDENCE), "too few rows for an interval", kind)
    residuals = tops - value * bottoms
    error = float(np.std(residuals, ddof=1)) * np.sqrt(BATCHES) / total
    half = float(stdtrit(BATCHES - 1, 0.5 + GATE_CONFIDENCE / 2)) * error
    return Value(Interval(value, value - half, value + half, GATE_CONFIDENCE), None, kind)


def latency_drift(material: Material) -> list[Value]:
    """p95 of the last quarter of each kind's rows over that of the first, on the logarithm, over batches."""
    return [_drift(material, kind) for kind in _kinds(material)]


def _drift(material: Material, kind: str) -> Value:
    slow = _column(material, "total_p95_ms")[_rows(material, kind)]
    slow = np.log(slow[np.isfinite(slow) & (slow > 0)])
    if len(slow) < FEWEST_ROWS:
        return unknown(f"only {len(slow)} rows with latencies of kind {kind}, {FEWEST_ROWS} are needed", kind)
    quarter = len(slow) // 4
    first, last = (
        np.array([part.mean() for part in np.array_split(rows, BATCHES // 2)])
        for rows in (slow[:quarter], slow[-quarter:])
    )
    change = float(last.mean() - first.mean())
    error = float(np.sqrt(first.var(ddof=1) / len(first) + last.var(ddof=1) / len(last)))
    half = float(stdtrit(len(first) - 1, 0.5 + GATE_CONFIDENCE / 2)) * error
    factor, low, high = (float(np.exp(value)) for value in (change, change - half, change + half))
    return Value(Interval(factor, low, high, GATE_CONFIDENCE), None, kind)


def metric_growth(material: Material, metric: str) -> Value:
    """Growth per hour, as the verdict has it."""
    verdict = material.verdict
    figures = next((f for f in (verdict.memory, *verdict.metrics) if f.metric == metric), None)
    if figures is None or figures.growth_per_h.estimate is None:
        return unknown(f"the growth of {metric} is not known")
    return Value(figures.growth_per_h)


def metric_peak(material: Material, metric: str) -> Value:
    """The largest reading."""
    _, values = samples(material, metric)
    known = values[np.isfinite(values)]
    return exact(float(known.max())) if len(known) else unknown(f"{metric} was never read")


def metric_drained(material: Material, metric: str) -> Value:
    """The largest of the last readings before each new load, and before the end of the run: what drains leave."""
    t_s, values = samples(material, metric)
    good = np.isfinite(values)
    t_s, values = t_s[good], values[good]
    phases = material.evidence.phases
    starts = [phase.start_s for phase in phases if phase.loaded or phase.warmup]
    quiet = [phase for phase in phases if phase.drain or phase.idle]
    if not quiet or not len(t_s):
        return unknown("there was no drain")
    ends = {min((start for start in starts if start >= phase.end_s), default=phase.end_s) for phase in quiet}
    last = [float(values[index - 1]) for end in sorted(ends) if (index := int(np.searchsorted(t_s, end, "left"))) > 0]
    return exact(max(last)) if last else unknown("there was no reading after a drain")


def metric_per_query(material: Material, metric: str) -> Value:
    """Increase of a counter over the run, restarts of the counter allowed for, per completed query."""
    _, values = samples(material, metric)
    known = values[np.isfinite(values)]
    completed = _sum(material, "completed_count")
    if len(known) < 2 or completed <= 0:
        return unknown(f"no completed query, or no two readings of {metric}")
    steps = np.diff(known)
    return exact(float(steps[steps > 0].sum()) / completed)


BASE64_FACTOR = 4 / 3


def log_matches(material: Material, rule: str, unit: str = "count") -> Value:
    """How often a log rule matched: in all, per query that ended, or (ratio) the part of the bytes received that the
    bytes in those lines explain when they are sent as base64."""
    matches = [
        event.fields
        for event in material.run.events
        if event.event == EventName.LOG_MATCH and event.fields.get("rule") == rule
    ]
    if unit == "ratio":
        received = _sum(material, "bytes_in")
        generated = sum(float(fields.get("value", 0)) for fields in matches)
        return exact(generated * BASE64_FACTOR / received) if received > 0 else unknown("no byte was received")
    count = float(sum(int(fields.get("count", 1)) for fields in matches))
    if unit == "count":
        return exact(count)
    ended = _sum(material, "completed_count") + _sum(material, "failed_count")
    return exact(count / ended) if ended > 0 else unknown("no query ended")


def samples(material: Material, metric: str) -> tuple[Floats, Floats]:
    """(t_s, values) of ``<probe>.<column>``; empty where it was not recorded."""
    probe, _, column = metric.partition(".")
    table = material.run.probes.get(probe)
    if table is None or column not in table.columns:
        return np.empty(0), np.empty(0)
    return table.t_s, table.columns[column]


def _kinds(material: Material) -> tuple[str, ...]:
    return material.run.load.kinds if material.run.load is not None else ()


def _rows(material: Material, kind: str) -> NDArray[np.bool_]:
    load = material.run.load
    if load is None:
        return np.array([], dtype=bool)
    return np.asarray(load.codes == load.kinds.index(kind))


def _column(material: Material, name: str) -> Floats:
    load = material.run.load
    return np.array([]) if load is None else load.columns[name]


def _sum(material: Material, name: str) -> float:
    return float(np.nansum(_column(material, name)))
