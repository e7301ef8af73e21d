"""How much use there was until when, and whether the load plan lets one kind of use be told from another and from time.

Usage leaks are regressions on cumulative counts; the plan, not the estimator, decides whether they can be seen (study,
section 0, finding 7). What the plan cannot tell apart is named here, before anything is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.analysis.regression import Floats
from harness.analysis.segments import Phase, loaded_spans

_POINTS_IN_SPAN = 8
_WINDOWS = 32
_SOME_UNDER_WAY = 0.5
_RELEASES = 10
"""Time constants with which memory may follow the load, up to an eighth of the run (study, section 3.2, 5 and 7)."""
_NULL_SHARE = 0.05
"""Singular value, relative to the largest, under which a combination of kinds and time counts as unseen by the plan."""
_DISPERSION = 4.0
"""Without phases, the counts must vary this much more than chance arrivals (variance over mean) to be a plan."""


@dataclass(frozen=True, slots=True)
class Steps:
    """A running total of one kind: ``total`` at ``t_s``, straight between, flat outside."""

    t_s: Floats
    total: Floats

    def at(self, t_s: Floats) -> Floats:
        """Total at any times."""
        return np.asarray(np.interp(t_s, self.t_s, self.total)) if self.t_s.size else np.zeros_like(t_s)

    def over(self, low_s: Floats, high_s: Floats) -> Floats:
        """Mean of the total over each span ``[low_s, high_s]``."""
        shares = (np.arange(_POINTS_IN_SPAN) + 0.5) / _POINTS_IN_SPAN
        return np.asarray(np.mean([self.at(low_s + share * (high_s - low_s)) for share in shares], axis=0))


@dataclass(frozen=True, slots=True)
class Load:
    """Use by kind: completed queries, and conversations under way, as running totals; ``failed`` queries of all kinds,
    ``failed_counts`` by kind.

    A query that failed may leave more behind than one that did not (a time-out is a disconnect to the target), so
    failed ones are a use of their own, beside the kinds.
    """

    kinds: tuple[str, ...]
    completed: tuple[Steps, ...]
    open: tuple[Steps, ...]
    failed: Steps = field(default_factory=lambda: Steps(np.empty(0), np.empty(0)))
    failed_counts: tuple[float, ...] = ()

    def counts(self) -> dict[str, float]:
        """Completed queries by kind over the whole run."""
        return {
            kind: float(s.total[-1]) if s.total.size else 0.0
            for kind, s in zip(self.kinds, self.completed, strict=True)
        }


def running_totals(t_s: Floats, kind: NDArray[np.str_], started: Floats, completed: Floats, failed: Floats) -> Load:
    """The load of rows that each stand for the interval that ends at ``t_s``."""
    distinct = np.unique(t_s)
    resolution_s = max(float(np.quantile(np.diff(distinct), 0.25, method="lower")), 1e-3) if distinct.size > 1 else 1.0
    kinds = tuple(sorted({str(k) for k in kind}))
    done, under_way = [], []
    for name in kinds:
        rows = kind == name
        ends = t_s[rows]
        begins = np.maximum(ends - resolution_s, np.concatenate([[-np.inf], ends[:-1]]))
        done.append(_totals(begins, ends, completed[rows]))
        under_way.append(_totals(begins, ends, started[rows] - completed[rows] - failed[rows]))
    failures = tuple(float(np.sum(failed[kind == name])) for name in kinds)
    return Load(kinds, tuple(done), tuple(under_way), _all_kinds(t_s, failed, resolution_s), failures)


def _all_kinds(t_s: Floats, counts: Floats, resolution_s: float) -> Steps:
    """Running total over rows of several kinds, ascending but not strictly so."""
    ends, first = np.unique(t_s, return_index=True)
    if ends.size == 0:
        return Steps(t_s, t_s)
    begins = np.maximum(ends - resolution_s, np.concatenate([[-np.inf], ends[:-1]]))
    return _totals(begins, ends, np.add.reduceat(counts, first))


def _totals(begins: Floats, ends: Floats, counts: Floats) -> Steps:
    total = np.cumsum(counts)
    t_s = np.column_stack([begins, ends]).ravel()
    values = np.column_stack([total - counts, total]).ravel()
    return Steps(t_s, values)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the load plan can tell: mean rates over loaded time, and a reason for each kind that it cannot tell."""

    rates_per_s: Floats
    failed_per_s: float
    unseen: tuple[str | None, ...]
    pooled: bool
    loaded_s: float


