"""uvicorn's two protocols with what a mock needs besides ASGI: the transport, to abort it, and errors in API shape."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol, cast

from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

Headers = list[tuple[bytes, bytes]]

TRANSPORT = "mock_tts.transport"
"""Key in the ASGI scope's extensions under which a handler finds its asyncio transport."""

CYCLE = "mock_tts.cycle"
"""The same for uvicorn's state of the request."""


def write_head(cycle: RequestResponseCycle, head: bytes, content_length: int | None) -> None:
    """Starts a 200 with ready-made header lines, which saves half the time of a full answer: uvicorn checks every
    name and value by regular expression. ``content_length`` None sends the body in chunks."""
    if cycle.disconnected:
        return
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.chunked_encoding = content_length is None
    cycle.expected_content_length = content_length or 0
    cycle.transport.write(head_of(cycle.default_headers, head, content_length, cycle.keep_alive))


def head_of(default: Headers, lines: bytes, content_length: int | None, keep_alive: bool = True) -> bytes:
    """The head of a 200 with the server's own headers, then ``lines``; None sends the body in chunks."""
    size = b"transfer-encoding: chunked\r\n" if content_length is None else b"content-length: %d\r\n" % content_length
    end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    return b"".join((b"HTTP/1.1 200 OK\r\n", _lines(tuple(default)), lines, size, end))


@lru_cache(4)
def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


class Shortcut(Protocol):
    """What an application offers for requests that need neither a parser nor a task."""

    def learn(self, data: bytes, scope: dict[str, Any]) -> None:
        """Remembers the head of ``data``, one whole request that keeps its connection, parsed as ``scope``."""

    def answer(self, data: bytes, default: Headers) -> Sequence[bytes] | None:
        """The complete answer if ``data`` is one whole request with a known head and nothing has to be waited for."""


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools, past it where the application knows the answer from the bytes.

    That is tried only when the connection is at rest: nothing of a request has been read, no answer is under way,
    and the client reads what it is sent. All else goes uvicorn's way, which queues, waits and refuses.
    """

    def __init__(self, config: Config, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self._shortcut = cast(Shortcut, config.app)
        self._between = True
        self._whole = b""

    def data_received(self, data: bytes) -> None:
        if self._between and not self.flow.write_paused and (self.cycle is None or self.cycle.response_complete):
            answer = self._shortcut.answer(data, self.server_state.default_headers)
            if answer is not None:
                self.transport.writelines(answer)
                self.on_response_complete()
                return
            self._whole = data
        super().data_received(data)
        self._whole = b""  # an idle connection holds no request

    def on_message_begin(self) -> None:
        self._between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._between = True
        super().on_message_complete()
        if self._whole and self.cycle is not None and self.cycle.keep_alive:
            self._shortcut.learn(self._whole, cast(dict[str, Any], self.cycle.scope))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        extensions: dict[str, Any] = {TRANSPORT: self.transport, CYCLE: cycle}
        cycle.scope["extensions"] = extensions
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Also ends the keep-alive timer, which uvicorn leaves running after a reset: it would hold the whole
        connection in memory until it fires."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP at all gets the API's envelope too, then the connection ends."""
        detail = {"type": "invalid_request", "code": "bad_request", "message": msg, "status": "bad_request"}
        body = json.dumps({"detail": detail}).encode()
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket by websockets' sans-I/O core."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = {"websocket.http.response": {}, TRANSPORT: self.transport}
            self.scope["extensions"] = extensions
