"""Generations in order, each when it is due."""

from collections.abc import Sequence

import pytest

from mock_tts.audio import ClipBank
from mock_tts.faults import Kind
from mock_tts.formats import FORMATS
from mock_tts.profile import Timing
from mock_tts.track import Speech
from mock_tts.voicebox import PIECE_S, Line, Refused, Voicebox

BANK = ClipBank(1)


class Studio:
    """Records five seconds of PCM for everything, at ten times play speed, half a second to the first byte."""

    sync_alignment = False

    def __init__(self, free: int = 1) -> None:
        self.free = free
        self.waits = True
        self.broke = False

    def record(self, lines: Sequence[Line]) -> tuple[Speech, Timing]:
        return BANK.speak(lines[0].text, "v", FORMATS["pcm_8000"], 5.0, None), Timing(0.5, 10.0)

    def enter(self) -> float | None:
        if self.free == 0:
            return 0.05
        self.free -= 1
        return None

    def leave(self) -> None:
        self.free += 1

    def stop_waiting(self) -> None:
        self.waits = False

    def charge(self, text: str) -> None:
        if self.broke:
            raise Refused("quota_exceeded", "none left")


def box(studio: Studio) -> Voicebox:
    def note(kind: Kind) -> None:
        raise AssertionError(kind)

    return Voicebox(studio, note)


def test_pieces_come_when_they_are_generated() -> None:
    """The first after the first byte's time, the next when its audio is generated, the next text after that."""
    studio = Studio()
    spoken = box(studio)
    spoken.say((Line("one", ""),), 10.0)
    spoken.say((Line("two", ""),), 10.0)

    assert spoken.pull(10.4) is None
    assert spoken.next_s == pytest.approx(10.5)
    first = spoken.pull(10.5)
    assert first is not None
    assert len(first.data) == int(PIECE_S * 16_000)
    assert spoken.next_s == pytest.approx(10.5 + PIECE_S / 10)
    assert spoken.pull(10.9) is not None
    assert studio.free == 1
    assert spoken.pull(10.9) is None
    assert spoken.next_s == pytest.approx(11.4)


def test_waits_for_a_slot_and_gives_it_back() -> None:
    """Without a free slot it asks again; dropping gives back what it holds."""
    studio = Studio(free=0)
    spoken = box(studio)
    spoken.say((Line("one", ""),), 0.0)

    assert spoken.pull(0.0) is None
    assert spoken.next_s == pytest.approx(0.05)
    studio.free = 1
    assert spoken.pull(0.05) is None
    assert studio.free == 0
    spoken.drop()
    assert (studio.free, studio.waits, spoken.busy) == (1, False, False)


def test_who_cannot_pay_holds_no_slot() -> None:
    """A refusal for credits comes through and leaves nothing taken."""
    studio = Studio()
    studio.broke = True
    spoken = box(studio)
    spoken.say((Line("one", ""),), 0.0)
    with pytest.raises(Refused):
        spoken.pull(1.0)

    assert studio.free == 1


def test_failed_recording_gives_its_slot_back() -> None:
    """Whatever goes wrong between taking a slot and speaking, the slot is free again."""

    class Broken(Studio):
        def record(self, lines: Sequence[Line]) -> tuple[Speech, Timing]:
            raise LookupError("on purpose")

    studio = Broken()
    spoken = box(studio)
    spoken.say((Line("one", ""),), 10.0)

    with pytest.raises(LookupError):
        spoken.pull(10.0)
    assert studio.free == 1
