"""How fast memory grows at the end of a run, with an interval: the estimate that every verdict rests on.

``estimate_growth`` fits time, use by kind, and the nuisance terms that ``selection`` finds to the levels, under every
autocorrelation and beside the rivals of what was found, and reads off growth at the run's own mix, the part that comes
with time alone, and bytes per query. Study, section 3.2 steps 5 to 11. Rates are per second here; ``harness.rules``
makes hours of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.analysis.abating import SecondHalf, second_half
from harness.analysis.bounded import bounded_interval
from harness.analysis.design import END, FIRST_KIND, LASTING, Columns, Model, build_columns
from harness.analysis.dictionary import DECAYING, SMOOTH, Term, quick
from harness.analysis.kinds import GATE_CONFIDENCE, Part, contradiction, parts_of
from harness.analysis.levels import Levels
from harness.analysis.part_of_cycle import advantage_of_trend
from harness.analysis.regression import PHI_GRID, Floats, Known, Mixture, combine, fit, spacings
from harness.analysis.selection import select
from harness.analysis.usage import Load, Plan
from harness.model import Interval

FEWEST_LEVELS = 8
"""Under this many levels nothing is estimated."""
DETECTABLE_FACTOR = (1.645 + 1.96) / 1.96
"""Half a 95 % interval times this is the growth that a run like this one would have called certain in 95 of 100
cases."""
CERTAIN_TREND = 7.0
"""Where a trend is so many standard errors, a bend too faint to be chosen moves its end by more than its interval."""
WANDERING = 0.95
"""Correlation between neighbouring levels from which on a hundred of them are a random walk to any test."""
WANDERS_SHARE = 0.7
"""Chance of a random walk from which on growth must be certain for one too."""
AVERAGED_WALK = 1.5
"""Means of a random walk over spans step less than it does, by this factor of variance (Working 1960, Econometrica
28:916)."""
TURN_BANDS = 3.0
"""A trend turns where it rises and falls by more than so many of its own bands."""
UNDONE_SHARE = 0.25
"""Of what rose is left at the end, or growth is not certain."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What one series does at the end of its run. Rates are per second; intervals have 95 % unless they say otherwise.

    ``at_end`` is total growth while loaded, ``certain`` the same at the confidence that gates ask for, ``lasting`` that
    without warm-up terms that die out; ``time`` the part that comes with time alone. ``facts`` counts the independent
    facts behind it (levels over their correlation time). ``fitted`` and ``band`` (half a 95 % interval) are at the
    levels. ``net_slope`` is what all growth and all steps come to over the run; ``undone`` says that it is little of
    what rose.
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
    phi: float
    noise: float
    facts: float
    fitted: Floats
    band: Floats
    level: float
    mean_slope: float
    turns: bool
    advantage: float
    bent: bool
    swing: float
    wanders: float
    mixture: Mixture
    usage_contrast: Floats
    second_half: SecondHalf | None = None
    net_slope: float = 0.0
    undone: bool = False

    @property
    def warming(self) -> bool:
        """Whether the fit holds a warm-up that makes the end of the run grow: one that falls hides growth, and makes
        none."""
        at_end, lasting = self.at_end.estimate or 0.0, self.lasting.estimate or 0.0
        return lasting < at_end and any(term.kind in DECAYING for term in self.terms)

    def mixed(self, share: float) -> Interval:
        """Total growth per second at ``share`` times the driven rate."""
        return _together(self.mixture, self.mixture.unit_vector(END), share * self.usage_contrast)

    def chance_of_none(self) -> float:
        """One-sided p-value against any growth."""
        return self.mixture.chance_below(self.mixture.unit_vector(END) + self.usage_contrast, 0.0)


def _together(mixture: Mixture, time: Floats, use: Floats, confidence: float = 0.95, *, whole: bool = True) -> Interval:
    """``time`` and ``use`` together (``use`` alone unless ``whole``), where neither gives memory back for good.

    Time and the counts rise side by side, so each is known badly where their sum is known well; the sum at another mix
    than the run's own average (loaded time only) inherits that, unless none of its parts may be negative: measured on
    simulated soaks, an interval five to ten times as narrow.
    """
    contrast = time + use if whole else use
    estimate, low, high = mixture.interval(contrast, confidence)
    kinds = np.eye(contrast.size)[FIRST_KIND:]
    if kinds.size:
        parts = np.vstack([contrast, time, kinds]) if np.any(use != 0.0) else np.vstack([contrast, kinds])
        covariance = parts @ mixture.covariance @ parts.T
        half, contradicts = 0.5 * (high - low), contradiction(mixture, contrast, confidence)
        bounded = bounded_interval(parts @ mixture.mean, covariance, half, contradicts)
        estimate, low, high = bounded or (estimate, low, high)
    return Interval(estimate, low, high, confidence)


