"""The events of one answer, from an SSE or a WebSocket stream, in one form.

A chunk of speech is 67,492 characters of base64 that nobody here listens to: its text is cut out before the rest is
read as JSON (4 µs instead of 55).
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from geventhttpclient.response import HTTPParseError, HTTPSocketResponse
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from harness.model.load import Backend
from locustfiles._wire import RECEIVE_BYTES, Site, StepFailed, Wire


@dataclass(frozen=True, slots=True)
class VoiceEvent:
    """One event; ``audio_count`` is the length of the audio's text (base64) or of a binary frame, else 0."""

    name: str
    data: dict[str, Any]
    audio_count: int = 0


class VoiceStream(Protocol):
    """The events of one answer."""

    @property
    def wire(self) -> Wire: ...

    def next_event(self) -> VoiceEvent | None:
        """The next event, None when the backend has ended the stream in order. Raises StepFailed."""

    def leave(self) -> None:
        """Ends the stream in order."""


class SseStream:
    """Server-sent events over a connection of their own."""

    def __init__(self, wire: Wire, site: Site, path: str, backend: Backend) -> None:
        self.wire = wire
        self._backend = backend
        self._marker = audio_marker(backend)
        wire.send(site.request("GET", path, accept="text/event-stream"))
        try:
            self._response = HTTPSocketResponse(wire, block_size=RECEIVE_BYTES)
        except HTTPParseError as error:
            raise StepFailed("not_http", str(error)) from error
        if self._response.status_code != 200:
            raise StepFailed("stream_refused", f"status {self._response.status_code}")

    def next_event(self) -> VoiceEvent | None:
        name: str | None = None
        data: list[bytes] = []
        audio_count = 0
        while True:
            line = self._read_line()
            if line is None:
                return None
            line, cut_count = cut_audio(line, self._marker)  # before anything else copies it
            audio_count += cut_count
            line = line.rstrip(b"\r\n")
            field, _, value = line.partition(b":")
            if field == b"event":
                name = value.removeprefix(b" ").decode("utf-8", "replace")
            elif field == b"data":
                data.append(value.removeprefix(b" "))
            elif not line:
                if data:
                    return self._event(name, b"\n".join(data), audio_count)
                name = None

    def _event(self, name: str | None, payload: bytes, audio_count: int) -> VoiceEvent:
        """An event that the stream does not name names itself in its data, as a frame does; ``[DONE]`` is all name."""
        if name is not None:
            data = _load(payload) if name == self._backend.audio_event else _load_object(payload)
            return VoiceEvent(name, data, audio_count)
        if payload == _done_word(self._backend):
            return VoiceEvent(payload.decode(), {})
        frame = _load_object(payload)
        if not isinstance(lookup(frame, self._backend.event_field), str):
            return VoiceEvent("message", frame, audio_count)
        return _event_of_frame(frame, self._backend, audio_count)

    def _read_line(self) -> bytes | None:
        try:
            line: bytes = self._response.readline(b"\n")
        except HTTPParseError as error:
            raise StepFailed("stream_cut", str(error)) from error
        return line or None

    def leave(self) -> None:
        self.wire.close()


