"""The duty budget."""

from __future__ import annotations

from harness.probes.duty import DutyBudget


def test_the_first_reading_is_due_at_once() -> None:
    """Nothing has been spent yet."""
    assert DutyBudget().is_due(0.0, 5.0, 0.005)


def test_a_dear_reading_waits_for_its_budget() -> None:
    """15 ms at a ratio of 0.005 allow the next after 3 s."""
    budget = DutyBudget()
    budget.spend(10.0, 0.015)

    assert not budget.is_due(12.99, 0.0, 0.005)
    assert budget.is_due(13.01, 0.0, 0.005)


def test_a_cheap_reading_waits_for_its_interval() -> None:
    """However little it costs, it is not wanted sooner."""
    budget = DutyBudget()
    budget.spend(10.0, 1e-6)

    assert not budget.is_due(14.9, 5.0, 0.005)
    assert budget.is_due(15.0, 5.0, 0.005)


def test_the_ratio_holds_over_a_day_whatever_the_costs() -> None:
    """Readings of changing cost, asked for 5 times a second, take at most the ratio of the time."""
    budget = DutyBudget()
    spent_s = 0.0
    for tick in range(100_000):
        now_s = tick * 0.2
        if budget.is_due(now_s, 0.0, 0.005):
            cost_s = 0.001 * (1 + tick % 97)
            budget.spend(now_s, cost_s)
            spent_s += cost_s

    assert 0.0035 < spent_s / 20_000 <= 0.005 + 0.097 / 20_000
