"""Speech from ElevenLabs: one call a chunk, over HTTP or the stream-input WebSocket.

Whatever goes wrong upstream is a ``SpeechError`` with a sentence for the client; nothing of a failed call is kept.
"""

import asyncio
import base64
import binascii
import ipaddress
import json
from enum import StrEnum
from typing import Literal, Protocol
from urllib.parse import quote, urlencode, urlsplit

import httpx
import websockets.asyncio.client
import websockets.exceptions

from voice_backend.connections import Connections

OUTPUT_FORMAT = "mp3_44100_128"
TIMEOUT_S = 30.0
"""To connect, and between two reads: the clients in the contract wait 10 to 240 s."""
AUDIO_LIMIT_BYTES = 8 * 2**20
"""No chunk of ours is over 1 MB; an upstream that never stops must not fill the memory."""


class SpeechTransport(StrEnum):
    """How speech is fetched."""

    HTTP = "http"
    WEBSOCKET = "websocket"


class SpeechError(Exception):
    """The upstream gave no complete speech; the text says why and holds no secret."""


class Speech(Protocol):
    """Something that turns text into speech."""

    async def generate(self, text: str, *, voice_id: str, model_id: str) -> bytes:
        """The complete audio of ``text``. Raises SpeechError."""

    async def aclose(self) -> None:
        """Closes its connections."""


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _upstream_reason(body: bytes) -> str:
    """The upstream's own message, at most 200 characters, empty when the body has none."""
    try:
        detail = json.loads(body)["detail"]
        message = detail["message"] if isinstance(detail, dict) else detail[0]["msg"]
        return f": {str(message)[:200]}"
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return ""


class HttpSpeech:
    """``POST /v1/text-to-speech/{voice_id}``, the whole file at once."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._connections = Connections(
            base_url,
            headers={"xi-api-key": api_key},
            timeout_s=TIMEOUT_S,
            trust_env=not _is_loopback(urlsplit(base_url).hostname),
        )

    async def generate(self, text: str, *, voice_id: str, model_id: str) -> bytes:
        """The complete audio of ``text``. Raises SpeechError."""
        try:
            async with self._connections.borrow() as client:
                request = client.build_request(
                    "POST",
                    f"/v1/text-to-speech/{quote(voice_id, safe='')}",
                    params={"output_format": OUTPUT_FORMAT},
                    json={"text": text, "model_id": model_id},
                )
                response = await client.send(request, stream=True)
                try:
                    body = await _read_bounded(response)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise SpeechError(f"speech upstream failed ({type(exc).__name__})") from exc
        if response.status_code != 200:
            raise SpeechError(f"speech upstream answered {response.status_code}{_upstream_reason(body)}")
        content_type = response.headers.get("content-type", "")
        if not body or not content_type.startswith("audio/"):
            raise SpeechError(f"speech upstream sent {len(body)} bytes of {content_type or 'no type'} instead of audio")
        return body

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._connections.aclose()


async def _read_bounded(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    total = 0
    async for part in response.aiter_raw() if "content-encoding" not in response.headers else response.aiter_bytes():
        total += len(part)
        if total > AUDIO_LIMIT_BYTES:
            raise SpeechError(f"speech upstream sent more than {AUDIO_LIMIT_BYTES} bytes for one chunk")
        parts.append(part)
    return b"".join(parts)


class WebSocketSpeech:
    """``/v1/text-to-speech/{voice_id}/stream-input``, one socket a chunk."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._base_url = "ws" + base_url.removeprefix("http")
        self._api_key = api_key
        self._proxy: Literal[True] | None = None if _is_loopback(urlsplit(base_url).hostname) else True

    async def generate(self, text: str, *, voice_id: str, model_id: str) -> bytes:
        """The complete audio of ``text``. Raises SpeechError."""
        query = urlencode({"model_id": model_id, "output_format": OUTPUT_FORMAT})
        url = f"{self._base_url}/v1/text-to-speech/{quote(voice_id, safe='')}/stream-input?{query}"
        parts: list[bytes] = []
        try:
            async with websockets.asyncio.client.connect(
                url,
                additional_headers={"xi-api-key": self._api_key},
                compression=None,  # base64 audio gains little
                max_size=AUDIO_LIMIT_BYTES,
                open_timeout=TIMEOUT_S,
                close_timeout=1.0,
                proxy=self._proxy,
            ) as socket:
                for message in ({"text": " "}, {"text": text, "flush": True}, {"text": ""}):
                    await socket.send(json.dumps(message))
                while True:
                    # The library's own keepalive is content with an upstream that answers pings and says nothing.
                    async with asyncio.timeout(TIMEOUT_S):
                        frame = await socket.recv()
                    if _take_frame(frame, parts):
                        return b"".join(parts)
        except websockets.exceptions.ConnectionClosedOK as exc:
            raise SpeechError("speech upstream closed the socket before the final message") from exc
        except websockets.exceptions.InvalidStatus as exc:
            reason = _upstream_reason(bytes(exc.response.body))
            raise SpeechError(f"speech upstream answered {exc.response.status_code}{reason}") from exc
        # ValueError: a redirect to what is no address.
        except (OSError, ValueError, websockets.exceptions.WebSocketException) as exc:
            raise SpeechError(f"speech upstream failed ({type(exc).__name__})") from exc

    async def aclose(self) -> None:
        """Nothing to close: no socket outlives its chunk."""


def _take_frame(frame: str | bytes, parts: list[bytes]) -> bool:
    """Adds the frame's audio to ``parts``; whether it was the final one."""
    try:
        message = json.loads(frame)
        audio, is_final, problem = message.get("audio"), message.get("isFinal"), message.get("error")
        if problem:
            raise SpeechError(f"speech upstream refused: {str(message.get('message', problem))[:200]}")
        if audio:
            parts.append(base64.b64decode(audio, validate=True))
    except (ValueError, AttributeError, TypeError, RecursionError, binascii.Error) as exc:
        raise SpeechError("speech upstream sent a frame that is not of stream-input") from exc
    if sum(map(len, parts)) > AUDIO_LIMIT_BYTES:
        raise SpeechError(f"speech upstream sent more than {AUDIO_LIMIT_BYTES} bytes for one chunk")
    if is_final and not parts:
        raise SpeechError("speech upstream sent no audio")
    return bool(is_final)


def make_speech(transport: SpeechTransport, base_url: str, api_key: str) -> Speech:
    """The client for ``transport``; ``base_url`` without a path or with a prefix, http or https."""
    kind = HttpSpeech if transport is SpeechTransport.HTTP else WebSocketSpeech
    return kind(base_url.rstrip("/"), api_key)
