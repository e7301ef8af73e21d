"""The columns of the growth regression: what is always in it, what the search may add, and how growth is read off them.

``Columns`` is built once per series; ``Columns.model`` turns a set of chosen candidates into a design whose
functionals mean the same in every model, so that models can be averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.dictionary import DECAYING, PARAMETERS, SMOOTH, STEPS, Term, TermKind, candidates, cost
from harness.analysis.levels import Levels
from harness.analysis.regression import Floats
from harness.analysis.switching import switching_terms
from harness.analysis.usage import Load, Plan, released_columns

END_SHARE = 0.25
"""The end of the run, over which the smooth terms' slope is read: its last quarter (study, section 3.2 step 10)."""
_FAMILIES = {
    TermKind.EXP: 0,
    TermKind.POWER: 1,
    TermKind.LOG: 1,
    TermKind.HINGE: 2,
    TermKind.QUADRATIC: 3,
    TermKind.COMPOUND: 3,
    TermKind.STEP: 4,
    TermKind.RAMP: 4,
    TermKind.LOAD: 5,
    TermKind.CYCLE: -1,
    TermKind.SQUARE: -1,
}
_SPENT = {TermKind.STEP: 1, TermKind.RAMP: 2, TermKind.CYCLE: 1, TermKind.SQUARE: 2}
"""Degrees of freedom that the search for a place takes, where no column stands for it."""
_DEPENDENT = 1e-4
_FAILED_SHARE = 0.005
"""Failed queries are a use of their own when they are more than this share of the completed ones."""
END, LASTING, LINE, FIRST_KIND = 0, 1, 2, 3
"""Rows of ``Model.functionals``."""


@dataclass(frozen=True, slots=True)
class Model:
    """A design (K, p) and the functionals (q, p) of its coefficients.

    Rows of ``functionals``: slope of the time terms at the end per second; the same without terms that die out; the
    line's own coefficient (growth over the run); then one a usage column (growth over all its queries). ``trend``,
    ``steps`` (slow ones too) and ``jumps`` (the sharp ones alone) number columns of ``design``.
    """

    design: Floats
    functionals: Floats
    terms: tuple[Term, ...]
    trend: tuple[int, ...]
    steps: tuple[int, ...]
    jumps: tuple[int, ...]
    spent: float


@dataclass(frozen=True, slots=True)
class Columns:
    """Base columns and candidates for K levels; ``kinds[j]`` is the load's kind of the j-th usage column (one past
    the last for failed queries), ``spans`` its queries."""

    levels: Levels
    base: Floats
    line: int
    kinds: tuple[int, ...]
    spans: tuple[float, ...]
    singles: tuple[Term, ...]
    released: tuple[tuple[str, Floats], ...]
    pairs: tuple[Term, ...]

    @property
    def groups(self) -> list[Floats]:
        """Candidates as ``selection.select`` takes them, scaled to a mean square of one."""
        t_s = self.levels.t_s
        columns = [term.evaluate(t_s) for term in self.singles] + [column for _, column in self.released]
        groups = [_unit(np.stack(columns, axis=1)[:, None, :])]
        if self.pairs:
            groups.append(_unit(np.stack([term.evaluate(t_s) for term in self.pairs], axis=2)))
        return groups

    @property
    def kinds_of_candidates(self) -> list[TermKind]:
        """In the order of ``groups``."""
        return (
            [term.kind for term in self.singles]
            + [TermKind.LOAD] * len(self.released)
            + [TermKind.CYCLE] * len(self.pairs)
        )

    @property
    def costs(self) -> Floats:
        """Cost of each candidate (m, 2): rising, falling."""
        load = [PARAMETERS[TermKind.LOAD]] * len(self.released)
        return np.array([*map(cost, self.singles), *load, *map(cost, self.pairs)], dtype=np.float64)

    @property
    def families(self) -> NDArray[np.int64]:
        return np.array([_FAMILIES[kind] for kind in self.kinds_of_candidates], dtype=np.int64)

    def model(self, chosen: tuple[int, ...]) -> Model:
        """The design with the ``chosen`` candidates, and with what not knowing their places costs."""
        length_s = float(np.ptp(self.levels.t_s))
        blocks, slopes = [self.base], [1.0 / length_s if i == self.line else 0.0 for i in range(self.base.shape[1])]
        owners: list[TermKind | None] = [None] * self.base.shape[1]
        terms: list[Term] = []
        for index in chosen:
            late = index - len(self.singles)
            if 0 <= late < len(self.released):
                _, column = self.released[late]
                added, slope, kind = [column[:, None]], [0.0], TermKind.LOAD
            else:
                term = self.singles[index] if late < 0 else self.pairs[late - len(self.released)]
                terms.append(term)
                added, slope = self._blocks(term)
                kind = term.kind
            blocks += added
            slopes += slope
            owners += [kind] * len(slope)
        at_end = np.array(slopes)
        lasting = np.where([owner in DECAYING for owner in owners], 0.0, at_end)
        picks = np.eye(at_end.size)[[self.line, *range(self.line + 1, self.line + 1 + len(self.kinds))]]
        return Model(
            np.column_stack(blocks),
            np.vstack([at_end, lasting, picks]),
            tuple(terms),
            tuple(np.flatnonzero(at_end).tolist()),
            tuple(i for i, owner in enumerate(owners) if owner in STEPS),
            tuple(i for i, owner in enumerate(owners) if owner is TermKind.STEP),
            float(sum(_SPENT.get(term.kind, 0) for term in terms)),
        )

    def _blocks(self, term: Term) -> tuple[list[Floats], list[float]]:
        """Columns of a term with those of its unknown place or time constant, and the end slope of each."""
        t_s = self.levels.t_s
        ends = np.array(end_span(self.levels))
        blocks = [term.evaluate(t_s).reshape(t_s.size, -1)]
        if term.kind not in SMOOTH:
            return blocks, [0.0] * blocks[0].shape[1]
        run_s = float(ends[1] - ends[0])
        slopes = [float(np.diff(term.evaluate(ends))[0]) / run_s]
        if term.kind in DECAYING or term.kind in (TermKind.HINGE, TermKind.COMPOUND):
            blocks.append(term.tangent(t_s)[:, None])
            slopes.append(float(np.diff(term.tangent(ends))[0]) / run_s)
        return blocks, slopes


