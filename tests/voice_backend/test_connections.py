"""Tests of ``voice_backend.connections`` against a server that knows its own connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from voice_backend import connections
from voice_backend.connections import Connections

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Upstream:
    """Answers each request once ``gate`` is set; counts the connections it ever had and those it has."""

    def __init__(self) -> None:
        self.url = ""
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting_count = self.open_count = self.ever_count = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection until its client closes it."""
        self.open_count += 1
        self.ever_count += 1
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.waiting_count += 1
                await self.gate.wait()
                self.waiting_count -= 1
                writer.write(ANSWER)
        self.open_count -= 1
        writer.close()


@contextlib.asynccontextmanager
async def scene() -> AsyncIterator[tuple[Upstream, Connections]]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    async with server:
        upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        pool = Connections(upstream.url, headers={"xi-api-key": "key"}, timeout_s=30.0, trust_env=False)
        yield upstream, pool
        await pool.aclose()
        await until(lambda: upstream.open_count == 0)


async def until(condition: Callable[[], bool]) -> None:
    """Waits until ``condition`` holds; the test's time limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110 - it looks at counters, which announce nothing
        await asyncio.sleep(0.005)


async def call(pool: Connections) -> str:
    async with pool.borrow() as client:
        return (await client.get("/")).text


async def burst(upstream: Upstream, pool: Connections, count: int) -> None:
    """``count`` calls that are all in flight at the same moment."""
    upstream.gate.clear()
    calls = [asyncio.create_task(call(pool)) for _ in range(count)]
    await until(lambda: upstream.waiting_count == count)
    upstream.gate.set()
    assert await asyncio.gather(*calls) == ["ok"] * count


def test_calls_one_after_another_share_a_connection() -> None:
    """The one used last is used next, and closing leaves none."""

    async def scenario() -> tuple[int, int]:
        async with scene() as (upstream, pool):
            for _ in range(5):
                assert await call(pool) == "ok"
            one = upstream.ever_count
            await burst(upstream, pool, 8)
            await burst(upstream, pool, 8)
            return one, upstream.ever_count

    assert asyncio.run(scenario()) == (1, 8)


def test_a_client_looks_at_no_connection_but_its_own() -> None:
    """What a call costs must not grow with the calls beside it."""

    async def scenario() -> int:
        async with scene() as (upstream, pool):
            await burst(upstream, pool, 8)
            async with contextlib.AsyncExitStack() as borrowed:
                clients = [await borrowed.enter_async_context(pool.borrow()) for _ in range(8)]
                return len({id(client) for client in clients})

    assert asyncio.run(scenario()) == 8


def test_connections_of_a_burst_are_closed_while_calls_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet stream of calls keeps its own connection only."""
    monkeypatch.setattr(connections, "IDLE_S", 0.1)

    async def scenario() -> int:
        async with scene() as (upstream, pool):
            await burst(upstream, pool, 8)
            while upstream.open_count > 1:  # ends by the test's time limit otherwise
                await call(pool)
            return upstream.open_count

    assert asyncio.run(scenario()) <= 1  # none where this machine stood still for longer than the limit


def test_idle_connections_are_closed_without_another_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them; the next call opens a new one."""
    monkeypatch.setattr(connections, "IDLE_S", 0.05)

    async def scenario() -> int:
        async with scene() as (upstream, pool):
            await burst(upstream, pool, 8)
            await until(lambda: upstream.open_count == 0)
            assert await call(pool) == "ok"
            return upstream.ever_count

    assert asyncio.run(scenario()) == 9


def test_a_call_that_is_given_up_leaves_no_connection_in_use() -> None:
    """Its connection is closed, not kept with half an answer to come."""

    async def scenario() -> int:
        async with scene() as (upstream, pool):
            upstream.gate.clear()
            given_up = asyncio.create_task(call(pool))
            await until(lambda: upstream.waiting_count == 1)
            given_up.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await given_up
            upstream.gate.set()
            assert await call(pool) == "ok"
            return upstream.ever_count

    assert asyncio.run(scenario()) == 2
