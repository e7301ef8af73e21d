"""One connection to the backend, with counted bytes, a deadline, and every way to let go of it.

Plain blocking sockets: under Locust gevent makes them cooperative. Knows HTTP's framing (geventhttpclient's parser) and
nothing of conversations. No retries: a step that failed has failed.
"""

from __future__ import annotations

import base64
import select
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from geventhttpclient.response import HTTPParseError, HTTPSocketResponse

from locustfiles._poll import poll_now

RECEIVE_BYTES = 65_536
"""One read. A chunk of speech is 67 KB on the wire, so two reads take it in."""

REUSE_WITHIN_S = 2.0
"""Idle connections older than this are closed: servers close theirs after 5 s (uvicorn, Node), and a query written to a
connection that is just being closed would be a failure that the backend is not to blame for."""

REUSED_COUNT = 256
"""Idle connections kept at most."""

_Address = tuple[int, int, int, Any]

_RESET = struct.pack("ii", 1, 0)


class StepFailed(Exception):
    """A step of a conversation failed; ``name`` is the row it is counted under, one of a fixed set."""

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(f"{name}: {detail}" if detail else name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    body: bytes


class Wire:
    """A TCP or TLS connection that counts what crosses it and gives up at ``deadline_s`` (monotonic).

    ``bytes_in`` and ``bytes_out`` run over its whole life, headers included.
    """

    __slots__ = ("_ended", "_pause", "_read_bytes", "_socket", "bytes_in", "bytes_out", "deadline_s", "idle_since_s")

    def __init__(self, connection: socket.socket, deadline_s: float) -> None:
        self._socket = connection
        self._ended = False
        self._pause: Callable[[], None] | None = None
        self._read_bytes = RECEIVE_BYTES
        self.deadline_s = deadline_s
        self.idle_since_s = 0.0
        self.bytes_in = 0
        self.bytes_out = 0

    def send(self, data: bytes) -> None:
        """Writes all of ``data``. Raises StepFailed."""
        self._arm()
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise StepFailed("timeout", "sending") from error
        except OSError as error:
            raise StepFailed("connection_lost", str(error)) from error
        self.bytes_out += len(data)

    def read_slowly(self, size_bytes: int, pause: Callable[[], None]) -> None:
        """From now on reads take ``size_bytes`` at most, each after a pause."""
        self._read_bytes, self._pause = size_bytes, pause

    def recv(self, size: int = RECEIVE_BYTES) -> bytes:
        """What has come, ``b""`` once at the end of the stream. Raises StepFailed, also when read past the end."""
        if self._ended:
            raise StepFailed("stream_cut", "the connection ended before the answer did")
        if self._pause is not None:
            self._pause()
        self._arm()
        try:
            data = self._socket.recv(min(size, self._read_bytes))
        except TimeoutError as error:
            raise StepFailed("timeout", "receiving") from error
        except OSError as error:
            raise StepFailed("connection_lost", str(error)) from error
        self._ended = not data
        self.bytes_in += len(data)
        return data

    def _arm(self) -> None:
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise StepFailed("timeout", "the conversation took too long")
        self._socket.settimeout(left_s)

    def close(self) -> None:
        """Closes in order (FIN)."""
        self._ended = True
        self._socket.close()

    def reset(self) -> None:
        """Closes without order (RST): what a killed app or a lost interface looks like from the other side."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            pass  # gone already: the other side was faster
        self.close()

    @property
    def is_fresh(self) -> bool:
        """Whether an idle connection can carry another request: not ended, and nothing unasked-for to read."""
        if self._ended or time.monotonic() - self.idle_since_s > REUSE_WITHIN_S:
            return False
        return not poll_now(self._socket.fileno(), select.POLLIN)  # TLS cannot peek


class Site:
    """The backend's address: resolves it once, connects, and keeps idle connections for the next request."""

    def __init__(self, base_url: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"expected a URL such as http://127.0.0.1:8080, found {base_url!r}")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._prefix = parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._addresses: tuple[_Address, ...] = ()
        self._idle: deque[Wire] = deque(maxlen=REUSED_COUNT)
        self.authority = parts.netloc.rpartition("@")[2]
        if parts.username is not None and "authorization" not in {name.lower() for name, _ in headers}:
            headers = (*headers, ("Authorization", _basic(parts.username, parts.password or "")))
        self.headers = headers
        self._own = {name.lower(): f"{name}: {value}\r\n" for name, value in headers}

    @property
    def is_secure(self) -> bool:
        return self._tls is not None

    def target(self, path: str) -> str:
        """``path`` under the base URL's own path."""
        return self._prefix + path

    def connect(self, deadline_s: float, receive_buffer_bytes: int | None = None) -> Wire:
        """A new connection, to the first of the host's addresses that takes it. Raises StepFailed."""
        failure: OSError | None = None
        for address in self._resolve():
            try:
                wire = Wire(self._open(address, deadline_s, receive_buffer_bytes), deadline_s)
            except OSError as error:
                failure = error
                continue
            self._addresses = (address, *(other for other in self._addresses if other != address))
            return wire
        self._addresses = ()  # the host may have moved: ask again next time
        raise StepFailed(_connect_failure(failure), str(failure)) from failure

    def _open(self, address: _Address, deadline_s: float, receive_buffer_bytes: int | None) -> socket.socket:
        family, kind, protocol, place = address
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(max(deadline_s - time.monotonic(), 0.001))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive_buffer_bytes is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
            connection.connect(place)
            if self._tls is not None:
                return self._tls.wrap_socket(connection, server_hostname=self._host)
        except OSError:
            connection.close()
            raise
        return connection

    def _resolve(self) -> tuple[_Address, ...]:
        """The host's addresses, the one that worked last first: resolving costs more than connecting, under gevent a
        thread's hand-over."""
        if not self._addresses:
            try:
                found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            except OSError as error:
                raise StepFailed(_connect_failure(error), str(error)) from error
            self._addresses = tuple((family, kind, protocol, place) for family, kind, protocol, _, place in found)
        return self._addresses

    def borrow(self, deadline_s: float) -> Wire:
        """An idle connection, a new one where there is none. Raises StepFailed."""
        while self._idle:
            wire = self._idle.pop()
            if wire.is_fresh:
                wire.deadline_s = deadline_s
                return wire
            wire.close()
        return self.connect(deadline_s)

    def give_back(self, wire: Wire) -> None:
        """Keeps an idle connection for the next request."""
        wire.idle_since_s = time.monotonic()
        if len(self._idle) == REUSED_COUNT:
            self._idle.popleft().close()
        self._idle.append(wire)

    def close_idle(self) -> None:
        """Closes all idle connections: an idle phase holds none."""
        while self._idle:
            self._idle.pop().close()

    def request(self, method: str, path: str, body: bytes = b"", accept: str = "application/json") -> bytes:
        """The request's bytes; a header of the plan takes the place of ours."""
        lines = {"host": f"Host: {self.authority}\r\n", "accept": f"Accept: {accept}\r\n"}
        if method == "POST":
            lines["content-type"] = "Content-Type: application/json\r\n"
        lines |= self._own
        if method == "POST":
            lines["content-length"] = f"Content-Length: {len(body)}\r\n"
        return f"{method} {self.target(path)} HTTP/1.1\r\n{''.join(lines.values())}\r\n".encode() + body


def receive_answer(wire: Wire) -> tuple[Answer, bool]:
    """The answer to a POST written to ``wire``, and whether the connection can carry another. Raises StepFailed."""
    before_bytes = wire.bytes_in
    try:
        response = HTTPSocketResponse(wire, block_size=RECEIVE_BYTES, method="POST")
        body = response.read()
    except HTTPParseError as error:
        if wire.bytes_in == before_bytes:
            raise StepFailed("connection_lost", "the connection ended before the answer began") from error
        raise StepFailed("not_http", str(error)) from error
    return Answer(response.status_code, body), not response.should_close()


def _basic(user: str, password: str) -> str:
    """What a URL's own user and password are as a header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()


def _connect_failure(error: OSError | None) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connect_refused"
    if isinstance(error, TimeoutError):
        return "connect_timeout"
    if isinstance(error, socket.gaierror):
        return "name_not_found"
    if isinstance(error, ssl.SSLError):
        return "tls_failed"
    return "connect_failed"
