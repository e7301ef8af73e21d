"""When a target is started again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.orchestrate.restarts import MOST_SHORT_LIVES, SHORT_LIFE_S, Restarts
from harness.orchestrate.services import Service, Services


class Clock:
    """Time as the test wants it."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], Service]:
    """Starts something that ends at once; whatever it is, it is stopped."""
    services = Services(tmp_path)

    def begin() -> Service:
        service = services.start("target", ["true"], {})
        services.discard(service)
        return service

    return begin


def test_a_target_that_lives_is_started_again_for_ever(start: Callable[[], Service]) -> None:
    """A soak of days may see it crash once an hour."""
    clock = Clock()
    restarts = Restarts(start, clock)
    refusals = []
    for _ in range(3 * MOST_SHORT_LIVES):
        clock.now_s += SHORT_LIFE_S
        refusals.append(restarts.refusal(-9))
        restarts.start()

    assert set(refusals) == {None}


def test_a_target_that_cannot_start_is_given_up(start: Callable[[], Service]) -> None:
    """After some tries in a row; one that lived a while begins the count anew."""
    clock = Clock()
    restarts = Restarts(start, clock)
    refusals = []
    for life_s in (1.0, SHORT_LIFE_S, *[1.0] * MOST_SHORT_LIVES):
        clock.now_s += life_s
        refusals.append(restarts.refusal(1))
        restarts.start()

    assert refusals[:-1] == [None] * (MOST_SHORT_LIVES + 1)
    assert refusals[-1] == "it ended 5 times within 10 s of its start: it is not started again"


def test_an_end_without_a_failure_is_an_end(start: Callable[[], Service]) -> None:
    """As the engine has it for containers."""
    assert Restarts(start).refusal(0) == "code 0 is no failure: it is not started again"
