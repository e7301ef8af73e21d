"""Fault plans: when they fire, and what a wrong one is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_tts.errors import UsageError
from mock_tts.faults import NO_EFFECTS, Fault, FaultPlan, Kind, Route, load_faults, parse_faults


def fired(fault: Fault, requests: int = 10, seed: int = 1) -> list[int]:
    """Which of the first requests ``fault`` hits."""
    plan = FaultPlan((fault,), seed)
    return [number for number in range(requests) if plan.pick(Route.CONVERT, "v", "text").by_kind]


def test_counts_rates_and_offsets() -> None:
    """``count`` hits the first, ``after`` skips, ``every`` picks, and they combine."""
    assert fired(Fault(kind=Kind.STATUS, count=3)) == [0, 1, 2]
    assert fired(Fault(kind=Kind.STATUS, after=2, every=4, count=2)) == [2, 6]
    assert fired(Fault(kind=Kind.STATUS, rate=0.0)) == []


def test_rate_is_seeded() -> None:
    """The same seed hits the same requests, about as many as the rate says."""
    fault = Fault(kind=Kind.STATUS, rate=0.3)

    assert fired(fault, 1000) == fired(fault, 1000) != fired(fault, 1000, seed=2)
    assert 240 < len(fired(fault, 1000)) < 360


@given(st.sampled_from(list(Route)), st.text(max_size=5), st.text(max_size=5))
def test_faults_hit_what_they_are_aimed_at(route: Route, voice_id: str, text: str) -> None:
    """Route, voice and text must all match."""
    plan = FaultPlan((Fault(kind=Kind.CUT, route="stream", voice_id="v", text="x"),), 0)
    aimed = route is Route.STREAM and voice_id == "v" and "x" in text

    assert (plan.pick(route, voice_id, text).get(Kind.CUT) is not None) is aimed
    assert FaultPlan((), 0).pick(route, voice_id, text) is NO_EFFECTS


@pytest.mark.parametrize("route", Route)
def test_endpoints_beside_speech_must_be_named(route: Route) -> None:
    """A fault without a route hits all speech and sockets, and not what clients ask for beside it."""
    everywhere = FaultPlan((Fault(kind=Kind.STATUS),), 0)
    named = FaultPlan((Fault(kind=Kind.STATUS, route=route.value),), 0)

    beside = route.value in ("models", "voices", "user", "single-use-token")
    assert bool(everywhere.pick(route, "", "").by_kind) is not beside
    assert named.pick(route, "", "").by_kind


@pytest.mark.parametrize("kind", [Kind.CLOSE_CODE, Kind.SLOT_RELEASE, Kind.ERROR_FRAME])
def test_socket_faults_are_not_spent_on_http(kind: Kind) -> None:
    """What only a socket feels waits for the first socket."""
    plan = FaultPlan((Fault(kind=kind, count=1),), 0)

    assert plan.pick(Route.CONVERT, "v", "").by_kind == {}
    assert plan.describe()[0]["seen"] == 0
    assert plan.pick(Route.STREAM_INPUT, "v", "").get(kind) is not None


def test_replace_and_restore() -> None:
    """A plan put in force while running is undone by restore; counts start again."""
    plan = FaultPlan((Fault(kind=Kind.STATUS, count=1),), 0)
    plan.pick(Route.STREAM, "v", "")
    plan.replace(())
    assert plan.describe() == []
    plan.restore()
    assert plan.describe() == [{"kind": "status", "count": 1, "seen": 0, "fired": 0}]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[[fault]]\nkind = "flood"', "fault.0.kind"),
        ('[[fault]]\nkind = "cut"\nrate = 2', "fault.0.rate"),
        ('[[fault]]\nkind = "cut"\nroute = "x"', "fault.0.route"),
        ('[[fault]]\nkind = "cut"\nroute = "voices"', "cut is for speech and means nothing on route voices"),
        ('[[fault]]\nkind = "close-code"\nroute = "stream"', "close-code is for sockets and means nothing"),
        ('[[fault]]\nkind = "close-code"\nclose_code = 1006', "may not be sent"),
        ('[[faults]]\nkind = "cut"', "faults"),
        ("fault = ", "TOML"),
    ],
)
def test_wrong_plans_are_one_line(tmp_path: Path, text: str, found: str) -> None:
    """Where, what was expected, what was found."""
    path = tmp_path / "faults.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_faults(path)

    assert found in str(caught.value)
    assert "\n" not in str(caught.value)


def test_plans_may_be_json() -> None:
    """A list of faults, or the same under ``fault``."""
    one = [{"kind": "stall", "seconds": 2}]

    assert parse_faults(one, "x") == parse_faults({"fault": one}, "x") == (Fault(kind=Kind.STALL, seconds=2),)