def end_span(levels: Levels) -> tuple[float, float]:
    """The last quarter of the longest piece; of the last one where it is at least half as long.

    A quarter of the piece as it was recorded, not of what its levels cover: to leave out the start-up would move its
    middle, and with it the growth of whatever bends. Nothing is read past the last level; as much is left out at the
    start, so that the middle stays, as long as half of the quarter is left.
    """
    bounds = levels.bounds()
    lengths = [high - low for low, high in bounds]
    at = len(bounds) - 1 if lengths[-1] >= 0.5 * max(lengths) else int(np.argmax(lengths))
    low_s, high_s = levels.whole_s.get(int(np.unique(levels.piece)[at]), bounds[at])
    last_s, quarter_s = bounds[at][1], END_SHARE * (high_s - low_s)
    return last_s - max(quarter_s - 2.0 * (high_s - last_s), 0.5 * quarter_s), last_s


def build_columns(levels: Levels, load: Load | None, plan: Plan | None) -> Columns:
    """Intercept of each piece, time, use by kind, and every candidate."""
    t_s, start_s = levels.t_s, float(levels.t_s[0])
    length_s = float(t_s[-1] - start_s)
    ones = np.stack([np.where(levels.piece == k, 1.0, 0.0) for k in np.unique(levels.piece)], axis=1)
    line = ((t_s - start_s) / length_s - 0.5)[:, None]
    always = np.column_stack([ones, line])
    used, kinds, spans = _usage(levels, load, plan, ones if levels.idle is not None else always)
    base = np.column_stack([always, *used])
    terms = candidates(t_s, levels.bounds()) + switching_terms(t_s, levels.y - np.median(levels.y), base)
    return Columns(
        levels,
        base,
        ones.shape[1],
        tuple(kinds),
        tuple(spans),
        tuple(term for term in terms if term.kind is not TermKind.CYCLE),
        tuple(released_columns(load, t_s, length_s)) if load is not None else (),
        tuple(term for term in terms if term.kind is TermKind.CYCLE),
    )


def _usage(
    levels: Levels, load: Load | None, plan: Plan | None, base: Floats
) -> tuple[list[Floats], list[int], list[float]]:
    """Cumulative counts at the levels, from 0 to 1, of the kinds that add a direction to ``base``.

    Where growth while idle is measured inside quiet spans, the levels need not tell use from time as well.
    """
    columns: list[Floats] = []
    kinds: list[int] = []
    spans: list[float] = []
    if load is None or plan is None:
        return columns, kinds, spans
    basis = base
    queries = sum(load.counts().values())
    for k, steps in enumerate((*load.completed, load.failed)):
        total = steps.over(levels.low_s, levels.high_s)
        span = float(np.ptp(total))
        if span <= 0 or (k == len(load.kinds) and span < _FAILED_SHARE * queries):
            continue
        column = (total - total[0]) / span
        solution, *_ = np.linalg.lstsq(basis, column, rcond=None)
        if float(np.linalg.norm(column - basis @ solution)) < _DEPENDENT * np.sqrt(column.size):
            continue
        kinds.append(k)
        columns.append(column)
        spans.append(span)
        basis = np.column_stack([basis, column])
    return columns, kinds, spans


def _unit(group: Floats) -> Floats:
    """Columns (K, c, m) scaled to a mean square of one, so that the criterion does not depend on their units."""
    return np.asarray(group / np.sqrt(np.maximum(np.mean(group**2, axis=0), 1e-12)))
