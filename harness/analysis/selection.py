"""Which nuisance terms a run needs: forward selection by a penalised criterion under autocorrelated errors.

Section 3.2 step 8 of the study: for each autocorrelation of a grid, whiten, add the term that lowers
``-2 log likelihood + 2 log K x parameters`` most, stop when none does or after ``MAX_TERMS``; the best of all
autocorrelations wins. The weight of 2 (twice Schwarz's) pays for the search over some three hundred candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.regression import Floats, whiten

MAX_TERMS = 4
PENALTY = 1.0
RIVAL_COST = 6.0
"""Cost of a parameter of a rival model when models are averaged (Hoeting and others 1999, Stat. Sci. 14:382): a shape
too faint to be chosen still widens what can be said about the end of the run."""
BEND_COST = 0.5
"""The same for a bend of a trend that is certain: what grows seldom does so at one rate, and a bend of two standard
errors, which no criterion chooses, moves the end of the run by more than its interval. So bent is taken to be nearly as
likely as straight beforehand (``benchmarks/accuracy.py``: coverage of accelerating leaks 50 % without, about 90 %)."""
LIGHTEST_RIVAL = 0.003
EXCHANGEABLE = (1, 2, 3)
"""Families (``design``) that bend the end of the trend and may be taken for one another: a late onset for a
quadratic."""
BENDS = (3,)
"""Families that bend a trend all along: a quadratic, where it bends upward. A leak may well become faster; one that
comes to an end by itself is a warm-up, and has families of its own."""
LEVELS_A_TERM = 8
"""Levels to spare for each term: a dozen levels that leave nothing over are a line and nothing else."""
SELECTION_PHIS: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.97)


@dataclass(frozen=True, slots=True)
class Selection:
    """Chosen candidates by index, in order of choice, the autocorrelation and the criterion they were chosen at.

    ``rivals`` are candidates that were not taken, the best of each family, with the weight that a model with them has
    beside the chosen one; ``bends`` are the same with the price that bends have where there is a trend to bend.
    """

    chosen: tuple[int, ...]
    phi: float
    criterion: float
    rivals: tuple[tuple[tuple[int, ...], float], ...] = ()
    bends: tuple[tuple[tuple[int, ...], float], ...] = ()


def select(
    y: Floats,
    base: Floats,
    groups: list[Floats],
    parameters: Floats,
    families: NDArray[np.int64],
    gaps: Floats,
    noise_floor: float = 0.0,
    max_terms: int = MAX_TERMS,
) -> Selection:
    """The terms to add to ``base``.

    Cycles bend to anything, and what is chosen first is not given back: where they were chosen, the same is tried
    without them.

    Args:
        y: K levels, scaled to the order of one.
        base: (K, p), columns that are in the model whatever happens.
        groups: arrays (K, c, m): m candidates of c columns each, numbered through the list.
        parameters: (m, 2), cost of each candidate in parameters with a coefficient above and below zero, in the same
            numbering.
        families: number of the family of each candidate, -1 for one that is no rival.
        gaps: as from ``regression.spacings``.
        noise_floor: standard deviation below which an improvement is not believed.
        max_terms: most terms to take.
    """
    best = Selection((), 0.0, np.inf)
    singles = groups[0].shape[2]
    for among in (groups, groups[:1]):
        count = sum(group.shape[2] for group in among)
        for phi in SELECTION_PHIS:
            found = _forward(y, base, among, parameters[:count], families[:count], gaps, phi, noise_floor, max_terms)
            if found.criterion < best.criterion:
                best = found
        if not any(index >= singles for index in best.chosen):
            break
    return best


def _forward(
    y: Floats,
    base: Floats,
    groups: list[Floats],
    parameters: Floats,
    families: NDArray[np.int64],
    gaps: Floats,
    phi: float,
    noise_floor: float,
    max_terms: int,
) -> Selection:
    count = y.size
    white_y, log_det = whiten(y, gaps, phi)
    white_base = whiten(base, gaps, phi)[0]
    q = orthonormal(white_base)
    residual = white_y - q @ (q.T @ white_y)
    white = [whiten(group, gaps, phi)[0] for group in groups]
    norms = [np.einsum("kcm,kcm->cm", group, group) for group in white]
    open_groups = [group - np.tensordot(q, np.tensordot(q.T, group, 1), 1) for group in white]
    floor = max(count * noise_floor**2, 1e-30)
    weight = PENALTY * np.log(count)
    rss = max(float(residual @ residual), floor)
    freedom = float(count - base.shape[1])
    constant = log_det + _log_volume(white_base)
    criterion = freedom * np.log(rss / freedom) + constant
    chosen: list[int] = []
    others: list[tuple[int, int, float]] = []
    most = min(max_terms, (count - base.shape[1]) // LEVELS_A_TERM)
    while True:
        measured = [gains_of(g, n, residual) for g, n in zip(open_groups, norms, strict=True)]
        gains, volumes, signs = (np.concatenate(part) for part in zip(*measured, strict=True))
        cost = np.where(signs >= 0.0, parameters[:, 0], parameters[:, 1])
        gains[chosen] = 0.0
        left = freedom - np.concatenate([np.full(g.shape[2], g.shape[1]) for g in open_groups])
        restricted = left * np.log(np.maximum(rss - gains, floor) / left) + constant + volumes
        scores = restricted + weight * cost
        index = int(np.argmin(np.where(gains > 0.0, scores, np.inf)))
        if len(chosen) >= most or not (gains[index] > 0.0 and scores[index] < criterion):
            swapped = [((*chosen[:at], i, *chosen[at + 1 :]), w) for at, i, w in others]
            added_to: list[list[tuple[tuple[int, ...], float]]] = []
            upward = np.isin(families, BENDS) & (signs >= 0.0)
            for price in (RIVAL_COST, np.where(upward, BEND_COST, RIVAL_COST)):
                excess = np.where(gains > 0.0, restricted + price * cost - criterion, np.inf)
                added_to.append([((*chosen, i), w) for i, w in _best_of_families(excess, families)] if most else [])
            rivals, bends = ((*more, *swapped) for more in added_to)
            return Selection(tuple(chosen), phi, float(criterion), rivals, bends)
        if families[index] in EXCHANGEABLE:
            rest = np.where((families != families[index]) & np.isin(families, EXCHANGEABLE), families, -1)
            excess = np.where(gains > 0.0, scores - scores[index], np.inf)
            others += [(len(chosen), i, w) for i, w in _best_of_families(excess, rest)]
        group, position = locate(groups, index)
        added = orthonormal(open_groups[group][:, :, position])
        residual = np.asarray(residual - added @ (added.T @ residual))
        open_groups = [g - np.tensordot(added, np.tensordot(added.T, g, 1), 1) for g in open_groups]
        chosen.append(index)
        freedom = float(left[index])
        constant += float(volumes[index]) + weight * float(cost[index])
        rss = max(float(residual @ residual), floor)
        criterion = float(scores[index])


def _best_of_families(excess: Floats, families: NDArray[np.int64]) -> tuple[tuple[int, float], ...]:
    """The best candidate of each family with its weight, those too light to matter left out."""
    out = []
    for family in np.unique(families[families >= 0]):
        members = np.flatnonzero(families == family)
        index = int(members[np.argmin(excess[members])])
        weight = float(np.exp(-0.5 * min(max(float(excess[index]), 0.0), 100.0)))
        if weight > LIGHTEST_RIVAL:
            out.append((index, weight))
    return tuple(out)


def _log_volume(matrix: Floats) -> float:
    """Logarithm of the determinant of ``matrix.T @ matrix``, directions too small to trust left out."""
    singular = np.linalg.svd(matrix, compute_uv=False)
    return 2.0 * float(np.sum(np.log(singular[singular > 1e-9 * max(float(singular[0]), 1e-300)])))


def gains_of(group: Floats, norms: Floats, residual: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each candidate of a group (K, c, m) orthogonal to the model: the drop of the residual sum of squares, and the
    growth of the log determinant of the design, and the sign of its coefficient; all (m,)."""
    squares = np.einsum("kcm,kcm->cm", group, group)
    products = np.einsum("kcm,k->cm", group, residual)
    alive = squares > 1e-7 * norms
    if group.shape[1] == 1:
        safe = np.where(alive, squares, 1.0)
        return np.where(alive, products**2 / safe, 0.0)[0], np.log(safe)[0], products[0]
    cross = np.einsum("km,km->m", group[:, 0], group[:, 1])
    determinant = squares[0] * squares[1] - cross**2
    solid = alive[0] & alive[1] & (determinant > 1e-9 * squares[0] * squares[1])
    numerator = squares[1] * products[0] ** 2 - 2.0 * cross * products[0] * products[1] + squares[0] * products[1] ** 2
    safe = np.where(solid, determinant, 1.0)
    return np.where(solid, numerator / safe, 0.0), np.log(safe), np.ones(safe.size)


def locate(groups: list[Floats], index: int) -> tuple[int, int]:
    for number, group in enumerate(groups):
        if index < group.shape[2]:
            return number, index
        index -= group.shape[2]
    raise IndexError("no such candidate")


def orthonormal(matrix: Floats) -> Floats:
    """Orthonormal basis of the columns, directions too small to trust left out."""
    left, singular, _ = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(left[:, singular > 1e-9 * max(float(singular[0]), 1e-300)])
