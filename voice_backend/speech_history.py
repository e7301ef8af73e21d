"""Fault 3, ``tts_chunk_refs``: the response history that is never emptied.

After the fix nothing is added: a chunk's only reference is the one on its way to the client.
"""

from voice_backend.ledger import Held


class SpeechHistory:
    """The raw audio of the chunks that the fault kept."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._bytes = 0

    def keep(self, audio: bytes) -> None:
        """Before: the chunk stays referenced after it is sent."""
        self._chunks.append(audio)
        self._bytes += len(audio)

    def held(self) -> Held:
        """What the fault retains."""
        return Held(self._bytes, len(self._chunks))
