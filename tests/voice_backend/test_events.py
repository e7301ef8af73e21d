"""Tests of ``voice_backend.events``."""

import base64
import json

from voice_backend import events


def test_an_audio_chunk_carries_what_the_contract_names() -> None:
    """67,492 characters of base64 for 50,618 bytes, the index, the text and the final flag."""
    audio = bytes(range(256)) * 197 + bytes(186)
    event = events.audio_chunk(audio, 3, 'say "ü"', is_final=True)

    data = json.loads(event.data)

    assert event.name == "audioChunk"
    assert base64.b64decode(data.pop("audio")) == audio
    assert len(base64.b64encode(audio)) == 67_492
    assert data == {"chunkIndex": 3, "text": 'say "ü"', "isFinal": True}


def test_the_same_event_goes_over_either_stream() -> None:
    """As a server-sent event and as a JSON frame, and the frame's size is known without encoding it again."""
    event = events.text_chunk("user", "grüße 🎤")

    assert event.as_sse() == 'event: textChunk\ndata: {"role": "user", "text": "grüße 🎤"}\n\n'.encode()
    assert json.loads(event.as_frame()) == {"event": "textChunk", "data": {"role": "user", "text": "grüße 🎤"}}
    assert event.frame_bytes == len(event.as_frame().encode())


def test_line_breaks_in_a_text_do_not_break_the_stream() -> None:
    """JSON escapes them, so data stays one line."""
    assert events.text_chunk("user", "a\n\nevent: done\r").as_sse().count(b"\n") == 3


def test_the_small_events() -> None:
    """Ping, done and error carry one field each."""
    assert json.loads(events.ping(17).data) == {"timestamp": 17}
    assert json.loads(events.done().data) == {"data": "Voice conversation complete"}
    assert json.loads(events.error("why").data) == {"message": "why"}
