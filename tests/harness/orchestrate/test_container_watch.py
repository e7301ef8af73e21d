"""A container's history, asked for without waiting."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event as Signal
from typing import Any

import pytest

from harness.model import Event, EventName
from harness.orchestrate import container_watch
from harness.orchestrate.container_history import note
from harness.orchestrate.container_watch import SILENCE_S, ContainerWatch


class SlowHistory:
    """Answers with one note a poll, once it is let."""

    def __init__(self) -> None:
        self.asked: SimpleQueue[float] = SimpleQueue()
        self.may_answer = Signal()
        self.mistake: Exception | None = None

    def poll(self, t_s: float) -> list[Event]:
        self.asked.put(t_s)
        assert self.may_answer.wait(10)
        if self.mistake is not None:
            raise self.mistake
        return [note(t_s, f"asked at {t_s:g}")]


@pytest.fixture
def history() -> Iterator[SlowHistory]:
    """Its thread is let go afterwards."""
    history = SlowHistory()
    yield history
    history.may_answer.set()


def watching(history: Any) -> ContainerWatch:
    return ContainerWatch(history)


def texts(events: list[Event]) -> list[str]:
    return [str(event.fields["text"]) for event in events]


def test_no_call_waits_for_the_engine(history: SlowHistory) -> None:
    """One question is under way however often it is polled; its answer comes with the last call."""
    watch = watching(history)
    seen = [watch.poll(float(t_s)) for t_s in range(0, 20, 2)]
    history.may_answer.set()

    assert seen == [[]] * 10
    assert texts(watch.finish(20.0)) == ["asked at 0", "asked at 20"]


def test_a_silent_engine_is_told_once(history: SlowHistory) -> None:
    """After half a minute, until it has answered and is silent again."""
    watch = watching(history)
    told = [texts(watch.poll(t_s)) for t_s in (0.0, SILENCE_S - 1, SILENCE_S, SILENCE_S + 2)]

    assert told == [[], [], ["the engine has not answered for 30 s"], []]


def test_an_engine_that_stays_silent_does_not_keep_the_run_from_ending(
    history: SlowHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last call waits for a moment only."""
    monkeypatch.setattr(container_watch, "FINISH_S", 0.05)
    watch = watching(history)
    watch.poll(0.0)

    assert watch.finish(1.0) == []


def test_a_mistake_of_its_own_is_a_note(history: SlowHistory) -> None:
    """The thread goes on with the next question."""
    history.mistake = KeyError("State")
    history.may_answer.set()
    watch = watching(history)
    watch.poll(0.0)

    assert texts(watch.finish(1.0)) == ["unexpected KeyError: 'State'"] * 2


class KilledTwice(SlowHistory):
    """Tells of two ends by a kill, a minute from one another."""

    def poll(self, t_s: float) -> list[Event]:
        return [Event(at_s, EventName.OOM_KILL, {"probe": "target", "count": 1}) for at_s in (20.5, 80.5)]


def test_a_kill_that_was_sampled_is_told_once() -> None:
    """Between a kill and the container's end the sampler may have read the counter, or not."""
    watch = watching(KilledTwice())
    watch.sampled(Event(20.1, EventName.OOM_KILL, {"probe": "target", "count": 1}))
    watch.sampled(Event(80.0, EventName.GAP, {"probe": "target"}))

    assert [event.t_s for event in watch.finish(90.0)] == [80.5]
