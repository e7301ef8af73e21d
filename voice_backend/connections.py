"""Connections to the speech service: one for each call at a time, kept open for a while."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx

IDLE_S = 10.0
"""A connection that no call has used for this long is closed."""


class _Idle(NamedTuple):
    since_s: float
    client: httpx.AsyncClient


class Connections:
    """Clients of one connection each, the one used last first.

    One client for all calls would look at every connection at the start and at the end of every call: with 64 at a time
    a call then takes ten times the processor time (``httpcore`` 1.0, ``AsyncConnectionPool``), and a service that falls
    behind for a moment never catches up.
    """

    def __init__(self, base_url: str, *, headers: dict[str, str], timeout_s: float, trust_env: bool) -> None:
        self._base_url = base_url
        self._headers = headers
        self._timeout_s = timeout_s
        self._trust_env = trust_env
        self._tls = httpx.create_ssl_context()  # tens of milliseconds, so once for all
        self._idle: deque[_Idle] = deque()
        self._expiry: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client that nobody else uses meanwhile."""
        client = self._idle.pop().client if self._idle else self._open()
        try:
            yield client
        finally:
            loop = asyncio.get_running_loop()
            self._idle.append(_Idle(loop.time(), client))
            if self._expiry is None:
                self._expiry = loop.call_later(IDLE_S, self._close_expired)

    async def aclose(self) -> None:
        """Closes those that are not in use."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        while self._idle:
            self._close_oldest()
        await asyncio.gather(*self._closing)

    def _open(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._base_url,
            headers=self._headers,
            timeout=self._timeout_s,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=IDLE_S),
            trust_env=self._trust_env,
            verify=self._tls,
        )

    def _close_expired(self) -> None:
        """``httpx`` closes an expired connection at the next request only: a burst would leave its sockets behind."""
        loop = asyncio.get_running_loop()
        while self._idle and self._idle[0].since_s + IDLE_S <= loop.time():
            self._close_oldest()
        self._expiry = loop.call_at(self._idle[0].since_s + IDLE_S, self._close_expired) if self._idle else None

    def _close_oldest(self) -> None:
        task = asyncio.create_task(self._idle.popleft().client.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
