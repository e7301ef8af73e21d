"""Tests of ``voice_backend.speaking``: the reference that is dropped, or not."""

import asyncio

import pytest

from voice_backend.ledger import Held
from voice_backend.speaking import CALLS_AT_A_TIME, LocalSpeaker
from voice_backend.tts_client import SpeechError


class Audio(bytes):
    """Bytes that are counted while they live; a bytes object cannot be weakly referenced."""

    alive = 0

    def __init__(self, *_: object) -> None:
        Audio.alive += 1

    def __del__(self) -> None:
        Audio.alive -= 1


class CountedSpeech:
    """Produces counted audio, or fails."""

    def __init__(self) -> None:
        self.fails = False

    async def generate(self, text: str, *, voice_id: str, model_id: str) -> bytes:
        if self.fails:
            raise SpeechError("no")
        return Audio(bytes(100))

    async def aclose(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(("keep", "alive"), [(False, 0), (True, 3)])
def test_a_chunk_lives_on_only_with_the_fault(keep: bool, alive: int) -> None:
    """Counted while alive, and the ledger says the same."""
    speaker = LocalSpeaker(CountedSpeech())

    async def scenario() -> None:
        for _ in range(3):
            await speaker.speak("hi", voice_id="v", model_id="m", keep=keep)

    asyncio.run(scenario())

    assert Audio.alive == alive
    assert speaker.held() == Held(100 * alive, alive)


def test_no_more_calls_than_allowed_are_made_at_a_time() -> None:
    """The rest wait for their turn, and all are spoken."""

    class SlowSpeech(CountedSpeech):
        running = most = 0

        async def generate(self, text: str, *, voice_id: str, model_id: str) -> bytes:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0.001)
            self.running -= 1
            return b"audio"

    speech = SlowSpeech()

    async def scenario() -> list[bytes]:
        speaker = LocalSpeaker(speech)
        calls = (speaker.speak("hi", voice_id="v", model_id="m", keep=False) for _ in range(3 * CALLS_AT_A_TIME))
        return await asyncio.gather(*calls)

    assert asyncio.run(scenario()) == [b"audio"] * 3 * CALLS_AT_A_TIME
    assert speech.most == CALLS_AT_A_TIME


def test_a_failed_call_keeps_nothing() -> None:
    """Also with the fault on."""
    speech = CountedSpeech()
    speech.fails = True
    speaker = LocalSpeaker(speech)

    with pytest.raises(SpeechError):
        asyncio.run(speaker.speak("hi", voice_id="v", model_id="m", keep=True))

    assert speaker.held() == Held(0, 0)
