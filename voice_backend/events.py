"""The events of a conversation, encoded once and sent as they are over either kind of stream."""

import base64
import json
from dataclasses import dataclass

DONE_TEXT = "Voice conversation complete"


PING = "ping"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name and its data as JSON text. Never changed, so buffers and streams share one object."""

    name: str
    data: bytes

    def as_sse(self) -> bytes:
        """The event as one server-sent event."""
        return b"event: " + self.name.encode() + b"\ndata: " + self.data + b"\n\n"

    def as_frame(self) -> str:
        """The event as the JSON text of one WebSocket frame."""
        return f'{{"event": "{self.name}", "data": {self.data.decode()}}}'

    @property
    def frame_bytes(self) -> int:
        """Size of the frame's text as UTF-8."""
        return len(self.data) + len(self.name) + len('{"event": "", "data": }')


def _event(name: str, data: dict[str, object]) -> Event:
    return Event(name, json.dumps(data, ensure_ascii=False).encode())


def ping(timestamp_ms: int) -> Event:
    """The sign of life at the start of a stream and while it is quiet."""
    return _event(PING, {"timestamp": timestamp_ms})


def text_chunk(role: str, text: str) -> Event:
    """What was said, by ``user`` or ``assistant``."""
    return _event("textChunk", {"role": role, "text": text})


def audio_chunk(audio: bytes, chunk_index: int, text: str, *, is_final: bool) -> Event:
    """One chunk of speech as base64.

    Put together by hand: base64 needs no escaping, and ``json.dumps`` would look at each of its 67,492 characters.
    """
    tail = json.dumps({"chunkIndex": chunk_index, "text": text, "isFinal": is_final}, ensure_ascii=False)
    return Event("audioChunk", b'{"audio": "%b", %b' % (base64.b64encode(audio), tail[1:].encode()))


def done() -> Event:
    """The answer is complete."""
    return _event("done", {"data": DONE_TEXT})


def error(message: str) -> Event:
    """The answer ends here: ``message`` says why."""
    return _event("error", {"message": message})
