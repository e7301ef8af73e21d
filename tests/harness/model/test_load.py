"""The load plan on its way to the Locust process and back."""

from __future__ import annotations

import json

import pytest

from harness.model import LoadKind
from harness.model.load import (
    ArrivalModel,
    Arrivals,
    Backend,
    Ending,
    LoadPlan,
    Phase,
    Spacing,
    StreamKind,
)

PLAN = LoadPlan(
    scenario="mixed",
    seed=3,
    speedup=240.0,
    phases=(
        Phase("warmup", "mixed", 0, 0.0, 15.0, 90, (LoadKind.NORMAL, LoadKind.DISCONNECT)),
        Phase("idle-0", "idle", 0, 15.0, 20.0),
        Phase("normal-1", "normal", 1, 20.0, 25.5, 80, (LoadKind.NORMAL,)),
    ),
    backend=Backend(
        "https://voice.example",
        stream=StreamKind.WEBSOCKET,
        converse_path=None,
        headers=(("Authorization", "Bearer x"),),
        done_event=None,
        texts=("Hello {n}",),
    ),
    arrivals=Arrivals(ArrivalModel.CLOSED, Spacing.CONSTANT, 5, 0.5),
    endings=(Ending.HALF_OPEN,),
    bursts=(2, 5),
    locustfile="/plans/locustfile.py",
)


def test_a_plan_survives_the_way_through_json() -> None:
    """Every field, enums and tuples included."""
    assert LoadPlan.from_json(json.loads(json.dumps(PLAN.to_json()))) == PLAN


def test_a_plan_with_defaults_survives_as_well() -> None:
    """The project's own wire, open arrivals."""
    plan = LoadPlan("idle", 1, 1.0, (), Backend("http://127.0.0.1:1"))

    assert LoadPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert plan.duration_s == 0.0
    assert plan.kinds == ()


def test_duration_and_kinds_come_from_the_phases() -> None:
    """The end of the last phase; kinds in the order of their first phase."""
    assert PLAN.duration_s == 25.5
    assert PLAN.kinds == (LoadKind.NORMAL, LoadKind.DISCONNECT)
    assert [phase.is_idle for phase in PLAN.phases] == [False, True, False]
    assert PLAN.phases[2].length_s == 5.5


@pytest.mark.parametrize(
    ("change", "error"),
    [({"endings": ["rudely"]}, ValueError), ({"surprise": 1}, TypeError), ({"phases": [{"phase": "x"}]}, KeyError)],
)
def test_anything_else_is_refused(change: dict[str, object], error: type[Exception]) -> None:
    """A worker of another version fails at once instead of playing something else."""
    with pytest.raises(error):
        LoadPlan.from_json(PLAN.to_json() | change)
