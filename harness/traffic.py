"""What the rows of ``load.csv`` come to over a run, for runs that are held against each other."""

from __future__ import annotations

import numpy as np

from harness.store.reader import LoadSeries


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
