"""Tests of ``voice_backend.streams``: events and frames to clients that behave and to those that do not."""

import asyncio
import errno
import json
import logging
import socket
import struct
from collections import Counter
from typing import Any

import pytest
import websockets.asyncio.client
import websockets.exceptions

from voice_backend.events import Event
from voice_backend.faults import Fault
from voice_backend.streams import Streaming, StreamTimes

ORDER = ["ping", "textChunk", "textChunk", *["audioChunk"] * 4, "done"]
QUICK = StreamTimes(ping_every_s=0.02, stalled_after_s=0.2)


def open_stream_request(dialogue_id: str) -> bytes:
    return f"GET /api/voice/open-stream?dialogueId={dialogue_id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def test_the_events_of_a_conversation_over_server_sent_events(serve: Any) -> None:
    """A ping at once, then the contract's order; the last chunk alone is final."""

    async def scenario() -> None:
        async with serve() as backend:
            await backend.converse(text="How did I sleep?")
            found = await backend.events()

            assert [name for name, _ in found] == ORDER
            assert found[1][1] == {"role": "user", "text": "How did I sleep?"}
            assert [data["isFinal"] for name, data in found if name == "audioChunk"] == [False, False, False, True]
            assert [data["chunkIndex"] for name, data in found if name == "audioChunk"] == [0, 1, 2, 3]
            assert found[2][1]["text"] == " ".join(data["text"] for name, data in found if name == "audioChunk")
            await backend.until(lambda: len(backend.service.dialogues) == 0)

    asyncio.run(scenario())


def test_the_same_events_over_a_websocket(serve: Any) -> None:
    """As JSON text frames; leaving ends the dialogue, and what the client says is ignored."""

    async def scenario() -> None:
        async with serve() as backend:
            await backend.converse()
            url = f"ws://127.0.0.1:{backend.port}/api/voice/stream?dialogueId=d1"
            found: list[dict[str, Any]] = []
            async with websockets.asyncio.client.connect(url, proxy=None) as stream:
                await stream.send("hello?")
                await stream.send(b"\0")
                while "done" not in [frame["event"] for frame in found]:
                    found.append(json.loads(await stream.recv()))

            assert [frame["event"] for frame in found] == ORDER
            await backend.until(lambda: len(backend.service.dialogues) == 0)

    asyncio.run(scenario())


