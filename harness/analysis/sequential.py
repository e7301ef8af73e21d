"""Deciding while the run still goes on, with an error rate that holds however often one looks.

A confidence sequence (study, section 2.4) on a model that is fixed before the run: level, line, use by kind, the load
under way, and a warm-up with the longest time constant that a run of the planned length can tell from growth. Nothing
is chosen from the data here; that is the full analysis' business, which a caller runs once this module has decided, and
whose disagreement means that the run goes on. Rates are per second, like everywhere in ``harness.analysis``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from harness.analysis import levels as reduction
from harness.analysis.bounded import bounded_interval
from harness.analysis.facts import Setting
from harness.analysis.levels import Levels
from harness.analysis.regression import Floats, Mixture, fit, spacings
from harness.analysis.segments import Phase, pieces
from harness.analysis.usage import Load, Steps, released_columns
from harness.model import Interval, Outcome
from harness.units import format_duration

FAIL_ALPHA = 0.005
PASS_ALPHA = 0.01
"""Chance, over all looks of a run, of a FAIL (shared among the gates) and of a PASS that is wrong at the limit."""
SHOWN_ALPHA = 0.025
"""Each side of the interval that is shown while the run goes on: 95 % over all looks together."""

FEWEST_LEVELS = 30
FEWEST_FACTS = 1.0
"""Burn-in: levels, and levels over their correlation time, before the first decision. The study asks for ten; the
mixture over autocorrelations, which it did not have, already pays for not knowing them."""
FEWEST_PHASES = 2
"""A kind must have been driven to its end so often before its absence of growth counts."""
WARMUP_TIME_CONSTANTS = 10.0
"""A run of ten time constants leaves a warm-up nothing to hide behind (study, section 0, finding 6)."""
TRIM_SHARE = 0.10
"""Start of a run without a warm-up phase that is left out, as a share of the planned length."""

_EFFECTS = (0.5, 2.0, 8.0, 32.0, 128.0, 512.0)
"""Effects, in limits, at which the mixture of sequences is tightest: one sequence alone is tight at one size only."""
_TIGHTEST = 16.0 / 11.5
"""ρ at a = .01 is I / 11.5 where four standard errors are the effect (study, section 2.4)."""
_RELEASE_SHARE = 0.01
"""Use smoothed over a time constant is in the model where that is so short a share of the plan: a longer one looks like
the use itself, and its price (measured: four times the standard error) is more than its worth."""
_RELEASED = {"all under way": 0.0, "all over 5 s": 5.0, "all over 30 s": 30.0}
_HOPELESS_FROM, _HOPELESS_UNTIL = 0.75, 0.9
_HOPELESS_FACTOR = 6.0
"""A run past three quarters of its plan that needs more than six times the plan is not decided by going on; one that is
nearly over is let end, for what is cut off then costs more than the time."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Fails when certainly above ``fail_above``, passes when certainly below ``pass_below``."""

    fail_above: float
    pass_below: float


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be decided, fixed before the run.

    ``growth`` is per second at the planned mix, ``per_query`` bytes for each kind; None is not asked. ``rates_per_s``
    are planned queries over planned loaded time, by kind.
    """

    planned_s: float
    growth: Bounds | None
    per_query: Bounds | None
    max_memory: float | None
    rates_per_s: dict[str, float]


@dataclass(frozen=True, slots=True)
class Look:
    """What is known after ``t_s`` seconds.

    ``growth`` is 95 % over all looks. ``decision`` None = not decided, INCONCLUSIVE = will not be decided in the time
    planned; ``waits_for`` says in words what is missing.
    """

    t_s: float
    growth: Interval
    decision: Outcome | None
    waits_for: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """Where one gate stands; ``needs_s`` is the run's length at which it would be decided."""

    what: str
    outcome: Outcome | None
    needs_s: float | None


def standard_errors(information: float, unit: float, alpha: float) -> float:
    """Half-width in standard errors of a one-sided bound that holds over all looks with chance 1 - ``alpha``.

    Robbins' normal mixture, averaged over priors of the scales ``_EFFECTS`` times ``unit``.

    Args:
        information: one over the squared standard error now.
        unit: the effect that matters, in the unit of the estimate.
        alpha: chance that the bound is ever wrong.
    """
    rho = _TIGHTEST / (np.array(_EFFECTS) * unit) ** 2
    share = information / (information + rho)
    low, high = 0.0, 2.0
    while _evidence(high, share) < 1.0 / alpha:
        high *= 2.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if _evidence(middle, share) < 1.0 / alpha:
            low = middle
        else:
            high = middle
    return high


