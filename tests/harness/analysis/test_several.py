"""Several metrics at one error rate."""

from __future__ import annotations

from harness.analysis.several import holm


def test_the_smallest_must_pass_the_hardest() -> None:
    """Holm's steps: 0.05/3, 0.05/2, 0.05."""
    assert holm([0.04, 0.001, 0.02], 0.05) == [True, True, True]
    assert holm([0.04, 0.001, 0.03], 0.05) == [False, True, False]


def test_nothing_is_rejected_after_the_first_that_stands() -> None:
    """A larger p-value is never rejected when a smaller one is not."""
    assert holm([0.02, 0.021, 0.022], 0.05) == [False, False, False]
    assert holm([], 0.05) == []