@pytest.mark.parametrize(("path", "status"), [("/api/voice/stream", 400), ("/nowhere", 404)])
def test_a_websocket_that_cannot_be_had_is_refused(
    serve: Any, path: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """An error in the contract's shape instead of the upgrade, and nothing about it in the log."""

    async def scenario() -> None:
        async with serve() as backend:
            with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
                await websockets.asyncio.client.connect(f"ws://127.0.0.1:{backend.port}{path}", proxy=None)

            answer = refused.value.response
            error = json.loads(answer.body)
            assert answer.status_code == status
            assert error["success"] is False
            assert "expected" in error["error"]

    asyncio.run(scenario())

    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_stream_may_be_opened_before_the_query(serve: Any) -> None:
    """Pings while it is quiet, then the answer."""

    async def scenario() -> None:
        async with serve(times=StreamTimes(0.01, 10)) as backend:
            reading = asyncio.create_task(backend.events())
            await backend.until(lambda: len(backend.service.dialogues) == 1)
            await asyncio.sleep(0.05)
            await backend.converse()
            names = Counter(name for name, _ in await reading)

            assert names["ping"] > 1
            assert names["audioChunk"] == 4

    asyncio.run(scenario())


def test_pings_come_in_time_while_events_do(serve: Any) -> None:
    """Every so often, not only after so long a silence: a reader that always has an event gets them too."""

    async def scenario() -> None:
        async with serve(times=StreamTimes(0.03, 10)) as backend:
            sent: list[str] = []

            class Busy:
                finished = False

                def take(self) -> Event:
                    return Event("audioChunk", b"{}")

            reader = Busy()

            async def send(event: Event) -> int:
                sent.append(event.name)
                reader.finished = sent.count("ping") == 4
                await asyncio.sleep(0.01)
                return 0

            streaming = Streaming(backend.service.dialogues, backend.service.counters, StreamTimes(0.03, 10))
            assert not await streaming.pump(reader, send)  # type: ignore[arg-type]
            assert sent[0] == sent[-1] == "ping"
            assert sent.count("audioChunk") >= 3

    asyncio.run(scenario())


def test_an_upstream_error_reaches_the_client(serve: Any) -> None:
    """As an error event with the reason; nothing stays."""

    async def scenario() -> None:
        async with serve() as backend:
            backend.speech.fails_at = 2
            await backend.converse()
            found = await backend.events(until="error")
            await backend.until(lambda: len(backend.service.dialogues) == 0)

            assert found[-1] == ("error", {"message": "speech upstream answered 429"})
            assert (await backend.ledger())["total"]["retainedBytes"] == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("faults", [(), (Fault.DIALOGUE_STATE,)])
def test_a_reset_in_the_middle_ends_the_dialogue_or_leaks_it(serve: Any, faults: tuple[Fault, ...]) -> None:
    """After the fix the map is empty; before, all seven events stay, until an explicit close."""

    async def scenario() -> None:
        async with serve(*faults) as backend:
            backend.speech.waits = True
            await backend.converse()
            reader, writer = await asyncio.open_connection("127.0.0.1", backend.port)
            writer.write(open_stream_request("d1"))
            await reader.readuntil(b"textChunk")
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            dialogues = backend.service.dialogues
            await backend.until(lambda: not dialogues.get("d1") or dialogues.get("d1").abandoned)
            backend.speech.released.set()
            await backend.until(lambda: backend.service.counters.tts_bytes == 4 * 50_618)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

            kept = (await backend.ledger())["dialogue_state"]["retainedObjects"]
            assert (len(dialogues), kept) == ((1, 7) if faults else (0, 0))

    asyncio.run(scenario())


def test_explicit_close_ends_the_stream(serve: Any) -> None:
    """The client sees a complete response, not a cut one."""

    async def scenario() -> None:
        async with serve() as backend:
            reading = asyncio.create_task(backend.events("d1"))
            await backend.until(lambda: len(backend.service.dialogues) == 1)
            await backend.client.post("/api/voice/close", json={"dialogueId": "d1"})

            assert [name for name, _ in await reading] == ["ping"]

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["server-sent events", "websocket"])
def test_a_client_that_stops_reading_is_cut_and_buffers_stay_bounded(serve: Any, kind: str) -> None:
    """Many answers for a reader that takes none: the speaker stops ahead of it, then its connection is reset, so that
    no unsent byte stays with the kernel."""

    async def scenario() -> None:
        async with serve(times=QUICK) as backend:
            with socket.socket() as stalled:
                stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                stalled.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(stalled, ("127.0.0.1", backend.port))
                upgrade = (
                    b"GET /api/voice/stream?dialogueId=d1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )
                request = upgrade if kind == "websocket" else open_stream_request("d1")
                await loop.sock_sendall(stalled, request)
                await backend.until(lambda: len(backend.service.dialogues) == 1)
                largest = 0
                for number in range(40):
                    await backend.converse(text=f"question {number}")
                    largest = max(largest, backend.service.dialogues.buffered().retained_bytes)
                await backend.until(lambda: backend.service.counters.readers_cut == 1)
                await backend.until(lambda: backend.streaming.connections == set())
                await backend.until(lambda: stalled.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET)

            assert largest < 8_000_000

    asyncio.run(scenario())


def test_times_follow_the_scale_down_to_a_floor() -> None:
    """30 s each at scale 1; a network does not get faster with the scale."""
    assert StreamTimes.scaled(1) == StreamTimes(30, 30)
    assert StreamTimes.scaled(3) == StreamTimes(10, 10)
    assert StreamTimes.scaled(10_000) == StreamTimes(1, 5)
