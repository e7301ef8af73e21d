"""How fast memory grows at the end of a run, with an interval: the estimate that every verdict rests on.

``estimate_growth`` fits time, use by kind, and the nuisance terms that ``selection`` finds to the levels, under every
autocorrelation, and reads off the growth at the run's own mix, the part that comes with time alone, and bytes per
query. Study, section 3.2 steps 5 to 11. Times are seconds and rates per second here; ``harness.verdict`` turns them
into hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.analysis.dictionary import DECAYING, PARAMETERS, SMOOTH, Term, TermKind, candidates
from harness.analysis.levels import Levels
from harness.analysis.regression import Floats, Mixture, fit, spacings
from harness.analysis.selection import Selection, select
from harness.analysis.usage import Load, Plan, released_columns
from harness.model import Interval

FEWEST_LEVELS = 8
"""Under this many levels nothing is estimated."""
GATE_CONFIDENCE = 0.99
"""Confidence of the intervals that gates are judged by: a wrong certainty on either side in 1 of 200 runs at the
limit."""
END_SHARE = 0.25
"""The end of the run, over which the smooth terms' slope is read: its last quarter (step 10)."""
_MOST_KINDS = 6


@dataclass(frozen=True, slots=True)
class Part:
    """Growth of one kind: bytes per query, or the reason why the plan does not show it.

    ``certain`` is the same at the confidence that gates ask for. ``lasting`` is whether the second half of the queries
    still grows it by a fifth of the whole (step 11).
    """

    kind: str
    count: float
    per_query: Interval
    certain: Interval
    reason: str | None
    lasting: bool


@dataclass(frozen=True, slots=True)
class Growth:
    """What one series does at the end of its run. Rates are per second; intervals have 95 % unless they say otherwise.

    ``at_end`` is total growth while loaded, ``certain`` the same at the confidence that gates ask for, ``lasting``
    without warm-up terms that die out; ``time`` the part that comes with time alone. ``facts`` counts the independent
    facts behind it (levels over their correlation time).
    """

    at_end: Interval
    certain: Interval
    lasting: Interval
    time: Interval
    per_query: Interval
    per_query_reason: str | None
    parts: tuple[Part, ...]
    detectable: float
    terms: tuple[Term, ...]
    load_terms: tuple[str, ...]
    coefficients: Floats
    phi: float
    noise: float
    facts: float
    fitted: Floats
    band: Floats
    level: float
    mixture: Mixture
    time_contrast: Floats
    usage_contrast: Floats
    """Scaled so that ``mixture.interval`` of a sum of them is growth per second."""

    def mixed(self, share: float) -> Interval:
        """Total growth per second at ``share`` times the driven rate."""
        return Interval(*self.mixture.interval(self.time_contrast + share * self.usage_contrast))


@dataclass(frozen=True, slots=True)
class _Model:
    """Columns of the final regression and how to read them, in scaled units."""

    design: Floats
    slopes: Floats
    lasting: Floats
    load_terms: tuple[str, ...]
    terms: tuple[Term, ...]
    time: int
    kinds: dict[int, int]
    spent: float


def estimate_growth(
    levels: Levels, load: Load | None = None, plan: Plan | None = None, floor: float = 0.0
) -> Growth | None:
    """Growth of ``levels``, or None where there are too few of them.

    Args:
        levels: after trimming.
        load: use on the same clock.
        plan: what ``load`` can tell; needed with it.
        floor: smallest change that the counter can show (its quantum), used where the series itself shows none.
    """
    if levels.count < FEWEST_LEVELS:
        return None
    centre = float(np.median(levels.y))
    deviation = levels.y - centre
    scale = float(np.max(np.abs(deviation)))
    quantum = levels.quantum if levels.quantum > 0 else floor
    scale = max(scale, quantum, 1e-9 * max(abs(centre), 1e-12))
    y = deviation / scale
    noise_floor = max(quantum / scale / np.sqrt(12.0), 1e-9)
    gaps = spacings(levels.t_s, levels.piece)
    model = _choose(levels, y, gaps, load, plan, noise_floor)
    mixture = fit(y, model.design, gaps, noise_floor=noise_floor, spent=model.spent)
    return _read(levels, model, mixture, y, scale, centre, load, plan)


