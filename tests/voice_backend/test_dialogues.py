"""Tests of ``voice_backend.dialogues``: who keeps what, and until when."""

import asyncio

import pytest

from voice_backend import events
from voice_backend.dialogues import (
    BUFFER_LIMIT_BYTES,
    UNCLAIMED_LIMIT_BYTES,
    UNCLAIMED_LIMIT_DIALOGUES,
    Dialogues,
    Reader,
)
from voice_backend.events import Event
from voice_backend.faults import Switch
from voice_backend.ledger import Held


class Clock:
    """A clock that a test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def make(clock: Clock | None = None, strength: float = 0.0, time_scale: float = 1.0) -> Dialogues:
    return Dialogues(keep_state=Switch(strength), clock=clock or Clock(), time_scale=time_scale)


def event(name: str = "e", size: int = 10) -> Event:
    return Event(name, bytes(size))


def take_all(reader: Reader) -> list[str]:
    found = []
    while (taken := reader.take()) is not None:
        found.append(taken.name)
    return found


def test_after_the_fix_a_dialogue_ends_with_its_last_client(capsys: pytest.CaptureFixture[str]) -> None:
    """Cleared at once, one log line, nothing in the ledger."""
    dialogues = make()
    readers = [dialogues.join("d1"), dialogues.join("d1")]
    readers[0].dialogue.publish(event())
    dialogues.leave(readers[0])
    with_one_left = len(dialogues)
    dialogues.leave(readers[1])

    assert (with_one_left, len(dialogues)) == (1, 0)
    assert dialogues.retained() == Held(0, 0)
    assert readers[1].dialogue.buffered_bytes == 0
    assert capsys.readouterr().out == "🧹 [Voice Cleanup] Cleared 1 buffered messages\n"


def test_before_the_fix_it_stays_with_all_it_has_buffered() -> None:
    """And goes on buffering what is still being spoken; an explicit close frees it."""
    dialogues = make(strength=1.0)
    reader = dialogues.join("d1")
    reader.dialogue.publish(event(size=10))
    live = dialogues.retained()
    dialogues.leave(reader)
    reader.dialogue.publish(event(size=30))
    left = dialogues.retained()

    assert live == Held(0, 0)
    assert left == Held(40, 2)
    assert dialogues.close("d1") == 2
    assert dialogues.retained() == Held(0, 0)
    assert dialogues.close("d1") is None


def test_a_client_that_comes_back_makes_an_abandoned_dialogue_a_live_one() -> None:
    """What is in use is not retained by the fault."""
    dialogues = make(strength=1.0)
    reader = dialogues.join("d1")
    reader.dialogue.publish(event())
    dialogues.leave(reader)
    dialogues.join("d1")

    assert dialogues.retained() == Held(0, 0)


def test_a_weak_fault_keeps_every_tenth_dialogue() -> None:
    """Strength 0.1 over a hundred clients that vanish."""
    dialogues = make(strength=0.1)
    for number in range(100):
        reader = dialogues.join(str(number))
        reader.dialogue.publish(event(size=100))
        dialogues.leave(reader)

    assert dialogues.retained() == Held(1_000, 10)


@pytest.mark.parametrize("time_scale", [1.0, 60.0])
def test_the_sweep_ends_what_was_inactive_for_30_minutes(time_scale: float, capsys: pytest.CaptureFixture[str]) -> None:
    """Also a dialogue with an idle client, which is told; the times follow the scale."""
    clock = Clock()
    dialogues = make(clock, time_scale=time_scale)
    old = dialogues.join("old")
    dialogues.open("unclaimed")
    clock.now_s = 1_000 / time_scale
    dialogues.open("young")
    clock.now_s = 1_799 / time_scale
    too_early = dialogues.sweep()
    clock.now_s = 1_801 / time_scale

    assert too_early == 0
    assert dialogues.sweep() == 2
    assert old.finished
    assert dialogues.get("young") is not None
    assert capsys.readouterr().out == "🧹 [Memory Cleanup] Cleaned up 2 stale dialogues (1 remaining)\n"


def test_a_client_that_joins_late_gets_what_was_buffered() -> None:
    """All of the running answer, also when another client has had it already."""
    dialogues = make()
    dialogue = dialogues.open("d1")
    dialogue.begin_answer()
    dialogue.publish(event("a"))
    first = dialogues.join("d1")
    heard = take_all(first)
    dialogue.publish(event("b"))

    assert heard == ["a"]
    assert take_all(dialogues.join("d1")) == ["a", "b"]
    assert take_all(first) == ["b"]


def test_an_answer_that_was_heard_is_not_replayed_with_the_next() -> None:
    """A dialogue that the fault kept replays only the new answer to a client that comes back."""
    dialogues = make(strength=1.0)
    reader = dialogues.join("d1")
    reader.dialogue.begin_answer()
    reader.dialogue.publish(event("old"))
    reader.dialogue.answering -= 1
    take_all(reader)
    dialogues.leave(reader)
    dialogue = dialogues.open("d1")
    dialogue.begin_answer()
    dialogue.publish(event("new"))

    assert take_all(dialogues.join("d1")) == ["new"]
    assert dialogue.buffered.retained_objects == 2


def test_earlier_answers_leave_the_buffer_of_a_long_dialogue() -> None:
    """A stream that stays open for many queries costs one answer, not all."""
    dialogues = make()
    reader = dialogues.join("d1")
    for _ in range(100):
        reader.dialogue.begin_answer()
        reader.dialogue.publish(event(size=1_000))
        take_all(reader)
        reader.dialogue.answering -= 1

    assert reader.dialogue.buffered_bytes == 1_000


def test_before_the_fix_a_long_dialogue_keeps_every_answer() -> None:
    """All but the last count as retained while it lives, all of them once its client has left."""
    dialogues = make(strength=1.0)
    reader = dialogues.join("d1")
    for _ in range(100):
        reader.dialogue.begin_answer()
        reader.dialogue.publish(event(size=BUFFER_LIMIT_BYTES))
        asyncio.run(reader.dialogue.wait_for_room())
        take_all(reader)
        reader.dialogue.answering -= 1
    live = dialogues.retained()
    dialogues.leave(reader)

    assert live == Held(99 * BUFFER_LIMIT_BYTES, 99)
    assert dialogues.retained() == Held(100 * BUFFER_LIMIT_BYTES, 100)


def test_the_speaker_waits_for_a_slow_reader() -> None:
    """Above the buffer's limit there is room again only when the reader has moved on."""

    async def scenario() -> tuple[bool, bool, int]:
        dialogues = make()
        reader = dialogues.join("d1")
        for _ in range(3):
            reader.dialogue.publish(event(size=BUFFER_LIMIT_BYTES // 2))
        waiting = asyncio.create_task(reader.dialogue.wait_for_room())
        await asyncio.sleep(0)
        blocked = not waiting.done()
        reader.take()
        await waiting
        return blocked, waiting.done(), reader.dialogue.buffered_bytes

    assert asyncio.run(scenario()) == (True, True, BUFFER_LIMIT_BYTES)


@pytest.mark.parametrize("how", ["leaves", "ends"])
def test_a_waiting_speaker_is_released_when_its_reader_goes(how: str) -> None:
    """Whether the client leaves or the dialogue ends."""

    async def scenario() -> int:
        dialogues = make()
        reader = dialogues.join("d1")
        for _ in range(3):
            reader.dialogue.publish(event(size=BUFFER_LIMIT_BYTES // 2))
        waiting = asyncio.create_task(reader.dialogue.wait_for_room())
        await asyncio.sleep(0)
        if how == "leaves":
            dialogues.leave(reader)
        else:
            dialogues.close("d1")
        await waiting
        return reader.dialogue.buffered_bytes

    assert asyncio.run(scenario()) == 0


def test_dialogues_that_nobody_listens_to_are_bounded() -> None:
    """The oldest end when there are too many, or too large; one that is listened to stays."""
    dialogues = make()
    reader = dialogues.join("listening")
    for number in range(200):
        dialogues.open(f"big-{number}").publish(event(size=1_000_000))
    big_bytes = dialogues.buffered().retained_bytes
    for number in range(UNCLAIMED_LIMIT_DIALOGUES + 100):
        dialogues.open(f"small-{number}")

    assert big_bytes <= UNCLAIMED_LIMIT_BYTES + 1_000_000
    assert len(dialogues) == UNCLAIMED_LIMIT_DIALOGUES + 1
    assert not reader.finished


def test_a_reader_wakes_for_an_event_a_hang_up_and_an_end() -> None:
    """And for nothing else: a quiet wait runs out."""

    async def scenario() -> list[bool]:
        dialogues = make()
        reader = dialogues.join("d1")
        found = [await reader.wait(0.001)]
        reader.dialogue.publish(events.done())
        found.append(await reader.wait(10))
        take_all(reader)
        found.append(await reader.wait(0.001))
        reader.hang_up()
        found += [await reader.wait(10), reader.finished]
        other = dialogues.join("d1")
        dialogues.end_all()
        found += [await other.wait(10), other.finished]
        return found

    assert asyncio.run(scenario()) == [False, True, False, True, True, True, True]
