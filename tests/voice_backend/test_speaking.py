"""Tests of ``voice_backend.speaking``: the reference that is dropped, or not."""

import asyncio

import pytest

from voice_backend.ledger import Held
from voice_backend.speaking import LocalSpeaker
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


def test_a_failed_call_keeps_nothing() -> None:
    """Also with the fault on."""
    speech = CountedSpeech()
    speech.fails = True
    speaker = LocalSpeaker(speech)

    with pytest.raises(SpeechError):
        asyncio.run(speaker.speak("hi", voice_id="v", model_id="m", keep=True))

    assert speaker.held() == Held(0, 0)
