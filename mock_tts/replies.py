"""HTTP answers as ASGI messages: headers of each kind of reply, error envelopes, reading a bounded body."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mock_tts import errors
from mock_tts.errors import ApiError
from mock_tts.protocol import TRANSPORT

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Above the 10 MB that a text may wrongly have, so that such a text is told that it is too long."""

_GONE_CHECK_S = 0.25

COMMON: Headers = [
    (b"x-region", b"us-central1"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-allow-methods", b"POST, PATCH, OPTIONS, DELETE, GET, PUT"),
    (b"access-control-max-age", b"600"),
]
_EXPOSED = (
    b"request-id, history-item-id, character-cost, regeneration-count, generation-info, "
    b"current-concurrent-requests, maximum-concurrent-requests"
)
AUDIO_LINES = b"".join(b"%b: %b\r\n" % pair for pair in [*COMMON, (b"access-control-expose-headers", _EXPOSED)])
"""The headers that every answer with speech has, ready to be written."""


class ClientGone(Exception):
    """The client left before its answer was complete."""


def header(scope: Scope, name: bytes) -> str:
    """The first header called ``name`` (lower case), without surrounding blanks; empty when absent."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1").strip()
    return ""


def key_of(scope: Scope) -> str:
    """The credential of a request: ``xi-api-key``, or a bearer token."""
    key = header(scope, b"xi-api-key")
    if key:
        return key
    scheme, _, token = header(scope, b"authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises ApiError when it is too large and ClientGone when it does not arrive."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return bytes(message.get("body", b""))
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise ApiError(errors.REQUEST_TOO_LARGE, f"The request body is larger than {MAX_BODY_BYTES} bytes.")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


async def send_error(send: Send, error: ApiError, trace_id: str) -> int:
    """Sends the envelope, chunked as the real one is; gives the size of the body."""
    body = error.body(trace_id)
    headers = [*COMMON, (b"content-type", b"application/json"), (b"x-trace-id", trace_id.encode()), *error.headers]
    await send({"type": "http.response.start", "status": error.problem.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return len(body)


def transport_of(scope: Scope) -> asyncio.Transport | None:
    """The connection's transport; None when the app runs without this project's protocols."""
    transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT)
    return transport


async def wait_until(due_s: float, transport: asyncio.Transport | None) -> None:
    """Returns at ``due_s`` of the loop's clock. Raises ClientGone, soon, when the client leaves before that."""
    loop = asyncio.get_running_loop()
    while True:
        if transport is not None and transport.is_closing():
            raise ClientGone
        left_s = due_s - loop.time()
        if left_s <= 0:
            return
        await asyncio.sleep(min(left_s, _GONE_CHECK_S))
