"""A bounded cache that fills and stops: not a fault, but growth that a verdict must not call a leak."""

from collections import deque


class RecentSpeech:
    """The audio produced last, up to a cap in bytes; then the oldest goes for the newest."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._chunks: deque[bytes] = deque()
        self.held_bytes = 0

    def add(self, audio: bytes) -> None:
        """Keeps ``audio``, and forgets as much of the oldest as the cap asks."""
        if len(audio) > self._limit_bytes:
            return
        self._chunks.append(audio)
        self.held_bytes += len(audio)
        while self.held_bytes > self._limit_bytes:
            self.held_bytes -= len(self._chunks.popleft())
