"""How a conversation's events reach a client: server-sent events or WebSocket frames.

Sends one event at a time and waits until the connection has taken it, so a slow reader costs one event of memory here
and its place in the dialogue's buffer. A client that takes nothing for a while is cut: its connection is reset, not
closed, because closing would wait for what it does not read.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from voice_backend import events
from voice_backend.counters import Counters
from voice_backend.dialogues import Dialogues, Reader

PING_EVERY_S = 30.0
SHORTEST_PING_S = 1.0
STALLED_AFTER_S = 30.0
SHORTEST_STALL_S = 5.0
"""A client that takes none of an event for this long is cut; a time scale shortens it no further."""
_TRANSPORT = "voice_backend.transport"
_NO_LINGERING = struct.pack("ii", 1, 0)
"""Option SO_LINGER of socket(7): closing discards what is unsent and resets. Without it the kernel would go on offering
up to a full send buffer to a client that does not read, for minutes, at this service's cost."""


class AbortableHttp(HttpToolsProtocol):
    """uvicorn's protocol, with the connection's transport in the scope: ASGI has no word for aborting."""

    def on_message_begin(self) -> None:
        """Adds the transport to the new request's scope."""
        super().on_message_begin()
        self.scope["extensions"] = {_TRANSPORT: self.transport}  # type: ignore[dict-item]


class AbortableWebSocket(WebSocketsSansIOProtocol):
    """The same for WebSockets."""

    def handle_connect(self, event: Request) -> None:
        """Adds the transport to the scope, before the application's task first runs."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][_TRANSPORT] = self.transport  # type: ignore[assignment]

    async def send(self, message: ASGISendEvent) -> None:
        """A refusal that has been sent whole ends the handshake: uvicorn would report it as an error in the log."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True


def _connection(scope: Scope) -> asyncio.Transport:
    connection: asyncio.Transport = scope["extensions"][_TRANSPORT]
    return connection


def _reset(connection: asyncio.Transport) -> None:
    connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
    connection.abort()


SendEvent = Callable[[events.Event], Awaitable[int]]
"""Sends one event and says how many bytes that were."""


@dataclass(frozen=True, slots=True)
class StreamTimes:
    """The two times of a stream, in seconds."""

    ping_every_s: float
    stalled_after_s: float

    @classmethod
    def scaled(cls, time_scale: float) -> "StreamTimes":
        """The contract's times, ``time_scale`` times faster down to a floor."""
        return cls(max(PING_EVERY_S / time_scale, SHORTEST_PING_S), max(STALLED_AFTER_S / time_scale, SHORTEST_STALL_S))


@dataclass(frozen=True, slots=True)
class Streaming:
    """What every stream of a service shares."""

    dialogues: Dialogues
    counters: Counters
    times: StreamTimes
    connections: set[asyncio.Transport] = field(default_factory=set)

    def abort_all(self) -> None:
        """Ends the streams that still wait for their clients to read, for the end of the process."""
        for connection in list(self.connections):
            _reset(connection)

    @contextmanager
    def reading(self, scope: Scope, dialogue_id: str) -> Iterator[Reader]:
        """A reader of the dialogue for as long as the block runs."""
        connection = _connection(scope)
        reader = self.dialogues.join(dialogue_id)
        self.connections.add(connection)
        try:
            yield reader
        finally:
            self.connections.discard(connection)
            self.dialogues.leave(reader)

    async def pump(self, reader: Reader, send: SendEvent) -> bool:
        """Sends pings and events until the reader is finished; True when its client had stopped reading."""
        event: events.Event | None = _ping_now()
        loop = asyncio.get_running_loop()
        while event is not None:
            if event.name == events.PING:
                ping_due_s = loop.time() + self.times.ping_every_s
            try:
                async with asyncio.timeout(self.times.stalled_after_s):
                    self.counters.bytes_out += await send(event)
            except TimeoutError:
                self.counters.readers_cut += 1
                return True
            event = await self._next(reader, ping_due_s)
        return False

    async def _next(self, reader: Reader, ping_due_s: float) -> events.Event | None:
        """A ping where one is due, else the reader's next event; None once it is finished."""
        loop = asyncio.get_running_loop()
        while not reader.finished:
            ping_in_s = ping_due_s - loop.time()
            if ping_in_s <= 0:
                return _ping_now()
            event = reader.take()
            if event is not None:
                return event
            await reader.wait(ping_in_s)
        return None


def _ping_now() -> events.Event:
    return events.ping(int(time.time() * 1000))


async def _until_disconnected(receive: Receive, reader: Reader) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.hang_up()


class EventStream(Response):
    """The answer of ``GET /api/voice/open-stream``."""

    media_type = "text/event-stream"

    def __init__(self, streaming: Streaming, dialogue_id: str) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._streaming = streaming
        self._dialogue_id = dialogue_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streams until the client or the dialogue has gone."""

        async def send_event(event: events.Event) -> int:
            body = event.as_sse()
            await send({"type": "http.response.body", "body": body, "more_body": True})
            return len(body)

        with self._streaming.reading(scope, self._dialogue_id) as reader:
            watcher = asyncio.create_task(_until_disconnected(receive, reader))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                if await self._streaming.pump(reader, send_event):
                    _reset(_connection(scope))
                    await watcher  # until the server has noticed: it takes an unfinished response for an error
                elif not reader.gone:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                watcher.cancel()


async def _until_closed(client: WebSocket, reader: Reader) -> None:
    """Reads and ignores what the client says, so that its close is seen."""
    message: Any = {}
    while message.get("type") != "websocket.disconnect":
        message = await client.receive()
    reader.hang_up()


async def stream_over_websocket(streaming: Streaming, client: WebSocket, dialogue_id: str) -> None:
    """The conversation of ``WS /api/voice/stream``, from the handshake to the end."""
    await client.accept()

    async def send_event(event: events.Event) -> int:
        await client.send_text(event.as_frame())
        return event.frame_bytes

    with streaming.reading(client.scope, dialogue_id) as reader:
        watcher = asyncio.create_task(_until_closed(client, reader))
        try:
            if await streaming.pump(reader, send_event):
                _reset(_connection(client.scope))
            elif not reader.gone:
                await client.close(1000)
        except WebSocketDisconnect:
            pass  # it left while something was being sent
        finally:
            watcher.cancel()
