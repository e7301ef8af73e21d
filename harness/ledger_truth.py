"""What the reference backend's ledger says a demo run retained, by kind of use: the truth beside the verdict.

The ledger is sampled as a probe of its own, so the truth lies in the run directory like everything else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.model import IDLE_KIND, WARMUP_PHASE, EventName
from harness.store.reader import StoredRun

LEDGER_PROBE = "ledger"
TIME_FAULT_COLUMN = "memory_tracker_bytes"
"""Retained with time alone; all other faults retain with use."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Bytes retained per query of each kind, and per hour with time alone, according to the ledger."""

    bytes_per_query: dict[str, float]
    time_bytes_per_h: float


def ledger_truth(run: StoredRun) -> Truth | None:
    """None where the run did not record the ledger or the load."""
    ledger = run.probes.get(LEDGER_PROBE)
    if ledger is None or run.load is None or ledger.t_s.size < 2:
        return None
    t_s = ledger.t_s
    by_time = ledger.columns[TIME_FAULT_COLUMN]
    use_columns = [name for name in ledger.columns if name.endswith("_bytes") and name != TIME_FAULT_COLUMN]
    by_use = np.sum([ledger.columns[name] for name in use_columns], axis=0)
    known = ~np.isnan(by_time) & ~np.isnan(by_use)
    t_s, by_time, by_use = t_s[known], by_time[known], by_use[known]
    if t_s.size < 2:
        return None
    slope = float(by_time[-1] - by_time[0]) / float(t_s[-1] - t_s[0]) * 3600.0
    return Truth(_per_query(run, t_s, by_use), slope)


def _per_query(run: StoredRun, t_s: NDArray[np.float64], by_use: NDArray[np.float64]) -> dict[str, float]:
    """Each block of one kind lasts until the next block starts, so that its drain and idle time belong to it."""
    assert run.load is not None
    starts = [
        (event.t_s, str(event.fields.get("kind")), str(event.fields.get("phase")))
        for event in run.events
        if event.event == EventName.PHASE_START and event.fields.get("kind") != IDLE_KIND
    ]
    bounds = [*(start for start, _, _ in starts), float(t_s[-1])]
    retained: dict[str, float] = {}
    queries: dict[str, float] = {}
    for (start, kind, phase), end in zip(starts, bounds[1:], strict=True):
        if phase == WARMUP_PHASE or kind not in run.load.kinds:
            continue
        before, after = np.interp([start, end], t_s, by_use)
        rows = (run.load.codes == run.load.kinds.index(kind)) & (run.load.t_s > start) & (run.load.t_s <= end)
        retained[kind] = retained.get(kind, 0.0) + float(after - before)
        queries[kind] = queries.get(kind, 0.0) + float(run.load.columns["completed_count"][rows].sum())
    return {kind: retained[kind] / queries[kind] for kind in retained if queries[kind] > 0}
