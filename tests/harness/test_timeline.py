"""The timeline as an experiment: it fills its time, keeps its counts, and lets kinds be told apart."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import IDLE_KIND, WARMUP_PHASE, LoadKind
from harness.model.load import MIXED_KIND, Phase
from harness.timeline import (
    REFERENCE_NOISE_BYTES2_S,
    SCENARIOS,
    WORST_VIF,
    build_timeline,
    natural_duration_s,
    planned_precision,
)

KINDS = (LoadKind.NORMAL, LoadKind.DUPLICATE, LoadKind.DISCONNECT)

kinds_lists = st.lists(st.sampled_from(KINDS), min_size=0, max_size=3, unique=True)


@given(
    kinds=kinds_lists,
    duration_s=st.floats(1.0, 1e6),
    queries_per_s=st.floats(0.0, 100.0),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_phases_fill_the_time_without_gaps_and_counts_add_up(
    kinds: list[str], duration_s: float, queries_per_s: float, seed: int
) -> None:
    """Whatever the kinds, the length, the rate and the seed."""
    phases = build_timeline(kinds, duration_s, queries_per_s, seed)

    assert phases[0].phase == WARMUP_PHASE
    assert phases[0].cycle == phases[0].start_s == 0
    assert phases[-1].end_s == pytest.approx(duration_s)
    for before, after in itertools.pairwise(phases):
        assert after.start_s == before.end_s
        assert before.length_s > 0
    expected = round(queries_per_s * duration_s) if kinds else 0
    assert sum(phase.queries_count for phase in phases) == expected
    assert len({phase.phase for phase in phases}) == len(phases)


@pytest.mark.parametrize("seed", range(20))
def test_load_and_true_idle_take_turns_in_a_random_order(seed: int) -> None:
    """Four cycles, each with every kind once, each block followed by idle; no two cycles alike over all seeds."""
    phases = build_timeline(KINDS, 3600.0, 0.5, seed)[2:]

    assert all(phase.is_idle for phase in phases[1::2])
    loaded = phases[::2]
    assert [phase.cycle for phase in loaded] == [cycle for cycle in range(1, 5) for _ in KINDS]
    for cycle in range(1, 5):
        assert sorted(phase.kind for phase in loaded if phase.cycle == cycle) == sorted(KINDS)
    assert len({round(phase.length_s, 3) for phase in loaded}) == len(loaded)
    by_kind = [sum(phase.queries_count for phase in loaded if phase.kind == kind) for kind in KINDS]
    assert max(by_kind) - min(by_kind) <= 4


def test_the_seed_decides_the_order() -> None:
    """The same seed gives the same plan; ten seeds give more than five orders."""
    orders = {tuple(phase.kind for phase in build_timeline(KINDS, 600.0, 1.0, seed)) for seed in range(10)}

    assert build_timeline(KINDS, 600.0, 1.0, 4) == build_timeline(KINDS, 600.0, 1.0, 4)
    assert len(orders) > 5


def test_a_warm_up_of_one_kind_carries_its_name_and_of_several_is_mixed() -> None:
    """So is it written into the events."""
    assert build_timeline(KINDS[:1], 60.0, 1.0, 1)[0].kind == LoadKind.NORMAL
    assert build_timeline(KINDS, 60.0, 1.0, 1)[0].kind == MIXED_KIND
    assert build_timeline((), 60.0, 0.0, 1)[0].kind == IDLE_KIND


def test_idle_alone_has_several_phases() -> None:
    """Growth while idle needs at least two of them."""
    phases = build_timeline((), 3600.0, 0.0, 1)

    assert all(phase.is_idle for phase in phases)
    assert len(phases) == 5


def test_short_runs_have_fewer_cycles() -> None:
    """Rather than phases in which nothing could settle; but never one alone unless it is asked for."""
    cycles = [max(phase.cycle for phase in build_timeline(KINDS, duration_s, 1.0, 1)) for duration_s in (8, 65, 130)]

    assert cycles == [2, 3, 4]
    assert max(phase.cycle for phase in build_timeline(KINDS, 130.0, 1.0, 1, cycles_count=1)) == 1


def test_idle_phases_are_all_of_one_length() -> None:
    """So that each leaves its drain the same time."""
    lengths = {round(phase.length_s, 6) for phase in build_timeline(KINDS, 130.0, 8.0, 1) if phase.is_idle}

    assert len(lengths) == 1


@pytest.mark.parametrize(
    ("scenario", "queries", "duration_s"),
    [("normal", 15, 900), ("heavy", 120, 3600), ("idle", 0, 3600), ("duplicates", 120, 3600), ("mixed", 480, 14400)],
)
def test_scenarios_keep_what_the_incidents_test_plan_asked_for(scenario: str, queries: int, duration_s: float) -> None:
    """10 to 20 queries, 100 and more in an hour, an hour of idleness; ten times faster in a tenth of the time."""
    chosen = SCENARIOS[scenario]
    for speedup in (1.0, 10.0):
        wall_s = natural_duration_s(scenario, speedup)
        phases = build_timeline(chosen.kinds, wall_s, chosen.queries_per_h * speedup / 3600, 1)

        assert wall_s == duration_s / speedup
        assert sum(phase.queries_count for phase in phases) == queries


@pytest.mark.parametrize("seed", range(10))
def test_the_default_plans_can_tell_every_kind_apart(seed: int) -> None:
    """An hour of mixed use, and the two-minute demonstration with at least 300 queries of each of its kinds."""
    for kinds, duration_s, rate in ((KINDS, 3600.0, 0.5), (KINDS[::2], 130.0, 8.0)):
        precisions = planned_precision(build_timeline(kinds, duration_s, rate, seed))

        assert [precision.kind for precision in sorted(precisions, key=lambda found: found.kind)] == sorted(kinds)
        assert all(precision.is_identifiable for precision in precisions)
        assert all(precision.vif < WORST_VIF for precision in precisions)
        if duration_s == 130.0:
            assert all(precision.queries_count >= 300 for precision in precisions)


def test_the_standard_error_is_the_one_of_simulated_regressions() -> None:
    """White noise of long-run variance ω² on levels with intercept, time and both counts: the same spread."""
    phases = build_timeline(KINDS[:2], 1000.0, 1.0, 3)
    noise_bytes2_s = 4e6
    cycles = phases[1:]
    times = np.arange(cycles[0].start_s, cycles[-1].end_s, 1.0)
    counts = [
        np.array(
            [
                sum(
                    p.queries_count * min(max((t - p.start_s) / p.length_s, 0.0), 1.0)
                    for p in cycles
                    if kind in p.kinds
                )
                for t in times
            ]
        )
        for kind in KINDS[:2]
    ]
    design = np.column_stack([np.ones_like(times), times, *counts])
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, math.sqrt(noise_bytes2_s), (len(times), 4000))
    slopes = np.linalg.lstsq(design, noise, rcond=None)[0][2:]

    planned = {found.kind: found.standard_error_bytes for found in planned_precision(phases, noise_bytes2_s)}
    for kind, simulated in zip(KINDS[:2], slopes.std(axis=1), strict=True):
        assert planned[kind] == pytest.approx(simulated, rel=0.1)


def test_a_kind_that_is_proportional_to_time_is_not_identifiable() -> None:
    """One block without idle: its count is a straight line; and a lone cycle is never enough."""
    straight = (Phase("normal-1", "normal", 1, 0.0, 100.0, 100, ("normal",)),)
    (precision,) = planned_precision(straight)

    assert precision.standard_error_bytes == precision.vif == math.inf
    assert not precision.is_identifiable
    assert planned_precision(()) == ()


def test_kinds_in_a_constant_mix_are_not_identifiable() -> None:
    """Two kinds side by side in one phase: each is a multiple of the other."""
    phases = (
        Phase("both-1", "mixed", 1, 0.0, 50.0, 100, ("normal", "duplicate")),
        Phase("idle-1", IDLE_KIND, 1, 50.0, 100.0),
    )

    assert not any(precision.is_identifiable for precision in planned_precision(phases))


def test_the_reference_noise_is_that_of_the_study() -> None:
    """AR(1), 5 MB, 0.9, once a second."""
    assert pytest.approx(4.75e14) == REFERENCE_NOISE_BYTES2_S
