"""Tests of ``voice_backend.tts_client`` against a stand-in that answers as the contract says, and as it should not."""

import asyncio
import base64
import json
from typing import Any

import pytest

from voice_backend import tts_client
from voice_backend.tts_client import SpeechError, SpeechTransport, make_speech

AUDIO_FRAME = json.dumps({"audio": base64.b64encode(b"abc").decode(), "isFinal": None})
FINAL_FRAME = json.dumps({"audio": None, "isFinal": True})


def speak(upstream: Any, transport: SpeechTransport = SpeechTransport.HTTP) -> bytes:
    async def scenario() -> bytes:
        speech = make_speech(transport, upstream.url + "/", "secret-key")
        try:
            return await speech.generate("hello", voice_id="voice 1", model_id="model")
        finally:
            await speech.aclose()

    return asyncio.run(scenario())


def test_speech_over_http_asks_as_the_contract_says(upstream: Any) -> None:
    """Key, format, text and model; the voice is escaped in the path."""
    upstream.audio = b"mp3"

    assert speak(upstream) == b"mp3"
    assert upstream.requests == [
        {
            "voice_id": "voice 1",
            "key": "secret-key",
            "output_format": "mp3_44100_128",
            "text": "hello",
            "model_id": "model",
        }
    ]


def test_speech_over_the_websocket(upstream: Any) -> None:
    """Initialise, text with flush, end; audio is put together until the final frame."""
    upstream.frames = [AUDIO_FRAME, AUDIO_FRAME, FINAL_FRAME]

    assert speak(upstream, SpeechTransport.WEBSOCKET) == b"abcabc"
    assert upstream.requests[0]["texts"] == [{"text": " "}, {"text": "hello", "flush": True}, {"text": ""}]
    assert upstream.requests[0]["key"] == "secret-key"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": 429}, "answered 429: Too many concurrent requests."),
        ({"status": 500}, "answered 500"),
        ({"cut": True}, "failed"),
        ({"audio": b""}, "0 bytes of audio/mpeg instead of audio"),
        ({"media_type": "text/html"}, "instead of audio"),
        ({"url": "http://127.0.0.1:1"}, "failed"),
    ],
)
def test_whatever_goes_wrong_over_http_is_a_speech_error(upstream: Any, changes: dict[str, Any], said: str) -> None:
    """Refused, cut, empty, of another kind, unreachable: a sentence without the key."""
    for name, value in changes.items():
        setattr(upstream, name, value)

    with pytest.raises(SpeechError, match=said) as caught:
        speak(upstream)

    assert "secret-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([AUDIO_FRAME], "closed the socket before the final message"),
        ([FINAL_FRAME], "no audio"),
        (["nonsense"], "not of stream-input"),
        (["[]"], "not of stream-input"),
        (['{"audio": "%"}'], "not of stream-input"),
        (["[" * 100_000], "not of stream-input"),
        ([json.dumps({"message": "Too many", "error": "too_many_concurrent_requests", "code": 1008})], "refused: Too"),
    ],
)
def test_whatever_goes_wrong_over_the_websocket_is_a_speech_error(upstream: Any, frames: list[str], said: str) -> None:
    """Cut, empty, malformed, refused."""
    upstream.frames = frames

    with pytest.raises(SpeechError, match=said):
        speak(upstream, SpeechTransport.WEBSOCKET)


def test_an_upstream_that_never_stops_is_cut_off(upstream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the limit for one chunk is an error, not memory."""
    monkeypatch.setattr(tts_client, "AUDIO_LIMIT_BYTES", 1_000)

    with pytest.raises(SpeechError, match="more than 1000 bytes"):
        speak(upstream)


def test_a_frame_over_the_limit_is_an_error_too(upstream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The WebSocket's own limit."""
    monkeypatch.setattr(tts_client, "AUDIO_LIMIT_BYTES", 100)
    upstream.frames = [json.dumps({"audio": "A" * 400})]

    with pytest.raises(SpeechError, match="failed"):
        speak(upstream, SpeechTransport.WEBSOCKET)


def test_audio_over_the_limit_in_many_frames_is_an_error(upstream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No frame is too large; together they are more than one chunk may be."""
    monkeypatch.setattr(tts_client, "AUDIO_LIMIT_BYTES", 100)
    upstream.frames = [AUDIO_FRAME] * 40

    with pytest.raises(SpeechError, match="more than 100 bytes"):
        speak(upstream, SpeechTransport.WEBSOCKET)


def test_an_upstream_that_falls_silent_is_not_waited_for(upstream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers the socket's pings, so only our own limit ends the call, which holds one of 64 places."""
    monkeypatch.setattr(tts_client, "TIMEOUT_S", 0.5)
    upstream.frames, upstream.falls_silent = [AUDIO_FRAME], True

    with pytest.raises(SpeechError, match="failed"):
        speak(upstream, SpeechTransport.WEBSOCKET)


def test_a_refused_handshake_says_why(upstream: Any) -> None:
    """Status and message, as over HTTP."""
    upstream.status = 429

    with pytest.raises(SpeechError, match="answered 429: Too many concurrent requests"):
        speak(upstream, SpeechTransport.WEBSOCKET)