def _evidence(z: float, share: Floats) -> float:
    """Mixture of the likelihood ratios at ``z`` standard errors; ``share`` is I / (I + ρ)."""
    exponents = np.minimum(0.5 * z * z * share, 700.0)
    return float(np.mean(2.0 * ndtr(z * np.sqrt(share)) * np.sqrt(1.0 - share) * np.exp(exponents)))


def look(t_s: Floats, y: Floats, setting: Setting, question: Question) -> Look:
    """Where the run stands after n samples, ascending in time; NaN marks a reading that failed."""
    good = np.isfinite(y)
    t_s, y = t_s[good], y[good]
    now_s = float(t_s[-1]) if t_s.size else 0.0
    if question.max_memory is not None and t_s.size and float(np.max(y)) > question.max_memory:
        return Look(now_s, Interval(), Outcome.FAIL, "")
    used = t_s >= _start_s(setting, question)
    piece = pieces(t_s[used], list(setting.cuts_s))
    kept = piece >= 0
    if np.count_nonzero(kept) < FEWEST_LEVELS:
        return Look(now_s, Interval(), None, "the end of the warm-up")
    levels = reduction.reduce(t_s[used][kept], y[used][kept], piece[kept], fewest_troughs=FEWEST_LEVELS)
    if levels.count < FEWEST_LEVELS:
        return Look(now_s, Interval(), None, "more samples")
    model = _Model.of(levels, setting.load, question)
    facts = levels.count * (1.0 - model.mixture.phi) / (1.0 + model.mixture.phi)
    growth = model.interval(model.total, _unit(question), SHOWN_ALPHA)
    if facts < FEWEST_FACTS:
        return Look(now_s, growth, None, "more independent facts")
    answers = _answers(model, levels, setting, question, float(np.max(y)), now_s)
    return _summed_up(now_s, growth, answers, setting, question, float(levels.t_s[0]))


def _start_s(setting: Setting, question: Question) -> float:
    ends_s = [phase.end_s for phase in setting.phases if phase.warmup]
    return max(ends_s) if ends_s else TRIM_SHARE * question.planned_s


def _unit(question: Question) -> float:
    return question.growth.pass_below if question.growth is not None else 1e6 / 60.0


