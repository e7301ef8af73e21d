"""What the rows of ``load.csv`` come to over a run, for runs that are held against each other."""

from __future__ import annotations

import numpy as np

from harness.analysis.compare import Use
from harness.analysis.usage import read_plan
from harness.assess import Assessment
from harness.model import Interval
from harness.store.reader import LoadSeries
from harness.units import S_PER_H


def driven_per_s(load: LoadSeries | None) -> float | None:
    """Queries due, whether they could be started in time or not, a second from the first row of load to the last."""
    if load is None or load.t_s.size < 2:
        return None
    span_s = float(load.t_s[-1] - load.t_s[0])
    due = sum(float(np.nansum(load.columns[name])) for name in ("started_count", "dropped_count"))
    return due / span_s if span_s > 0 else None


def sent_by_kind(load: LoadSeries | None) -> dict[str, float]:
    """Bytes that the client received for each query started, of the kinds that were."""
    if load is None:
        return {}
    found = {}
    for code, kind in enumerate(load.kinds):
        rows = load.codes == code
        started, sent = (float(np.nansum(load.columns[name][rows])) for name in ("started_count", "bytes_in"))
        if started:
            found[kind] = sent / started
    return found


def use_of(assessment: Assessment) -> dict[str, Use]:
    """How often queries of each kind were completed in loaded time, and what one left behind."""
    evidence = assessment.evidence
    primary = evidence.metrics.get(evidence.primary)
    if evidence.load is None or primary is None or primary.t_s.size == 0:
        return {}
    plan = read_plan(evidence.load, evidence.phases, float(primary.t_s[0]), float(primary.t_s[-1]))
    kept = {kind.kind: kind.bytes_per_query for kind in assessment.verdict.kinds}
    rates_per_s = zip(evidence.load.kinds, plan.rates_per_s.tolist(), strict=True)
    return {kind: Use(rate * S_PER_H, kept.get(kind, Interval())) for kind, rate in rates_per_s if rate > 0.0}
