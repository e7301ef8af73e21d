"""Gates on memory, from facts made for the purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.kinds import Part
from harness.model import Interval, Limits, Outcome
from harness.rules.circumstances import Circumstances
from harness.rules.gates import (
    is_settling,
    judge_gates,
    longer_s,
    may_be_none,
    outgrown_after_s,
    sentence,
    settling_bytes,
)
from harness.rules.obstacles import obstacles_of
from tests.support.judged import FLAT, LEAK, MB_PER_MIN, T_S, facts_of, outcome


def test_a_limit_replaces_the_defaults() -> None:
    """With 50 MB/min a leak of 5 passes; there is one bound, not two."""
    circumstances = Circumstances(Limits(max_growth_bytes_per_h=50e6 * 60))
    (gate,) = judge_gates(LEAK, circumstances)

    assert outcome(LEAK, circumstances) is Outcome.PASS
    assert (gate.limit, gate.fail_above) == (50e6 * 60, 50e6 * 60)
    assert gate.high is not None
    assert gate.high < gate.limit


@pytest.mark.parametrize("expected", [Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE])
def test_gates_keep_the_contract(expected: Outcome) -> None:
    """Fail when low is above the limit, pass when high is below it, inconclusive between."""
    limits = {Outcome.PASS: 50e6 * 60, Outcome.FAIL: 1e6 * 60, Outcome.INCONCLUSIVE: 5e6 * 60}
    (gate,) = judge_gates(LEAK, Circumstances(Limits(max_growth_bytes_per_h=limits[expected])))

    assert gate.outcome is expected
    assert gate.low is not None
    assert gate.high is not None
    assert (gate.low > gate.limit, gate.high < gate.limit) == (
        expected is Outcome.FAIL,
        expected is Outcome.PASS,
    )


def test_peak_memory_is_judged_as_it_was() -> None:
    """The highest sample against the limit, with no interval around it."""
    (_, gate) = judge_gates(FLAT, Circumstances(Limits(max_growth_bytes_per_h=1e9, max_memory_bytes=1e8)))

    assert (gate.name, gate.outcome) == ("max_memory", Outcome.FAIL)
    assert gate.value == FLAT.peak


def test_per_query_without_load_is_inconclusive_only_when_asked() -> None:
    """The defaults judge no query where none was recorded; a limit that was asked for is answered."""
    asked = Circumstances(Limits(max_growth_bytes_per_query=4096.0))

    assert [gate.name for gate in judge_gates(FLAT, Circumstances(Limits()))] == ["max_growth"]
    assert [gate.outcome for gate in judge_gates(FLAT, asked)] == [Outcome.INCONCLUSIVE]


def test_what_is_missing_has_a_length() -> None:
    """An undecided gate says how much longer the run had to be, when that is within reach."""
    (gate,) = judge_gates(facts_of(0.0 * T_S), Circumstances(Limits(max_growth_bytes_per_h=1e6 * 60)))
    wide = replace(gate, value=0.0, low=-2.0 * gate.limit, high=2.0 * gate.limit, outcome=Outcome.INCONCLUSIVE)
    hopeless = replace(wide, low=-1e6 * gate.limit, high=1e6 * gate.limit)

    assert longer_s(wide, 100.0) == pytest.approx(100.0 * (1.1 * 2.0 ** (2 / 3) - 1.0))
    assert longer_s(hopeless, 100.0) is None
    assert longer_s(replace(wide, outcome=Outcome.PASS), 100.0) is None


def test_sentences_name_value_interval_and_limit() -> None:
    """What people read first."""
    (gate,) = judge_gates(LEAK, Circumstances(Limits(max_growth_bytes_per_h=1e6 * 60)))

    assert sentence(gate).startswith("growth of 5.0")
    assert " (98 %: " in sentence(gate)
    assert sentence(gate).endswith("is above the limit of 1.00 MB/min")
    per_query = replace(gate, unit="bytes_per_query", limit=4096.0, fail_above=4096.0)
    assert sentence(per_query).endswith("is above the limit of 4 KiB/query")
    day = 1e6 / 24.0
    small = replace(gate, value=9e4, low=-3e4, high=3e5, limit=day, fail_above=day, outcome=Outcome.INCONCLUSIVE)
    assert sentence(small) == (
        "growth of 1.50 kB/min (98 %: -500 B/min to 5.00 kB/min) is neither certainly above nor below the limit of "
        "694 B/min"
    )


YOUNG = Circumstances(Limits(), young=True)
LITTLE = facts_of(0.5 * MB_PER_MIN * T_S)


def part(kind: str, low: float, high: float, count: float = 1000.0) -> Part:
    """A kind whose queries leave so many bytes."""
    interval = Interval((low + high) / 2.0, low, high, 0.98)
    return Part(kind, count, interval, interval, None, True)


def failing_kinds(*parts: Part, circumstances: Circumstances = YOUNG) -> list[str | None]:
    """Kinds that fail half an hour in which 15 MB were gained."""
    assert LITTLE.growth is not None
    facts = replace(LITTLE, growth=replace(LITTLE.growth, parts=parts))
    return [gate.kind for gate in judge_gates(facts, circumstances) if gate.outcome is Outcome.FAIL]


def test_what_a_young_heap_may_take_fails_neither_the_run_nor_a_kind() -> None:
    """A heap that finds its size and a cache that fills look like a leak of every kind of use."""
    same = [part("normal", 14e3, 16e3), part("disconnect", 15e3, 17e3)]

    assert is_settling(LITTLE, YOUNG)
    assert failing_kinds(*same) == []
    assert failing_kinds(part("normal", 14e3, 16e3)) == []
    assert failing_kinds(*same, circumstances=Circumstances(Limits())) == [None, "normal", "disconnect"]


def test_a_kind_that_leaves_certainly_more_than_another_fails_a_young_target_too() -> None:
    """Heap and caches serve all kinds: 15 MB of which the disconnects left all are a leak; 5 MB more may settle."""
    assert failing_kinds(part("normal", -1e3, 2e3), part("disconnect", 14e3, 16e3)) == ["disconnect"]
    assert failing_kinds(part("normal", 9e3, 10e3), part("disconnect", 14e3, 16e3)) == []


def test_a_young_target_that_gains_more_than_a_heap_may_take_fails() -> None:
    """150 MB in half an hour, whatever the kinds."""
    assert not is_settling(LEAK, YOUNG)
    assert outcome(LEAK, YOUNG) is Outcome.FAIL


@pytest.mark.parametrize("young", [True, False])
def test_a_heap_that_may_still_grow_fails_nothing(young: bool) -> None:
    """A JVM takes more until its heap is full, for every kind as much as it makes garbage; beyond that it is a leak."""
    roomy = Circumstances(Limits(), young=young, heap_limit_bytes=2e8)
    full = replace(roomy, heap_limit_bytes=5e7)
    gates = judge_gates(LEAK, roomy)
    kinds = [part("normal", -1e3, 2e3), part("disconnect", 14e3, 16e3)]

    assert (outcome(LEAK, roomy), outcome(LEAK, full)) == (Outcome.INCONCLUSIVE, Outcome.FAIL)
    assert any("may take 200 MB before it gives any back" in o.says for o in obstacles_of(LEAK, gates, roomy))
    assert failing_kinds(*kinds, circumstances=roomy) == []


def test_a_heap_that_is_collected_in_time_may_double_as_it_fills() -> None:
    """What becomes live brings as much garbage as the runtime allows; what lived before has its own for two minutes."""
    assert FLAT.growth is not None
    go = replace(YOUNG, garbage_share=0.5)
    old = Circumstances(Limits(), garbage_share=0.5)
    half = 0.5 * FLAT.growth.level

    assert settling_bytes(FLAT, go, 60.0) == pytest.approx(2 * 20 * 2**20 + half)
    assert settling_bytes(FLAT, go, 1200.0) == pytest.approx(2 * 32 * 2**20 + 0.1 * half)
    assert [settling_bytes(FLAT, old, length_s) for length_s in (60.0, 1200.0)] == pytest.approx([half, 0.1 * half])


def test_garbage_that_a_runtime_may_hold_is_no_leak() -> None:
    """Of a target of any age; the sentence says so."""
    full = facts_of(30.0 * MB_PER_MIN * T_S[:120])
    runtime = Circumstances(Limits(), garbage_share=0.5)
    gates = judge_gates(full, runtime)

    assert (outcome(full, Circumstances(Limits())), outcome(full, runtime)) == (Outcome.FAIL, Outcome.INCONCLUSIVE)
    assert any("its runtime may hold" in o.says and "of garbage" in o.says for o in obstacles_of(full, gates, runtime))


@pytest.mark.parametrize("growth_per_s", [5e3, 1e4, 2e4])
def test_so_long_it_takes_until_growth_is_no_settling(growth_per_s: float) -> None:
    """After an hour the allowance falls, so that a slow leak is not allowed for ever."""
    length_s = outgrown_after_s(FLAT, YOUNG, growth_per_s)

    assert length_s is not None
    assert growth_per_s * length_s == pytest.approx(settling_bytes(FLAT, YOUNG, length_s), rel=0.05)
    assert outgrown_after_s(FLAT, YOUNG, 10.0) is None


@pytest.mark.parametrize(("length_s", "mib"), [(10.0, 10.0), (60.0, 20.0), (120.0, 32.0), (3600.0, 32.0)])
def test_a_young_process_may_take_more_the_longer_it_runs(length_s: float, mib: float) -> None:
    """Some at once, some by the minute, up to what a heap takes; an old one may take nothing."""
    assert settling_bytes(FLAT, YOUNG, length_s) == pytest.approx(mib * 2**20)
    assert settling_bytes(FLAT, Circumstances(Limits()), length_s) == 0.0


def test_growth_of_a_target_that_nobody_used_may_be_none() -> None:
    """However certain it is."""
    unused = Circumstances(Limits(), unused=True)

    (gate,) = judge_gates(LEAK, unused)

    assert may_be_none(LEAK, unused)
    assert not may_be_none(LEAK, Circumstances(Limits()))
    assert (gate.outcome, gate.low) == (Outcome.INCONCLUSIVE, 0.0)
