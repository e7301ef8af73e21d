"""uvicorn's two protocols with what a mock needs besides ASGI: the transport, to abort it, and errors in API shape."""

import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

TRANSPORT = "mock_tts.transport"
"""Key in the ASGI scope's extensions under which a handler finds its asyncio transport."""


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, Any] = {TRANSPORT: self.transport}
        self.scope["extensions"] = extensions

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
