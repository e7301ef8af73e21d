"""What one query of each kind leaves behind, and when the plan does not show it."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.facts import Setting, analyse
from harness.analysis.kinds import HELD_SHARE, Part
from harness.analysis.regression import Floats
from tests.support.plain_runs import cycles, load_of, phases_of, used

PLAN = cycles(("normal", "disconnect"), 6)
ROWS, T_S, LEAK = used(PLAN, 10.0, {"disconnect": 50_000.0})


def _parts(y: Floats, setting: Setting) -> dict[str, Part]:
    noise = 1e4 * np.random.default_rng(1).normal(size=T_S.size)
    growth = analyse(T_S, 1e8 + y + noise, setting).growth
    assert growth is not None
    return {part.kind: part for part in growth.parts}


def test_without_load_there_are_no_kinds() -> None:
    """Nothing was recorded that memory could be divided by."""
    assert _parts(LEAK, Setting(phases=phases_of(PLAN))) == {}


def test_the_kind_that_leaks_is_named_with_its_bytes() -> None:
    """Fifty kilobytes a disconnect, nothing for a polite end; failed queries are counted beside them."""
    parts = _parts(LEAK, Setting(phases=phases_of(PLAN), load=load_of(ROWS, {"normal": 3.0})))

    assert parts["disconnect"].per_query.estimate == pytest.approx(50_000.0, rel=0.03)
    assert parts["normal"].certain.low is not None
    assert parts["normal"].certain.low <= 0.0
    assert [parts[kind].failed for kind in ("disconnect", "normal")] == [0.0, 3.0]
    assert parts["disconnect"].lasting


def test_an_interval_never_claims_more_than_allocators_allow() -> None:
    """However quiet the series, the bytes that a process holds for a byte kept are known to four per cent only; and
    what gates are held against is wider than what is shown."""
    part = _parts(LEAK, Setting(phases=phases_of(PLAN), load=load_of(ROWS)))["disconnect"]

    assert part.per_query.estimate is not None
    assert part.per_query.low is not None
    assert part.certain.low is not None
    assert part.per_query.low <= (1.0 - HELD_SHARE) * part.per_query.estimate
    assert part.certain.low < part.per_query.low


def test_kinds_that_ran_together_are_named_not_estimated() -> None:
    """Two kinds in one phase at one ratio: a reason in place of a figure."""
    together = [row for at, _, n in ROWS for row in ((at, "normal", n), (at, "disconnect", n))]
    parts = _parts(LEAK, Setting(phases=phases_of(PLAN), load=load_of(together)))

    for kind, other in (("normal", "disconnect"), ("disconnect", "normal")):
        assert parts[kind].per_query.estimate is None
        assert parts[kind].reason == f"the load plan cannot tell kind {kind} from kind {other}"


def test_what_stops_half_way_does_not_last() -> None:
    """A cache that disconnects fill, and that is full after half of them, is no leak of theirs."""
    filled = np.minimum(LEAK, 0.5 * LEAK[-1])
    part = _parts(filled, Setting(phases=phases_of(PLAN), load=load_of(ROWS)))["disconnect"]

    assert not part.lasting