def _bounds(interval: Interval) -> tuple[float, float]:
    """Low and high of a known interval."""
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


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
    quantum = levels.quantum if levels.quantum > 0 else floor
    scale = max(float(np.max(np.abs(deviation))), quantum, 1e-9 * max(abs(centre), 1e-12))
    y = deviation / scale
    noise_floor = max(quantum / scale / np.sqrt(12.0), 1e-9)
    columns = build_columns(levels, load, plan)
    gaps = spacings(levels.t_s, levels.piece)
    groups = columns.groups
    found = select(y, columns.base, groups, columns.costs, columns.families, gaps, noise_floor)
    known = _idle_growth(columns, scale)
    model = columns.model(found.chosen)
    first = fit(y, model.design, gaps, noise_floor=noise_floor, spent=model.spent, known=known)
    views = [first.project(model.functionals)]
    rivals = found.bends if _certain_trend(views[0]) else found.rivals
    for chosen, _ in rivals:
        rival = columns.model(chosen)
        again = fit(y, rival.design, gaps, noise_floor=noise_floor, spent=rival.spent, known=known)
        views.append(again.project(rival.functionals))
    mixture = _scaled(combine(views, [1.0, *(weight for _, weight in rivals)]), scale)
    advantage = advantage_of_trend(y, columns, groups, found.chosen, gaps, noise_floor)
    walk = _scaled(_drift(y, columns, gaps, noise_floor, known), scale, AVERAGED_WALK)
    return _growth_of(columns, model, first, mixture, walk, y, gaps, scale, centre, load, plan, advantage, noise_floor)


def _drift(y: Floats, columns: Columns, gaps: Floats, noise_floor: float, known: Known | None) -> Mixture:
    """What there is of growth if levels are a random walk with a drift, and nothing else."""
    bare = columns.model(())
    walk = fit(y, bare.design, gaps, noise_floor=noise_floor, known=known, phis=(PHI_GRID[-1],))
    return walk.project(bare.functionals)


def _certain_trend(view: Mixture) -> bool:
    """Whether growth with time alone is so certain that a bend too faint to see would matter."""
    return bool(abs(view.mean[END]) > CERTAIN_TREND * np.sqrt(max(view.covariance[END, END], 0.0)))


def _idle_growth(columns: Columns, scale: float) -> Known | None:
    """Growth inside quiet spans as a measurement of the line, in scaled units; None where no use was recorded, for the
    line then stands for all growth and not for what comes with time alone."""
    idle = columns.levels.idle
    if idle is None or not columns.kinds:
        return None
    factor = float(np.ptp(columns.levels.t_s)) / scale
    return Known(columns.line, idle.slope * factor, max(idle.error * factor, 1e-9))


def _scaled(mixture: Mixture, scale: float, inflation: float = 1.0) -> Mixture:
    covariances = mixture.covariances * (inflation * scale**2)
    return Mixture(mixture.phis, mixture.weights, mixture.coefficients * scale, covariances, mixture.freedoms)


def _growth_of(
    columns: Columns,
    model: Model,
    first: Mixture,
    mixture: Mixture,
    walk: Mixture,
    y: Floats,
    gaps: Floats,
    scale: float,
    centre: float,
    load: Load | None,
    plan: Plan | None,
    advantage: float,
    floor: float,
) -> Growth:
    usage = np.zeros(mixture.coefficients.shape[1])
    if plan is not None:
        for j, (k, span) in enumerate(zip(columns.kinds, columns.spans, strict=True)):
            rate = float(plan.rates_per_s[k]) if k < plan.rates_per_s.size else plan.failed_per_s
            usage[FIRST_KIND + j] = rate / span
    end, lasting = mixture.unit_vector(END), mixture.unit_vector(LASTING)
    at_end = _together(mixture, end, usage)
    low, high = _bounds(at_end)
    assert at_end.estimate is not None
    reach = max(at_end.estimate - low, high - at_end.estimate)
    fitted = model.design @ first.mean
    variances = np.einsum("ij,jk,ik->i", model.design, first.covariance, model.design)
    per_query, reason = _pooled(mixture, columns, load, plan, usage)
    trend = model.design[:, model.trend] @ first.mean[list(model.trend)]
    falls = -np.minimum(first.mean[list(model.jumps)], 0.0)
    same_piece = np.diff(columns.levels.piece) == 0
    moves = np.diff(trend)[same_piece]
    resets = _resets(float(np.sum(moves)), falls)
    net, undone = _net(columns, model, first, moves)
    length_s = float(np.ptp(columns.levels.t_s))
    return Growth(
        at_end=at_end,
        certain=_certain(mixture, walk, end, usage),
        lasting=_together(mixture, lasting, usage, GATE_CONFIDENCE),
        time=_together(mixture, end, 0.0 * usage),
        per_query=per_query,
        per_query_reason=reason,
        parts=parts_of(columns, model, mixture, first, load, plan, y, gaps),
        detectable=reach * DETECTABLE_FACTOR,
        terms=model.terms,
        phi=first.phi,
        noise=float(np.sqrt(np.mean((y - fitted) ** 2))) * scale,
        facts=max(columns.levels.count * (1.0 - first.phi) / (1.0 + first.phi), 1.0),
        fitted=fitted * scale + centre,
        band=1.96 * np.sqrt(np.maximum(variances, 0.0)) * scale,
        level=centre,
        mean_slope=0.0 if resets else float(np.sum(moves)) * scale / length_s,
        turns=resets or _turns(moves, 1.96 * float(np.median(np.sqrt(np.maximum(variances, 0.0))))),
        advantage=advantage,
        bent=any(term.kind in SMOOTH and not quick(term) for term in model.terms),
        swing=float(np.ptp(trend)) * scale,
        wanders=_wanders(mixture),
        mixture=mixture,
        usage_contrast=usage,
        second_half=_second_half(columns, model, first, fitted, y, gaps, floor),
        net_slope=net * scale / length_s,
        undone=undone,
    )