def read_plan(load: Load, phases: tuple[Phase, ...], start_s: float, end_s: float) -> Plan:
    """What the levels between ``start_s`` and ``end_s`` can tell; rates are those of all loaded time, warm-up apart."""
    spans = loaded_spans(phases)
    loaded_s = sum(b - a for a, b in spans) if phases else end_s - start_s
    used = _used(load, spans[0][0] if spans else start_s, max(end_s, spans[-1][1]) if spans else end_s)
    rates = used / loaded_s if loaded_s > 0 else np.zeros(len(load.kinds))
    usable = [p for p in phases if not p.warmup and min(p.end_s, end_s) > max(p.start_s, start_s)]
    unseen, pooled = _by_phases(load, usable, start_s, end_s) if usable else _by_windows(load, start_s, end_s)
    unseen = tuple(
        f"no query of kind {kind} was completed" if count <= 0 else reason
        for kind, count, reason in zip(load.kinds, used, unseen, strict=True)
    )
    failed = float(np.diff(load.failed.at(np.array([spans[0][0] if spans else start_s, end_s])))[0])
    return Plan(rates, failed / loaded_s if loaded_s > 0 else 0.0, unseen, pooled, loaded_s)


def _used(load: Load, low_s: float, high_s: float) -> Floats:
    edges = np.array([low_s, high_s])
    return np.array([float(np.diff(steps.at(edges))[0]) for steps in load.completed])


def _by_phases(load: Load, phases: list[Phase], start_s: float, end_s: float) -> tuple[tuple[str | None, ...], bool]:
    """Whether the kinds of phase span the directions that have to be told apart; chance in the arrivals does not
    count."""
    low = np.array([max(phase.start_s, start_s) for phase in phases])
    high = np.array([min(phase.end_s, end_s) for phase in phases])
    used = np.stack([steps.at(high) - steps.at(low) for steps in load.completed], axis=1)
    names = ["" if phase.idle or phase.drain else phase.kind for phase in phases]
    labels, member = np.unique(names, return_inverse=True)
    times = np.bincount(member, high - low)
    totals = [np.bincount(member, used[:, k], labels.size) for k in range(used.shape[1])]
    rates = np.stack(totals, axis=1) / times[:, None]
    scale = np.maximum(np.max(rates, axis=0), 1e-12)
    rows = np.column_stack([np.ones(times.size), rates / scale]) * np.sqrt(times / np.sum(times))[:, None]
    return _unseen_in(load.kinds, rows, rates.sum(axis=0) / scale)


def _unseen_in(kinds: tuple[str, ...], rows: Floats, mix: Floats) -> tuple[tuple[str | None, ...], bool]:
    _, singular, right = np.linalg.svd(rows, full_matrices=True)
    size = np.zeros(right.shape[0])
    size[: singular.size] = singular
    null = right[size < _NULL_SHARE * size[0]]
    share = np.sqrt(np.sum(null**2, axis=0)) if null.size else np.zeros(rows.shape[1])
    reasons: list[str | None] = []
    for k, kind in enumerate(kinds, start=1):
        if share[k] < 0.1:
            reasons.append(None)
            continue
        partners = [other for j, other in enumerate(kinds, start=1) if j != k and share[j] >= 0.1]
        others = [*(f"kind {p}" for p in partners), *(["time"] if share[0] >= 0.1 else [])]
        reasons.append(f"the load plan cannot tell kind {kind} from {' or '.join(others) or 'the rest'}")
    direction = np.concatenate([[0.0], mix])
    length = float(np.linalg.norm(direction))
    pooled = length > 0 and (not null.size or float(np.linalg.norm(null @ direction)) < 0.1 * length)
    return tuple(reasons), pooled


