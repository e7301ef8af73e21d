"""What one query of each kind leaves behind, where the load plan shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.bounded import bounded_interval
from harness.analysis.design import FIRST_KIND, LINE, Columns, Model
from harness.analysis.regression import Floats, Mixture, fit
from harness.analysis.usage import Load, Plan
from harness.model import Interval

GATE_CONFIDENCE = 0.98
"""Confidence of the intervals that gates are judged by: wrongly certain on one side in 1 of 100 runs at the limit."""
HELD_SHARE = 0.04
"""What a process holds for a byte that it keeps (headers, size classes, half-used pages) is known to about this share
only: measured against the reference backend's ledger, 1.5 to 3.5 % more. Intervals per query do not claim to know
better."""


@dataclass(frozen=True, slots=True)
class Part:
    """Growth of one kind: bytes per query, or the reason why the plan does not show it.

    ``certain`` is the same at the confidence that gates ask for. ``lasting`` is whether the second half of the queries
    still grows it by a fifth of the whole (step 11). ``failed`` counts the queries that did not complete.
    """

    kind: str
    count: float
    per_query: Interval
    certain: Interval
    reason: str | None
    lasting: bool
    failed: float = 0.0


def parts_of(
    columns: Columns,
    model: Model,
    mixture: Mixture,
    first: Mixture,
    load: Load | None,
    plan: Plan | None,
    y: Floats,
    gaps: Floats,
) -> tuple[Part, ...]:
    """Every kind of the load: what the averaged fits say of it, or why the plan does not show it.

    ``first`` is the fit of ``model`` to the (K,) scaled levels ``y``, ``gaps`` as from ``regression.spacings``.
    """
    if load is None or plan is None:
        return ()
    parts = []
    counts = load.counts()
    failures = dict(zip(load.kinds, load.failed_counts, strict=False))
    for k, kind in enumerate(load.kinds):
        reason = plan.unseen[k]
        if reason is None and k not in columns.kinds:
            reason = f"the load plan cannot tell kind {kind} from the rest"
        if reason is not None:
            parts.append(Part(kind, counts[kind], Interval(), Interval(), reason, True, failures.get(kind, 0.0)))
            continue
        j = columns.kinds.index(k)
        usual, certain = (_one_kind(mixture, columns, j, level) for level in (0.95, GATE_CONFIDENCE))
        lasting = _lasts(columns, model, first, j, y, gaps)
        parts.append(Part(kind, counts[kind], usual, certain, None, lasting, failures.get(kind, 0.0)))
    return tuple(parts)


def _one_kind(mixture: Mixture, columns: Columns, j: int, confidence: float) -> Interval:
    """Bytes per query of one kind, where neither time nor another kind gives memory back for good."""
    own = FIRST_KIND + j
    estimate, low, high = mixture.interval(mixture.unit_vector(own), confidence)
    which = [own, LINE, *(FIRST_KIND + i for i in range(len(columns.kinds)) if i != j)]
    narrowed = bounded_interval(
        mixture.mean[which],
        mixture.covariance[np.ix_(which, which)],
        0.5 * (high - low),
        contradiction(mixture, mixture.unit_vector(own), confidence),
    )
    if narrowed is not None:
        estimate, low, high = narrowed
    span = columns.spans[j]
    systematic = HELD_SHARE * abs(estimate)
    low = estimate - float(np.hypot(estimate - low, systematic))
    high = estimate + float(np.hypot(high - estimate, systematic))
    return Interval(estimate / span, low / span, high / span, confidence)


def contradiction(mixture: Mixture, contrast: Floats, confidence: float) -> float | None:
    """Half-width of the interval by which the data may say that time or a kind gives memory back, beside an interval of
    ``confidence``; None where it is that interval's own.

    That of the gates whatever the confidence asked for, so that growth as printed and as judged are one estimate.
    """
    if confidence == GATE_CONFIDENCE:
        return None
    _, low, high = mixture.interval(contrast, GATE_CONFIDENCE)
    return 0.5 * (high - low)


def _lasts(columns: Columns, model: Model, first: Mixture, j: int, y: Floats, gaps: Floats) -> bool:
    """Whether the second half of a kind's queries still grows memory by a fifth of what all of them do."""
    column = columns.line + 1 + j
    later = np.maximum(model.design[:, column] - 0.5, 0.0)[:, None]
    again = fit(y, np.column_stack([model.design, later]), gaps, phis=(min(first.phi, 0.99),))
    return bool(again.mean[column] + again.mean[-1] >= 0.2 * first.mean[column])