def _second_half(
    columns: Columns, model: Model, first: Mixture, fitted: Floats, y: Floats, gaps: Floats, floor: float
) -> SecondHalf | None:
    """What the second half of all growth added; None after a restart, which takes back what was there before."""
    if np.any(columns.levels.piece != columns.levels.piece[0]):
        return None
    growing = [*model.trend, *(columns.line + 1 + j for j in range(len(columns.kinds)))]
    parts = model.design[:, growing] * first.mean[growing]
    rising = np.maximum.accumulate(parts[:, np.ptp(parts, axis=0) > 0.0], axis=0)
    path = np.sum(rising - rising[0], axis=1)
    return second_half(y - fitted + np.sum(parts, axis=1), path, gaps, first.phi, floor)


def _net(columns: Columns, model: Model, first: Mixture, trend: Floats) -> tuple[float, bool]:
    """What all growth and all steps come to over the run, in scaled units, and whether that is under a quarter of what
    rose: one part of the fit then takes back what another one gives. ``trend`` is how the trend moves between levels of
    a piece."""
    kinds = slice(columns.line + 1, columns.line + 1 + len(columns.kinds))
    use = np.diff(model.design[:, kinds] * first.mean[kinds], axis=0)[np.diff(columns.levels.piece) == 0]
    moves = np.column_stack([trend, use])
    steps = float(np.sum(first.mean[list(model.steps)]))
    rose = float(np.sum(np.maximum(moves, 0.0))) + max(steps, 0.0)
    net = float(np.sum(moves)) + steps
    return net, net < UNDONE_SHARE * rose


def _certain(mixture: Mixture, walk: Mixture, end: Floats, usage: Floats) -> Interval:
    """Growth at the confidence of the gates; where levels wander, what a random walk with a drift and nothing else
    leaves certain as well (after Perron and Yabu 2009, J. Econometrics 151:56)."""
    usual = _together(mixture, end, usage, GATE_CONFIDENCE)
    if _wanders(mixture) < WANDERS_SHARE:
        return usual
    wide = _together(walk, end, usage, GATE_CONFIDENCE)
    lows, highs = zip(_bounds(usual), _bounds(wide), strict=True)
    return Interval(usual.estimate, min(lows), max(highs), GATE_CONFIDENCE)


def _wanders(mixture: Mixture) -> float:
    """Chance that levels do not come back."""
    return float(np.sum(mixture.weights[mixture.phis >= WANDERING]))


def _turns(moves: Floats, band: float) -> bool:
    """Whether a trend rises and falls, both by more than ``TURN_BANDS`` bands and a quarter of the larger."""
    up, down = float(np.sum(moves[moves > 0.0])), -float(np.sum(moves[moves < 0.0]))
    return min(up, down) > max(TURN_BANDS * band, 0.25 * max(up, down))


def _resets(rise: float, falls: Floats) -> bool:
    """Whether two or more steps down undo half of what the trend rises: teeth of a saw too slow to be seen as one."""
    return bool(np.count_nonzero(falls) >= 2 and np.sum(falls) > 0.5 * rise > 0.0)


def _pooled(
    mixture: Mixture, columns: Columns, load: Load | None, plan: Plan | None, usage: Floats
) -> tuple[Interval, str | None]:
    """Bytes per query at the run's mix."""
    if load is None or plan is None or not load.kinds:
        return Interval(), "no load was recorded"
    rate = float(np.sum(plan.rates_per_s))
    if not columns.kinds or rate <= 0:
        return Interval(), "no query was completed, or all ran at one constant rate"
    if not plan.pooled:
        return Interval(), "the load plan cannot tell queries from time"
    return _together(mixture, mixture.unit_vector(END), usage / rate, whole=False), None