@dataclass(frozen=True, slots=True)
class _Model:
    """The fixed model fitted to what there is so far; contrasts are in the unit of the levels."""

    mixture: Mixture
    total: Floats
    kinds: dict[str, Floats]
    growing: tuple[int, ...]
    """Columns whose coefficients are growth: time and the kinds."""

    @classmethod
    def of(cls, levels: Levels, load: Load | None, question: Question) -> _Model:
        t_s, start_s = levels.t_s, float(levels.t_s[0])
        span_s = max(float(t_s[-1]) - start_s, 1e-9)
        u = (t_s - start_s) / span_s
        ones = [np.where(levels.piece == k, 1.0, 0.0) for k in np.unique(levels.piece)]
        tau_s = question.planned_s / WARMUP_TIME_CONSTANTS
        columns = [*ones, u, np.exp(-(t_s - start_s) / tau_s)]
        slopes = {len(ones): 1.0 / span_s}
        kinds: dict[str, tuple[int, float]] = {}
        if load is not None and load.kinds:
            for kind, steps in zip(load.kinds, load.completed, strict=True):
                column = steps.over(levels.low_s, levels.high_s)
                span = float(np.ptp(column))
                if span <= 0.0 or not _is_new((column - column[0]) / span, columns):
                    continue
                kinds[kind] = (len(columns), span)
                slopes[len(columns)] = _rate(kind, steps, start_s, float(t_s[-1]), question) / span
                columns.append((column - column[0]) / span)
            for name, column in released_columns(_pooled(load), t_s, question.planned_s):
                tau_s = _RELEASED.get(name, np.inf)
                if tau_s <= _RELEASE_SHARE * question.planned_s and _is_new(column, columns):
                    columns.append(column)
        design = np.column_stack(columns)
        centre = float(np.median(levels.y))
        quantum = max(levels.quantum, 1e-9 * max(abs(centre), 1.0))
        scale = max(abs(float(np.ptp(levels.y))), quantum)
        gaps = spacings(t_s, levels.piece)
        mixture = fit((levels.y - centre) / scale, design, gaps, noise_floor=quantum / scale / np.sqrt(12.0))
        total = np.zeros(design.shape[1])
        for index, slope in slopes.items():
            total[index] = slope * scale
        contrasts = {kind: mixture.unit_vector(at) * (scale / span) for kind, (at, span) in kinds.items()}
        return cls(mixture, total, contrasts, (len(ones), *(at for at, _ in kinds.values())))

    def interval(self, contrast: Floats, unit: float, alpha: float) -> Interval:
        """Estimate and two one-sided bounds that each hold over all looks with chance 1 - ``alpha``."""
        estimate, low, high = self._unbounded(contrast, unit, alpha)
        view = np.vstack([contrast, np.eye(contrast.size)[list(self.growing)]])
        covariance = view @ self.mixture.covariance @ view.T
        within = bounded_interval(view @ self.mixture.mean, covariance, 0.5 * (high - low))
        if within is not None:
            estimate, low, high = within
        return Interval(estimate, low, high, 1.0 - 2.0 * alpha)

    def half_width(self, contrast: Floats, unit: float, alpha: float) -> float:
        """Half the interval without the knowledge that nothing gives memory back: what more time makes smaller."""
        _, low, high = self._unbounded(contrast, unit, alpha)
        return 0.5 * (high - low)

    def _unbounded(self, contrast: Floats, unit: float, alpha: float) -> tuple[float, float, float]:
        error = max(float(contrast @ self.mixture.covariance @ contrast), 1e-300) ** 0.5
        beyond = max(float(ndtr(-standard_errors(error**-2.0, unit, alpha))), 1e-12)
        return self.mixture.interval(contrast, 1.0 - 2.0 * beyond)


def _is_new(column: Floats, columns: list[Floats]) -> bool:
    """Whether ``column`` adds a direction that the data can tell."""
    basis = np.column_stack(columns)
    solution, *_ = np.linalg.lstsq(basis, column, rcond=None)
    return float(np.linalg.norm(column - basis @ solution)) > 1e-3 * max(float(np.linalg.norm(column)), 1e-12)


def _rate(kind: str, steps: Steps, start_s: float, end_s: float, question: Question) -> float:
    """The planned rate, or, where the plan names none, the one seen so far."""
    if kind in question.rates_per_s:
        return question.rates_per_s[kind]
    return float(np.diff(steps.at(np.array([start_s, end_s])))[0]) / max(end_s - start_s, 1e-9)


def _pooled(load: Load) -> Load:
    """All kinds as one: the load that memory follows for a while is a matter of conversations, not of their kind."""
    return Load(("all",), (_sum(load.completed),), (_sum(load.open),))


def _sum(parts: tuple[Steps, ...]) -> Steps:
    t_s = np.unique(np.concatenate([part.t_s for part in parts]))
    return Steps(t_s, np.asarray(np.sum(np.stack([part.at(t_s) for part in parts]), axis=0)))


def _answers(
    model: _Model, levels: Levels, setting: Setting, question: Question, peak: float, now_s: float
) -> list[_Answer]:
    length_s = float(levels.t_s[-1] - levels.t_s[0])
    seen = kinds_seen(setting.phases, now_s)
    all_seen = all(seen.get(kind, 0) >= FEWEST_PHASES for kind in question.rates_per_s) if setting.phases else True
    gates = (question.growth is not None) + (len(question.rates_per_s) if question.per_query is not None else 0)
    alpha = FAIL_ALPHA / max(gates, 1)
    answers = []
    if question.growth is not None:
        answers.append(_answer("growth", model, model.total, question.growth, alpha, all_seen, length_s))
    if question.per_query is not None:
        names = {**dict.fromkeys(question.rates_per_s, None), **dict.fromkeys(model.kinds, None)}
        for kind in names:
            what = f"growth per query of kind {kind}"
            contrast = model.kinds.get(kind)
            if contrast is None:
                answers.append(_Answer(what, None, None))
                continue
            enough = seen.get(kind, 0) >= FEWEST_PHASES if setting.phases else True
            answers.append(_answer(what, model, contrast, question.per_query, alpha, enough, length_s))
    if question.max_memory is not None:
        answers.append(_memory_answer(model, question, peak, now_s))
    return answers