class WebSocketStream:
    """WebSocket frames, each an event; binary frames are audio.

    The library's protocol without its I/O: no thread a connection, and reading stops exactly where a scenario stops.
    """

    def __init__(self, wire: Wire, site: Site, path: str, backend: Backend) -> None:
        self.wire = wire
        self._backend = backend
        self._marker = audio_marker(backend)
        self._frames: deque[Frame] = deque()
        scheme = "wss" if site.is_secure else "ws"
        uri = parse_uri(f"{scheme}://{site.authority}{site.target(path)}")
        self._protocol = ClientProtocol(uri, max_size=2**24, subprotocols=_subprotocols(site))
        request = self._protocol.connect()
        for name, value in site.headers:
            if name in request.headers:
                del request.headers[name]  # else it would be sent twice
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush()
        self._shake_hands()

    def _shake_hands(self) -> None:
        """Waits for the server's answer; frames may have come in the same read."""
        answered = False
        while not answered:
            for received in self._pump():
                if isinstance(received, Response):
                    answered = True
                else:
                    self._frames.append(received)
            if self._protocol.handshake_exc is not None:
                raise StepFailed("stream_refused", str(self._protocol.handshake_exc))

    def ask(self, body: bytes) -> None:
        """Sends a query over the stream itself."""
        self._protocol.send_text(body)
        self._flush()

    def next_event(self) -> VoiceEvent | None:
        opcode, payload = Opcode.CONT, b""
        while True:
            while not self._frames:
                self._frames.extend(frame for frame in self._pump() if isinstance(frame, Frame))
            frame = self._frames.popleft()
            if frame.opcode is Opcode.CLOSE:
                return None
            if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            if frame.opcode is not Opcode.CONT:
                opcode = frame.opcode
            payload = payload + frame.data if payload else bytes(frame.data)
            if frame.fin:
                break
        if opcode is Opcode.BINARY:
            return VoiceEvent(self._backend.audio_event, {}, len(payload))
        return _read_frame(payload, self._backend, self._marker)

    def _pump(self) -> list[Any]:
        data = self.wire.recv()
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._flush()
        if isinstance(self._protocol.parser_exc, ProtocolError | InvalidHandshake):
            raise StepFailed("not_websocket", str(self._protocol.parser_exc))
        return self._protocol.events_received()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.wire.send(data)

    def leave(self) -> None:
        if self._protocol.close_sent is None:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        self.wire.close()


def _subprotocols(site: Site) -> list[Subprotocol] | None:
    """Those that the plan's headers offer: the server's choice must be one of them."""
    offered = next((value for name, value in site.headers if name.lower() == "sec-websocket-protocol"), None)
    return None if offered is None else [Subprotocol(each.strip()) for each in offered.split(",")]


def audio_marker(backend: Backend) -> bytes:
    return json.dumps(backend.audio_field.rpartition(".")[2]).encode() + b":"


def _read_frame(payload: bytes, backend: Backend, marker: bytes) -> VoiceEvent:
    """A frame that names its event itself: ``{"event": ..., "data": {...}}``, or flat where there is no data field."""
    if payload == _done_word(backend):
        return VoiceEvent(payload.decode(), {})
    cut, audio_count = cut_audio(payload, marker)
    return _event_of_frame(_load_object(cut), backend, audio_count)


def _done_word(backend: Backend) -> bytes | None:
    """What says that the answer is over where it is all that an event's data is."""
    return None if backend.done_event is None else backend.done_event.encode()


def _event_of_frame(frame: dict[str, Any], backend: Backend, audio_count: int) -> VoiceEvent:
    name = lookup(frame, backend.event_field)
    data = frame if backend.data_field is None else lookup(frame, backend.data_field)
    return VoiceEvent(str(name), data if isinstance(data, dict) else {}, audio_count)


def load_without_audio(payload: bytes, marker: bytes) -> tuple[dict[str, Any], int]:
    """The payload as JSON without the text of its audio, and that text's length. Raises StepFailed."""
    cut, audio_count = cut_audio(payload, marker)
    return _load(cut), audio_count


def _load_object(payload: bytes) -> dict[str, Any]:
    """The payload of an event that need not be an object (a ping with a time, say): without fields where it is none.
    Raises StepFailed for an object that is torn."""
    return _load(payload) if payload.lstrip().startswith(b"{") else {}


def _load(payload: bytes) -> dict[str, Any]:
    try:
        data = json.loads(payload)
    except ValueError as error:
        raise StepFailed("event_not_json", str(error)) from error
    if not isinstance(data, dict):
        raise StepFailed("event_not_json", "expected an object")
    return data


def cut_audio(payload: bytes, marker: bytes) -> tuple[bytes, int]:
    """``payload`` without the string after ``marker`` (a quoted name and a colon), and that string's length.

    A quote inside a JSON string is escaped, so the marker is never part of one; base64 itself needs no escapes.
    """
    at = payload.find(marker)
    if at < 0:
        return payload, 0
    start = at + len(marker)
    while payload[start : start + 1] == b" ":
        start += 1
    end = payload.find(b'"', start + 1)
    if payload[start : start + 1] != b'"' or end < 0:
        return payload, 0
    return payload[: start + 1] + payload[end:], end - start - 1


def lookup(data: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for name in path.split("."):
        if not isinstance(data, dict):
            return None
        data = data.get(name)
    return data