def _choose(
    levels: Levels, y: Floats, gaps: Floats, load: Load | None, plan: Plan | None, noise_floor: float
) -> _Model:
    t_s, start_s = levels.t_s, float(levels.t_s[0])
    length_s = float(t_s[-1] - t_s[0])
    bounds = levels.bounds()
    ones = np.stack([np.where(levels.piece == k, 1.0, 0.0) for k in np.unique(levels.piece)], axis=1)
    line = ((t_s - start_s) / length_s - 0.5)[:, None]
    used, kinds = _usage_columns(levels, load, plan, np.column_stack([ones, line]))
    base = np.column_stack([ones, line, *used]) if used else np.column_stack([ones, line])
    terms = candidates(t_s, bounds)
    singles = [term for term in terms if term.kind is not TermKind.CYCLE]
    pairs = [term for term in terms if term.kind is TermKind.CYCLE]
    released = released_columns(load, t_s, length_s) if load is not None else []
    columns = [term.evaluate(t_s) for term in singles] + [column for _, column in released]
    groups = [_unit(np.stack(columns, axis=1)[:, None, :])]
    if pairs:
        groups.append(_unit(np.stack([term.evaluate(t_s) for term in pairs], axis=2)))
    costs = [PARAMETERS[term.kind] for term in singles] + [PARAMETERS[TermKind.LOAD]] * len(released)
    costs += [PARAMETERS[TermKind.CYCLE]] * len(pairs)
    found = select(y, base, groups, np.array(costs, dtype=np.float64), gaps, noise_floor)
    return _assemble(levels, base, ones.shape[1], kinds, found, singles, released, pairs)


def _unit(group: Floats) -> Floats:
    """Columns (K, c, m) scaled to a mean square of one, so that the criterion does not depend on their units."""
    return group / np.sqrt(np.maximum(np.mean(group**2, axis=0), 1e-12))


def _usage_columns(
    levels: Levels, load: Load | None, plan: Plan | None, base: Floats
) -> tuple[list[Floats], dict[int, int]]:
    """Cumulative counts at the levels, scaled to one, of the kinds that add a direction; and where each kind went."""
    columns: list[Floats] = []
    kinds: dict[int, int] = {}
    if load is None or plan is None:
        return columns, kinds
    basis = base
    for k, steps in enumerate(load.completed):
        total = steps.over(levels.low_s, levels.high_s)
        span = float(np.ptp(total))
        if span <= 0:
            continue
        column = (total - total[0]) / span
        solution, *_ = np.linalg.lstsq(basis, column, rcond=None)
        if float(np.linalg.norm(column - basis @ solution)) < 1e-4 * np.sqrt(column.size):
            continue
        kinds[k] = base.shape[1] + len(columns)
        columns.append(column)
        basis = np.column_stack([basis, column])
    return columns, kinds


def _assemble(
    levels: Levels,
    base: Floats,
    pieces: int,
    kinds: dict[int, int],
    found: Selection,
    singles: list[Term],
    released: list[tuple[str, Floats]],
    pairs: list[Term],
) -> _Model:
    t_s = levels.t_s
    length_s = float(t_s[-1] - t_s[0])
    last_s = _end_span(levels)
    columns, slopes, lasting = [base], np.zeros(base.shape[1]), np.zeros(base.shape[1])
    slopes[pieces] = lasting[pieces] = 1.0 / length_s
    terms: list[Term] = []
    load_terms: list[str] = []
    spent = 0.0
    for index in found.chosen:
        if len(singles) <= index < len(singles) + len(released):
            name, column = released[index - len(singles)]
            load_terms.append(name)
            columns.append(column[:, None])
            slopes, lasting = np.append(slopes, 0.0), np.append(lasting, 0.0)
            continue
        term = singles[index] if index < len(singles) else pairs[index - len(singles) - len(released)]
        terms.append(term)
        blocks = [term.evaluate(t_s).reshape(t_s.size, -1)]
        ends = np.array(last_s)
        slope = [float(np.diff(term.evaluate(ends))[0]) / (last_s[1] - last_s[0])] if term.kind in SMOOTH else []
        if term.kind in DECAYING:
            blocks.append(term.tangent(t_s)[:, None])
            slope.append(float(np.diff(term.tangent(ends))[0]) / (last_s[1] - last_s[0]))
        elif term.kind is not TermKind.QUADRATIC:
            spent += 1.0
        width = sum(block.shape[1] for block in blocks)
        slope += [0.0] * (width - len(slope))
        columns += blocks
        slopes = np.append(slopes, slope)
        lasting = np.append(lasting, np.zeros(width) if term.kind in DECAYING else slope)
    return _Model(np.column_stack(columns), slopes, lasting, tuple(load_terms), tuple(terms), pieces, kinds, spent)


