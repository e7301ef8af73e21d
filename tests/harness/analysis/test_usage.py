"""Running totals, and what a load plan can tell apart."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.segments import Phase
from harness.analysis.usage import Load, read_plan, released_columns, running_totals


def _load(rows: list[tuple[float, str, int]]) -> Load:
    t_s = np.array([t for t, _, _ in rows])
    counts = np.array([float(n) for _, _, n in rows])
    return running_totals(t_s, np.array([k for _, k, _ in rows]), counts, counts, np.zeros(len(rows)))


def _plan(order: list[str], length_s: float = 20.0) -> tuple[Load, tuple[Phase, ...]]:
    rows, phases = [], []
    for i, kind in enumerate(order):
        start_s = i * length_s
        phases.append(Phase(f"{kind}-{i}", kind, i, start_s, start_s + length_s, kind == "idle"))
        rows += [] if kind == "idle" else [(start_s + s, kind, 3) for s in range(1, int(length_s) + 1)]
    return _load(rows), tuple(phases)


def test_a_row_stands_for_the_second_before_it() -> None:
    """Counts are spread over the interval that ends at the row, and quiet time between rows adds nothing."""
    load = _load([(1.0, "normal", 2), (2.0, "normal", 4), (60.0, "normal", 6)])

    assert load.completed[0].at(np.array([0.0, 0.5, 1.0, 2.0, 58.9, 59.5, 60.0])).tolist() == [0, 1, 2, 6, 6, 9, 12]


def test_kinds_with_idle_between_are_told_apart() -> None:
    """Idle time tells use from time, and phases of one kind tell kinds apart."""
    load, phases = _plan(["normal", "idle", "duplicate", "idle"] * 3)

    plan = read_plan(load, phases, 0.0, 240.0)

    assert plan.unseen == (None, None)
    assert plan.pooled
    assert plan.rates_per_s == pytest.approx([1.5, 1.5])


def test_alternation_without_idle_is_named() -> None:
    """With one kind or the other always on, time is their sum: neither is estimated."""
    load, phases = _plan(["normal", "duplicate"] * 4)

    plan = read_plan(load, phases, 0.0, 160.0)

    assert all(reason is not None and "cannot tell" in reason for reason in plan.unseen)
    assert not plan.pooled


def test_kinds_that_run_together_are_named() -> None:
    """Two kinds always driven at once have one figure between them."""
    rows = [(20.0 * i + s, kind, 2) for i in range(0, 8, 2) for s in range(1, 21) for kind in ("normal", "duplicate")]
    phases = tuple(Phase(f"p{i}", ("both", "idle")[i % 2], i, 20.0 * i, 20.0 * i + 20, i % 2 == 1) for i in range(8))

    plan = read_plan(_load(sorted(rows)), phases, 0.0, 160.0)

    assert all(reason is not None and "kind" in reason for reason in plan.unseen)
    assert plan.pooled


def test_constant_load_without_phases_is_time() -> None:
    """A constant rate cannot be told from time."""
    plan = read_plan(_load([(float(s), "normal", 2) for s in range(1, 300)]), (), 0.0, 300.0)

    assert plan.unseen[0] is not None
    assert "time" in plan.unseen[0]


def test_load_that_stops_and_goes_is_seen_without_phases() -> None:
    """Bursts far beyond chance are a plan, whether or not anyone wrote it down."""
    rows = [(float(s), "normal", 5) for s in range(1, 600) if s // 60 % 2]

    assert read_plan(_load(rows), (), 0.0, 600.0).unseen == (None,)


def test_memory_that_follows_the_load_has_columns() -> None:
    """Each column is finite and of the order of one."""
    load, _ = _plan(["normal", "idle", "duplicate", "idle"] * 3)

    columns = released_columns(load, np.linspace(10.0, 230.0, 100), 220.0)

    assert columns
    assert all(np.max(np.abs(column)) == pytest.approx(1.0) for _, column in columns)
