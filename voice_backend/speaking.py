"""Speech for one chunk, and fault 3, ``tts_chunk_refs``: the response history that is never emptied."""

import asyncio
from typing import Protocol

from voice_backend.ledger import Held
from voice_backend.tts_client import Speech

CALLS_AT_A_TIME = 64
"""Calls upstream at the same moment; the rest wait. Plans allow 2 to 30; each call in flight costs about 150 KB."""


class Speaker(Protocol):
    """Something that speaks a chunk, in this process or in another."""

    async def start(self) -> None:
        """Makes it ready; needs a running loop."""

    async def speak(self, text: str, *, voice_id: str, model_id: str, keep: bool) -> bytes:
        """The audio of ``text``; with ``keep`` the fault strikes. Raises SpeechError, and then nothing is kept."""

    def held(self) -> Held:
        """What the fault retains."""

    def worker_pids(self) -> tuple[int, ...]:
        """The processes beside this one."""

    async def aclose(self) -> None:
        """Ends it."""


class LocalSpeaker:
    """Speaks in this process."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._calls = asyncio.Semaphore(CALLS_AT_A_TIME)
        self._history: list[bytes] = []
        self._history_bytes = 0

    async def start(self) -> None:
        """Nothing to do."""

    async def speak(self, text: str, *, voice_id: str, model_id: str, keep: bool) -> bytes:
        """The audio of ``text``.

        Before: the chunk stays referenced from the history after it is sent. After: only the caller has it.
        """
        async with self._calls:
            audio = await self._speech.generate(text, voice_id=voice_id, model_id=model_id)
        if keep:
            self._history.append(audio)
            self._history_bytes += len(audio)
        return audio

    def held(self) -> Held:
        """What the fault retains."""
        return Held(self._history_bytes, len(self._history))

    def worker_pids(self) -> tuple[int, ...]:
        """None."""
        return ()

    async def aclose(self) -> None:
        """Closes the connections to the upstream."""
        await self._speech.aclose()
