"""The shapes that memory takes without leaking."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.dictionary import PARAMETERS, SMOOTH, Term, TermKind, candidates

T_S = np.linspace(0.0, 100.0, 101)


@pytest.mark.parametrize("kind", sorted(SMOOTH))
def test_smooth_terms_rise(kind: TermKind) -> None:
    """Every smooth term is written so that a positive coefficient means growth."""
    column = Term(kind, 20.0, 0.0, 100.0).evaluate(T_S)

    assert np.all(np.diff(column) >= 0.0)
    assert column[-1] > column[0]


def test_a_ramp_is_a_step_that_takes_a_while() -> None:
    """Nothing before, everything after, half of it in the middle."""
    ramp = Term(TermKind.RAMP, 40.0, 0.0, 100.0, width_s=20.0)

    assert ramp.evaluate(np.array([0.0, 40.0, 50.0, 60.0, 100.0])).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_a_term_stays_in_its_piece() -> None:
    """A warm-up after a restart says nothing about the time before it."""
    assert np.all(Term(TermKind.EXP, 5.0, 50.0, 100.0).evaluate(T_S)[:50] == 0.0)


def test_the_tangent_is_the_derivative() -> None:
    """The column of an unknown time constant is the change with its logarithm."""
    term = Term(TermKind.EXP, 20.0, 0.0, 100.0)

    expected = -(T_S / 20.0) * np.exp(-T_S / 20.0)

    assert term.tangent(T_S) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("kind", [TermKind.EXP, TermKind.POWER, TermKind.LOG, TermKind.HINGE])
def test_the_tangent_does_not_depend_on_the_clock(kind: TermKind) -> None:
    """A term whose segment begins at 5,000 s on the run's clock varies as one that begins at zero."""
    at_zero = Term(kind, 20.0, 0.0, 100.0)
    place_s = 5020.0 if kind is TermKind.HINGE else 20.0
    later = Term(kind, place_s, 5000.0, 5100.0)

    assert later.tangent(T_S + 5000.0) == pytest.approx(at_zero.tangent(T_S), abs=1e-9)


def test_every_family_is_offered_and_priced() -> None:
    """An hour of levels is offered every family but those searched for in the load or in the levels themselves."""
    kinds = {term.kind for term in candidates(T_S, [(0.0, 100.0)])}

    assert kinds == set(TermKind) - {TermKind.LOAD, TermKind.SQUARE}
    assert set(PARAMETERS) == set(TermKind)


def test_a_load_term_is_no_function_of_time() -> None:
    """Asking one for its column is a mistake of the caller."""
    with pytest.raises(ValueError, match="load"):
        Term(TermKind.LOAD, 1.0, 0.0, 1.0).evaluate(T_S)


def test_a_piece_of_one_level_is_no_mistake() -> None:
    """A target that died a moment after its restart: nothing is fitted to that start, and the rest is offered still."""
    kinds = {term.kind for term in candidates(T_S, [(0.0, 99.0), (100.0, 100.0)])}

    assert TermKind.EXP in kinds
