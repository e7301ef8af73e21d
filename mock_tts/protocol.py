"""uvicorn's two protocols with what a mock needs besides ASGI: the transport, to abort it, and errors in API shape."""

import json
from functools import lru_cache
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

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
    default = _lines(tuple(cycle.default_headers))
    size = b"transfer-encoding: chunked\r\n" if content_length is None else b"content-length: %d\r\n" % content_length
    end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
    cycle.transport.write(b"".join((b"HTTP/1.1 200 OK\r\n", default, head, size, end)))


@lru_cache(4)
def _lines(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools."""

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