def _end_span(levels: Levels) -> tuple[float, float]:
    """The last quarter of the longest piece; of the last one where it is at least half as long."""
    bounds = levels.bounds()
    lengths = [high - low for low, high in bounds]
    low, high = bounds[-1] if lengths[-1] >= 0.5 * max(lengths) else bounds[int(np.argmax(lengths))]
    return high - END_SHARE * (high - low), high


def _read(
    levels: Levels,
    model: _Model,
    mixture: Mixture,
    y: Floats,
    scale: float,
    centre: float,
    load: Load | None,
    plan: Plan | None,
) -> Growth:
    spans = (
        {k: float(np.ptp(load.completed[k].over(levels.low_s, levels.high_s))) for k in model.kinds}
        if load is not None
        else {}
    )
    usage = np.zeros(model.design.shape[1])
    if plan is not None:
        for k, column in model.kinds.items():
            usage[column] = float(plan.rates_per_s[k]) / spans[k]
    at_end = _interval(mixture, model.slopes + usage, scale)
    mean = mixture.mean
    fitted = model.design @ mean
    residual = y - fitted
    phi = mixture.phi
    variances = np.einsum("ij,jk,ik->i", model.design, mixture.covariance, model.design)
    per_query, reason = _pooled(mixture, model, load, plan, spans, scale)
    error = (at_end.high - at_end.low) / 2.0 if at_end.high is not None and at_end.low is not None else 0.0
    return Growth(
        at_end=at_end,
        certain=_interval(mixture, model.slopes + usage, scale, GATE_CONFIDENCE),
        lasting=_interval(mixture, model.lasting + usage, scale, GATE_CONFIDENCE),
        time=_interval(mixture, model.slopes, scale),
        per_query=per_query,
        per_query_reason=reason,
        parts=_parts(levels, mixture, model, load, plan, spans, scale, y),
        detectable=error * DETECTABLE_FACTOR,
        terms=model.terms,
        load_terms=model.load_terms,
        coefficients=mean * scale,
        phi=phi,
        noise=float(np.sqrt(np.mean(residual**2))) * scale,
        facts=max(levels.count * (1.0 - phi) / (1.0 + phi), 1.0),
        fitted=fitted * scale + centre,
        band=1.96 * np.sqrt(np.maximum(variances, 0.0)) * scale,
        level=centre,
        mixture=mixture,
        time_contrast=model.slopes * scale,
        usage_contrast=usage * scale,
    )


DETECTABLE_FACTOR = (1.645 + 1.96) / 1.96
"""Half a 95 % interval times this is the growth that a run like this one would have called certain in 95 of 100
cases."""


def _interval(mixture: Mixture, contrast: Floats, scale: float, confidence: float = 0.95) -> Interval:
    estimate, low, high = mixture.interval(contrast, confidence)
    return Interval(estimate * scale, low * scale, high * scale, confidence)


def _pooled(
    mixture: Mixture, model: _Model, load: Load | None, plan: Plan | None, spans: dict[int, float], scale: float
) -> tuple[Interval, str | None]:
    """Bytes per query at the run's mix."""
    if load is None or plan is None or not load.kinds:
        return Interval(), "no load was recorded"
    rate = float(np.sum(plan.rates_per_s))
    if not model.kinds or rate <= 0:
        return Interval(), "no query was completed, or all ran at one constant rate"
    if not plan.pooled:
        return Interval(), "the load plan cannot tell queries from time"
    contrast = np.zeros(model.design.shape[1])
    for k, column in model.kinds.items():
        contrast[column] = float(plan.rates_per_s[k]) / rate / spans[k]
    return _interval(mixture, contrast, scale), None


def _parts(
    levels: Levels,
    mixture: Mixture,
    model: _Model,
    load: Load | None,
    plan: Plan | None,
    spans: dict[int, float],
    scale: float,
    y: Floats,
) -> tuple[Part, ...]:
    if load is None or plan is None:
        return ()
    parts = []
    counts = load.counts()
    for k, kind in enumerate(load.kinds):
        reason = plan.unseen[k]
        if reason is None and k not in model.kinds:
            reason = f"the load plan cannot tell kind {kind} from the rest"
        if reason is not None:
            parts.append(Part(kind, counts[kind], Interval(), Interval(), reason, True))
            continue
        column = model.kinds[k]
        usual, certain = (_one_kind(mixture, model, column, scale / spans[k], c) for c in (0.95, GATE_CONFIDENCE))
        parts.append(Part(kind, counts[kind], usual, certain, None, _lasts(levels, mixture, model, column, y)))
    return tuple(parts)