def _answer(
    what: str, model: _Model, contrast: Floats, bounds: Bounds, alpha: float, may_pass: bool, length_s: float
) -> _Answer:
    failing = model.interval(contrast, bounds.pass_below, alpha)
    passing = model.interval(contrast, bounds.pass_below, PASS_ALPHA)
    assert failing.low is not None
    assert passing.high is not None
    assert failing.estimate is not None
    if failing.low > bounds.fail_above:
        return _Answer(what, Outcome.FAIL, None)
    if passing.high < bounds.pass_below and failing.estimate <= bounds.fail_above:
        return _Answer(what, Outcome.PASS if may_pass else None, None)
    half = model.half_width(contrast, bounds.pass_below, PASS_ALPHA)
    return _Answer(what, None, _needed_s(failing.estimate, half, bounds, length_s))


def _needed_s(estimate: float, half: float, bounds: Bounds, length_s: float) -> float:
    """Length at which the gate would be decided if the estimate stayed: half-widths shrink with length to the 1.5."""
    rooms = (estimate - bounds.fail_above, bounds.pass_below - estimate)
    return length_s * min(((half / room) ** (2.0 / 3.0) for room in rooms if room > 0.0), default=np.inf)


def _memory_answer(model: _Model, question: Question, peak: float, now_s: float) -> _Answer:
    """Whether the peak stays below its limit to the planned end at the fastest growth that is possible."""
    assert question.max_memory is not None
    high = model.interval(model.total, _unit(question), PASS_ALPHA).high
    left_s = max(question.planned_s - now_s, 0.0)
    stays = high is not None and peak + max(high, 0.0) * left_s < question.max_memory
    return _Answer("peak memory", Outcome.PASS if stays else None, None)


def kinds_seen(phases: tuple[Phase, ...], now_s: float) -> dict[str, int]:
    """How many loaded phases of each kind have come to their end."""
    seen: dict[str, int] = {}
    for phase in phases:
        if phase.loaded and phase.end_s < now_s:
            seen[phase.kind] = seen.get(phase.kind, 0) + 1
    return seen


def _summed_up(
    now_s: float, growth: Interval, answers: list[_Answer], setting: Setting, question: Question, start_s: float
) -> Look:
    if any(answer.outcome is Outcome.FAIL for answer in answers):
        return Look(now_s, growth, Outcome.FAIL, "")
    if answers and all(answer.outcome is Outcome.PASS for answer in answers):
        return Look(now_s, growth, Outcome.PASS, "")
    unseen = _unseen(setting.phases, question, now_s)
    if unseen:
        return Look(now_s, growth, None, unseen)
    open_answers = [answer for answer in answers if answer.outcome is None]
    needs_s = max((answer.needs_s or 0.0 for answer in open_answers), default=0.0)
    what = " and ".join(answer.what for answer in open_answers[:2]) or "nothing"
    plan_s = question.planned_s - start_s
    may_give_up = _HOPELESS_FROM * question.planned_s < now_s < _HOPELESS_UNTIL * question.planned_s
    if may_give_up and needs_s > _HOPELESS_FACTOR * plan_s:
        return Look(now_s, growth, Outcome.INCONCLUSIVE, f"{what}, which this run will not decide")
    more_s = needs_s - (now_s - start_s)
    about = f", about {format_duration(more_s)} more" if 0.0 < more_s < 10.0 * question.planned_s else ""
    return Look(now_s, growth, None, what + about)


def _unseen(phases: tuple[Phase, ...], question: Question, now_s: float) -> str:
    """Kinds that have not been driven often enough for a pass, in words; empty where all have."""
    if not phases:
        return ""
    seen = kinds_seen(phases, now_s)
    missing = [kind for kind in question.rates_per_s if seen.get(kind, 0) < FEWEST_PHASES]
    return f"kind {', '.join(missing)} to be driven {FEWEST_PHASES} times" if missing else ""
