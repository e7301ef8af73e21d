"""The schedule as a pure function of the plan, and its shares."""

from __future__ import annotations

import itertools
import statistics
import time
from dataclasses import replace

import pytest

from harness.model import LoadKind
from harness.model.load import ArrivalModel, Arrivals, Backend, LoadPlan, Phase, Spacing
from locustfiles._phases import Arrival, Player, Schedule, Share
from locustfiles._tally import Tally
from tests.support.load_runs import short_plan
from tests.support.talk_backend import talking

KINDS = (LoadKind.NORMAL, LoadKind.DUPLICATE, LoadKind.DISCONNECT)


def _plan(queries_count: int = 2000, spacing: Spacing = Spacing.POISSON, seed: int = 5) -> LoadPlan:
    phases = (
        Phase("warmup", "mixed", 0, 0.0, 100.0, queries_count, KINDS),
        Phase("normal-1", "normal", 1, 200.0, 300.0, queries_count, (LoadKind.NORMAL,)),
    )
    return LoadPlan("mixed", seed, 1.0, phases, Backend("http://127.0.0.1:1"), Arrivals(spacing=spacing))


def _arrivals(plan: LoadPlan) -> list[Arrival]:
    schedule = Schedule(plan)
    return [arrival for phase in plan.phases for arrival in schedule.arrivals(phase)]


@pytest.mark.parametrize("spacing", list(Spacing))
def test_a_phase_has_exactly_its_queries_in_order_and_inside_it(spacing: Spacing) -> None:
    """Numbers are unique in the run, counts within a kind go on from phase to phase."""
    plan = _plan(spacing=spacing)
    arrivals = _arrivals(plan)

    assert [arrival.number for arrival in arrivals] == list(range(4000))
    due = [arrival.due_s for arrival in arrivals]
    assert due == sorted(due)
    assert all(0 <= at_s < 100 for at_s in due[:2000])
    assert all(200 <= at_s < 300 for at_s in due[2000:])
    for kind in KINDS:
        numbers = [arrival.kind_number for arrival in arrivals if arrival.kind == kind]
        assert numbers == list(range(len(numbers)))
    assert {arrival.kind for arrival in arrivals[2000:]} == {LoadKind.NORMAL}


def test_a_warm_up_drives_its_kinds_in_equal_shares() -> None:
    """To within one."""
    arrivals = _arrivals(_plan())[:2000]
    counts = [sum(arrival.kind == kind for arrival in arrivals) for kind in KINDS]

    assert max(counts) - min(counts) <= 1


def test_poisson_arrivals_have_the_spread_of_a_poisson_process() -> None:
    """Gaps of an exponential: their deviation equals their mean; constant arrivals have none."""
    gaps = [b.due_s - a.due_s for a, b in itertools.pairwise(_arrivals(_plan())[:2000])]
    even = [b.due_s - a.due_s for a, b in itertools.pairwise(_arrivals(_plan(spacing=Spacing.CONSTANT))[:2000])]

    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.1)
    assert statistics.stdev(even) < 1e-9


def test_the_seed_decides() -> None:
    """The same seed gives the same schedule, another one another."""
    assert _arrivals(_plan()) == _arrivals(_plan())
    assert _arrivals(_plan()) != _arrivals(_plan(seed=6))


def test_shares_make_the_whole_between_them() -> None:
    """Three processes start what one would have started, each arrival once."""
    numbers: list[int] = []
    with talking() as backend:
        plan = short_plan(backend.wire, queries_count=9, load_s=0.2, idle_s=0.05)
        for index in range(3):
            Player(
                plan,
                Share(index, 3),
                time.monotonic(),
                f"run{index}",
                Tally(),
                lambda _: None,
                lambda turn: numbers.append(turn.query.number),
            ).play()

    assert sorted(numbers) == list(range(9))


def test_arrivals_that_are_too_late_are_dropped_not_started() -> None:
    """A plan that began ten seconds ago: none of its queries is worth asking any more."""
    tally = Tally()
    drained: list[int] = []
    plan = short_plan(Backend("http://127.0.0.1:1"), queries_count=5, load_s=0.2, idle_s=0.05, max_lateness_s=1.0)
    Player(plan, Share(), time.monotonic() - 10.0, "run", tally, drained.append).play()

    bucket = tally.take(1.0).buckets[LoadKind.NORMAL]
    assert (bucket.started_count, bucket.dropped_count) == (0, 5)
    assert drained == [0, 1]


def test_closed_users_ask_one_after_the_other() -> None:
    """Each waits for its answer; no number is used twice, however many users and shares."""
    numbers: list[int] = []
    arrivals = Arrivals(ArrivalModel.CLOSED, users_count=3, think_s=0.01)
    with talking() as backend:
        plan = replace(short_plan(backend.wire, load_s=0.5, idle_s=0.05), arrivals=arrivals)
        for index in range(2):
            tally = Tally()
            started_s = time.monotonic()
            Player(
                plan,
                Share(index, 2),
                started_s,
                "run",
                tally,
                lambda _: None,
                lambda turn: numbers.append(turn.query.number),
            ).play()
            bucket = tally.take(1.0).buckets[LoadKind.NORMAL]
            assert bucket.started_count == bucket.completed_count > 0

    assert len(numbers) == len(set(numbers))