def _one_kind(mixture: Mixture, model: _Model, column: int, factor: float, confidence: float) -> Interval:
    """Bytes per query of one kind; its bounds use that no other kind, nor time, gives memory back for good.

    A kind's count rises with time and with the other counts, so its own interval is wide where their sum is well known.
    Growth that time and the other kinds would have to undo is not believed, unless the data say so on their own.
    """
    contrast = np.zeros(model.design.shape[1])
    contrast[column] = 1.0
    estimate, low, high = mixture.interval(contrast, confidence)
    others = [c for c in (model.time, *model.kinds.values()) if c != column]
    bounded = _bounded(mixture, column, others, (high - low) / 2.0)
    if bounded is not None:
        estimate, low, high = bounded
    return Interval(estimate * factor, low * factor, high * factor, confidence)


def _bounded(mixture: Mixture, column: int, others: list[int], half: float) -> tuple[float, float, float] | None:
    """Estimate, low and high of a coefficient when ``others`` are not negative; None where the data contradict that.

    Profile likelihood: the values whose best fit within the orthant is as near to the best of all as ``half`` allows. The
    extreme of a linear form over an ellipsoid and an orthant lies inside one face of the orthant, so every set of zeros is
    tried in closed form and the extreme of those that keep to the orthant is the answer.
    """
    if not others or len(others) > _MOST_KINDS:
        return None
    which = [column, *others]
    covariance = mixture.covariance[np.ix_(which, which)]
    reach = half / float(np.sqrt(max(covariance[0, 0], 1e-300)))
    faces = [_face(mixture.mean[which], covariance, zeros) for zeros in _subsets(len(others))]
    feasible = [face for face in faces if np.all(face.point[face.free] >= 0.0)]
    if not feasible:
        return None
    nearest = min(feasible, key=lambda face: face.distance)
    if nearest.distance > reach**2:
        return None
    estimate = float(nearest.point[0])
    low = high = estimate
    for face in faces:
        spare = reach**2 - (face.distance - nearest.distance)
        if spare <= 0.0 or face.covariance[0, 0] <= 1e-12 * covariance[0, 0]:
            continue
        direction = face.covariance[0] / np.sqrt(face.covariance[0, 0]) * np.sqrt(spare)
        if np.all((face.point + direction)[face.free] >= 0.0):
            high = max(high, float((face.point + direction)[0]))
        if np.all((face.point - direction)[face.free] >= 0.0):
            low = min(low, float((face.point - direction)[0]))
    return estimate, low, high


@dataclass(frozen=True, slots=True)
class _Face:
    """Distribution of the coefficients given that some of them are zero, and how far the data are from that."""

    point: Floats
    covariance: Floats
    distance: float
    free: list[int]


def _subsets(count: int) -> list[list[int]]:
    """All sets of the numbers 1 to ``count``."""
    return [list(chosen) for size in range(count + 1) for chosen in combinations(range(1, count + 1), size)]


def _face(theta: Floats, covariance: Floats, zeros: list[int]) -> _Face:
    free = [i for i in range(1, theta.size) if i not in zeros]
    if not zeros:
        return _Face(theta, covariance, 0.0, free)
    inverse = np.linalg.pinv(covariance[np.ix_(zeros, zeros)])
    gain = covariance[:, zeros] @ inverse
    distance = float(theta[zeros] @ inverse @ theta[zeros])
    return _Face(theta - gain @ theta[zeros], covariance - gain @ covariance[zeros, :], distance, free)


def _lasts(levels: Levels, mixture: Mixture, model: _Model, column: int, y: Floats) -> bool:
    """Whether the second half of a kind's queries still grows memory by a fifth of what all of them do."""
    total = model.design[:, column]
    later = np.maximum(total - 0.5, 0.0)[:, None]
    again = fit(y, np.column_stack([model.design, later]), spacings(levels.t_s, levels.piece), phis=(mixture.phi,))
    whole = float(mixture.mean[column])
    second = float(again.mean[column] + again.mean[-1])
    return second >= 0.2 * whole
