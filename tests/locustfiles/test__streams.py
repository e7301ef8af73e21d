"""SSE and WebSocket events in one form, audio cut out before anything reads it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from harness.model.load import Backend, StreamKind
from locustfiles._streams import SseStream, VoiceEvent, WebSocketStream, audio_marker, cut_audio, lookup
from locustfiles._wire import Site, StepFailed
from tests.support.scripted_server import http, scripted

AUDIO = "QUJD" * 16_873  # 67,492 characters, as one chunk of the incident


def _sse(body: bytes, status: str = "200 OK") -> Callable[[socket.socket], None]:
    def script(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(http(body, status, "text/event-stream"))

    return script


def _read_sse(body: bytes, backend: Backend | None = None) -> list[VoiceEvent]:
    with scripted(_sse(body)) as server:
        site = Site(server.url)
        wire = site.connect(time.monotonic() + 5)
        stream = SseStream(wire, site, "/stream", backend or Backend(server.url))
        try:
            events = []
            while (event := stream.next_event()) is not None:
                events.append(event)
            return events
        finally:
            stream.leave()


def test_sse_events_are_read_whatever_their_line_ends_and_comments() -> None:
    """LF and CRLF, comments, several data lines, no blank after the colon, an event without a name."""
    body = (
        b': hello\n:\n\nevent: ping\ndata: {"timestamp": 1}\n\n'
        b'event:done\r\ndata:{"data":\r\ndata: "over"}\r\n\r\n'
        b'id: 7\nretry: 10\ndata: {"a": 1}\n\n'
    )

    assert _read_sse(body) == [
        VoiceEvent("ping", {"timestamp": 1}),
        VoiceEvent("done", {"data": "over"}),
        VoiceEvent("message", {"a": 1}),
    ]


@pytest.mark.parametrize(
    ("body", "data_field", "events"),
    [
        (
            b'data: {"type": "speech", "pcm": "QUJD", "n": 0}\n\ndata: [DONE]\n\n',
            None,
            [VoiceEvent("speech", {"type": "speech", "pcm": "", "n": 0}, 4), VoiceEvent("[DONE]", {})],
        ),
        (b'data: {"type": "speech", "body": {"n": 1}}\n\n', "body", [VoiceEvent("speech", {"n": 1})]),
        (b'event: speech\ndata: {"type": "x", "n": 1}\n\n', None, [VoiceEvent("speech", {"type": "x", "n": 1})]),
    ],
)
def test_an_sse_event_without_a_name_names_itself_as_a_frame_does(
    body: bytes, data_field: str | None, events: list[VoiceEvent]
) -> None:
    """Many services send data lines only; some end with a word that is no JSON. A name in the stream comes first."""
    backend = Backend(
        "http://x", event_field="type", data_field=data_field, audio_field="pcm", done_event="[DONE]"
    )  # fmt: skip

    assert _read_sse(body, backend) == events


def test_the_text_of_the_audio_is_cut_out_and_its_length_kept() -> None:
    """The rest of the event is read as JSON; nobody decodes 67 KB of base64."""
    data = json.dumps({"audio": AUDIO, "chunkIndex": 2, "text": 'say "audio": "x"', "isFinal": True})

    (event,) = _read_sse(f"event: audioChunk\ndata: {data}\n\n".encode())

    assert event.audio_count == len(AUDIO) == 67_492
    assert event.data == {"audio": "", "chunkIndex": 2, "text": 'say "audio": "x"', "isFinal": True}


@pytest.mark.parametrize(
    ("payload", "cut", "count"),
    [
        (b'{"audio": "abc", "n": 1}', b'{"audio": "", "n": 1}', 3),
        (b'{"audio":"abc"}', b'{"audio":""}', 3),
        (b'{"audio": null}', b'{"audio": null}', 0),
        (b'{"audio": "abc', b'{"audio": "abc', 0),
        (b'{"text": "\\"audio\\": \\"x\\""}', b'{"text": "\\"audio\\": \\"x\\""}', 0),
        (b"[]", b"[]", 0),
    ],
)
def test_only_a_string_under_the_audio_field_is_cut(payload: bytes, cut: bytes, count: int) -> None:
    """Anything else stays as it is, so that what is not JSON is found to be none."""
    assert cut_audio(payload, audio_marker(Backend("http://x"))) == (cut, count)


@pytest.mark.parametrize(
    ("name", "data"), [("ping", "{"), ("audioChunk", "{"), ("audioChunk", "[1]"), ("audioChunk", "nonsense")]
)
def test_speech_that_is_no_json_object_is_called_so(name: str, data: str) -> None:
    """It is a failure of its own name, and so is a torn object of any event."""
    with pytest.raises(StepFailed) as failure:
        _read_sse(f"event: {name}\ndata: {data}\n\n".encode())

    assert failure.value.name == "event_not_json"


@pytest.mark.parametrize("data", ["", "[DONE]", "null", '"end"', "2024-01-01T00:00"])
def test_other_events_may_say_what_they_like(data: str) -> None:
    """Only speech is read: a ping has a time, the end has nothing at all."""
    (event,) = _read_sse(f"event: done\ndata: {data}\n\n".encode())

    assert (event.name, event.data) == ("done", {})


def test_a_refused_stream_is_called_so() -> None:
    """Any status but 200."""
    with scripted(_sse(b"{}", "404 Not Found")) as server:
        site = Site(server.url)
        wire = site.connect(time.monotonic() + 5)
        with pytest.raises(StepFailed) as failure:
            SseStream(wire, site, "/stream", Backend(server.url))
        wire.close()

    assert failure.value.name == "stream_refused"


def _frames(*frames: Frame, accept: bool = True, raw: bytes = b"") -> Callable[[socket.socket], None]:
    def script(connection: socket.socket) -> None:
        protocol = ServerProtocol()
        protocol.receive_data(connection.recv(65_536))
        (request,) = (event for event in protocol.events_received() if isinstance(event, Request))
        response = protocol.accept(request) if accept else protocol.reject(403, "no")
        protocol.send_response(response)
        sent = b"".join(protocol.data_to_send())
        sent += b"".join(frame.serialize(mask=False) for frame in frames) + raw
        connection.sendall(sent)
        if not accept:
            connection.close()

    return script


def _read_frames(script: Callable[[socket.socket], None], count: int) -> list[VoiceEvent | None]:
    with scripted(script) as server:
        site = Site(server.url)
        backend = Backend(server.url, stream=StreamKind.WEBSOCKET)
        wire = site.connect(time.monotonic() + 5)
        try:
            stream = WebSocketStream(wire, site, "/stream", backend)
            events = [stream.next_event() for _ in range(count)]
            stream.leave()
            return events
        finally:
            wire.close()


def test_frames_name_their_event_and_binary_frames_are_audio() -> None:
    """Fragments are put together, pings answered, the close frame ends the stream."""
    whole = json.dumps({"event": "audioChunk", "data": {"audio": AUDIO, "chunkIndex": 0}}).encode()
    script = _frames(
        Frame(Opcode.TEXT, b'{"event": "ping", "data": {"timestamp": 1}}'),
        Frame(Opcode.PING, b"are you there"),
        Frame(Opcode.TEXT, whole[:100], fin=False),
        Frame(Opcode.CONT, whole[100:]),
        Frame(Opcode.BINARY, bytes(320)),
        Frame(Opcode.CLOSE, b"\x03\xe8"),
    )

    assert _read_frames(script, 4) == [
        VoiceEvent("ping", {"timestamp": 1}),
        VoiceEvent("audioChunk", {"audio": "", "chunkIndex": 0}, len(AUDIO)),
        VoiceEvent("audioChunk", {}, 320),
        None,
    ]


def test_a_refused_upgrade_and_broken_frames_have_names() -> None:
    """403 instead of 101, and a frame with a reserved bit."""
    with pytest.raises(StepFailed) as refused:
        _read_frames(_frames(accept=False), 0)
    with pytest.raises(StepFailed) as broken:
        _read_frames(_frames(raw=b"\xc1\x01x"), 1)

    assert refused.value.name == "stream_refused"
    assert broken.value.name == "not_websocket"


def test_a_dotted_path_leads_into_objects() -> None:
    """None where there is nothing."""
    assert lookup({"a": {"b": 1}}, "a.b") == 1
    assert lookup({"a": [1]}, "a.b") is None


def test_headers_of_the_plan_take_the_place_of_ours_and_offer_subprotocols() -> None:
    """A second Host is refused by many servers; a subprotocol that the plan offers may be chosen."""
    asked: list[Request] = []

    def script(connection: socket.socket) -> None:
        protocol = ServerProtocol(subprotocols=[Subprotocol("voice.v1")])
        protocol.receive_data(connection.recv(65_536))
        asked.extend(event for event in protocol.events_received() if isinstance(event, Request))
        protocol.send_response(protocol.accept(asked[0]))
        connection.sendall(b"".join(protocol.data_to_send()))
        connection.sendall(Frame(Opcode.TEXT, b"[DONE]").serialize(mask=False))

    with scripted(script) as server:
        site = Site(server.url, (("Host", "voice.example"), ("Sec-WebSocket-Protocol", "other, voice.v1")))
        backend = Backend(server.url, stream=StreamKind.WEBSOCKET, done_event="[DONE]")
        wire = site.connect(time.monotonic() + 5)
        event = WebSocketStream(wire, site, "/stream", backend).next_event()
        wire.close()

    assert asked[0].headers.get_all("Host") == ["voice.example"]
    assert asked[0].headers.get_all("Sec-WebSocket-Protocol") == ["other, voice.v1"]
    assert event == VoiceEvent("[DONE]", {})