def _by_windows(load: Load, start_s: float, end_s: float) -> tuple[tuple[str | None, ...], bool]:
    """Without phases: whether counts in equal windows vary beyond chance, and apart from one another."""
    edges = np.linspace(start_s, end_s, _WINDOWS + 1)
    counts = np.array([np.diff(steps.at(edges)) for steps in load.completed]).T
    ones = np.ones((_WINDOWS, 1))
    reasons: list[str | None] = []
    for k, kind in enumerate(load.kinds):
        others = np.delete(counts, k, axis=1)
        if not _varies(counts[:, k], ones):
            reasons.append(f"the load plan cannot tell kind {kind} from time: it ran at a constant rate")
        elif others.shape[1] and not _varies(counts[:, k], np.column_stack([ones, others])):
            reasons.append(f"the load plan cannot tell kind {kind} from the other kinds: they ran together")
        else:
            reasons.append(None)
    pooled = counts.size > 0 and _varies(counts.sum(axis=1), ones)
    return tuple(reasons), pooled


def _varies(counts: Floats, others: Floats) -> bool:
    solution, *_ = np.linalg.lstsq(others, counts, rcond=None)
    residual = counts - others @ solution
    return bool(np.mean(residual**2) > _DISPERSION * max(float(np.mean(counts)), 1e-12))


def truly_quiet(load: Load, spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those of ``spans`` in which no more conversations are under way than in most of them.

    A slow target answers on into the drain; what it holds then is not what is left. Conversations whose end was never
    counted stay under way for good, so the others are the measure, not zero.
    """
    if not spans:
        return spans
    edges = np.array(spans).T
    under_way = np.sum([steps.over(edges[0], edges[1]) for steps in load.open], axis=0)
    usual = float(np.quantile(under_way, 0.4))
    return [span for span, count in zip(spans, under_way.tolist(), strict=True) if count <= usual + _SOME_UNDER_WAY]


def released_columns(load: Load, t_s: Floats, length_s: float) -> list[tuple[str, Floats]]:
    """Columns for memory that use holds for a while: conversations under way, and use smoothed over time constants.

    Study, section 3.2 steps 5 and 7. Each column is (K,), scaled to the order of one.
    """
    columns: list[tuple[str, Floats]] = []
    start_s, end_s = float(t_s[0]), float(t_s[-1])
    grid = np.linspace(start_s - 0.2 * length_s, end_s, 2400)
    step_s = float(grid[1] - grid[0])
    taus_s = np.geomspace(max(2.0 * step_s, 1.0), max(length_s / 8.0, 2.0 * step_s, 1.0), _RELEASES)
    together = np.zeros(grid.size)
    for kind, done, under_way in zip(load.kinds, load.completed, load.open, strict=True):
        columns.append((f"{kind} under way", under_way.at(t_s)))
        rate = np.diff(done.at(np.append(grid, grid[-1] + step_s))) / step_s
        together += rate
        columns += _held(f"{kind} over", grid, rate, taus_s[::2], t_s)
    if len(load.kinds) > 1:
        columns.append(("all under way", np.sum([steps.at(t_s) for steps in load.open], axis=0)))
        columns += _held("all over", grid, together, taus_s, t_s)
    out = []
    for name, column in columns:
        peak = float(np.max(np.abs(column)))
        if peak > 0 and float(np.ptp(column)) > 1e-6 * peak:
            out.append((name, column / peak))
    return out


def _held(name: str, grid: Floats, rate: Floats, taus_s: Floats, t_s: Floats) -> list[tuple[str, Floats]]:
    """Memory that use holds for a time constant, for each of ``taus_s``, at ``t_s``."""
    step_s = float(grid[1] - grid[0])
    return [
        (f"{name} {tau_s:.3g} s", np.interp(t_s, grid, _smoothed(rate, step_s / tau_s))) for tau_s in taus_s.tolist()
    ]


def _smoothed(values: Floats, share: float) -> Floats:
    """Exponential moving average with weight ``share`` on each new value, by Fourier transform."""
    kernel = np.exp(-share * np.arange(values.size))
    length = 2 * values.size
    product = np.fft.rfft(values, length) * np.fft.rfft(kernel / kernel.sum(), length)
    return np.asarray(np.fft.irfft(product, length)[: values.size])
