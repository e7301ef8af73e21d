"""Listens: one uvicorn server, one event loop, plain HTTP and WebSocket on one port and TLS on another."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import signal
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import trustme
import uvicorn

from mock_tts.app import App
from mock_tts.errors import UsageError
from mock_tts.protocol import HttpProtocol, SocketProtocol
from mock_tts.service import Service

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_BACKLOG = 4096
_GRACE_S = 1
_GC_ALLOCATIONS = 20_000
"""Python's own 700 would collect every few requests; the tidying below bounds what may pile up."""

_TIDY_TICKS = 50
"""Ticks of uvicorn's clock, 0.1 s each, between two tidyings."""

_WHOLE_TICKS = 600
"""The same between two that look at everything while streams run: with 500 of them that takes 14 ms, by which all
that are due meanwhile are late (measured)."""


class Listener(uvicorn.Server):
    """uvicorn's server with a second, encrypted listener, a readiness callback, and an orderly end on SIGTERM."""

    def __init__(
        self,
        config: uvicorn.Config,
        tls: tuple[socket.socket, ssl.SSLContext] | None,
        on_ready: Callable[[], None],
        stop: threading.Event | None,
    ) -> None:
        super().__init__(config)
        self._tls = tls
        self._on_ready = on_ready
        self._stop = stop
        self._trim = _malloc_trim()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._tls is not None:
            sock, context = self._tls
            loop = asyncio.get_running_loop()
            self.servers.append(await loop.create_server(self._protocol, sock=sock, ssl=context, backlog=_BACKLOG))
        gc.collect()
        gc.set_threshold(_GC_ALLOCATIONS, 20, 20)
        gc.freeze()  # what is there from the start need not be looked at again
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        if self._stop is not None and self._stop.is_set():
            self.should_exit = True
        if counter % _TIDY_TICKS == 0:
            self._tidy(young_only=bool(self.server_state.tasks) and counter % _WHOLE_TICKS != 0)
        return await super().on_tick(counter)

    def _tidy(self, young_only: bool) -> None:
        """Gives memory back: collects the cycles that closed connections leave, then lets the C library return free
        pages, which it otherwise keeps for a load that may not come again."""
        gc.collect(1 if young_only else 2)
        if self._trim is not None:
            self._trim(0)

    def _protocol(self) -> asyncio.Protocol:
        return HttpProtocol(config=self.config, server_state=self.server_state, app_state={})

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Ends on SIGTERM and SIGINT without raising them again: being told to stop is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's ``malloc_trim``; None where the C library has none."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def bind(host: str, port: int, flag: str) -> socket.socket:
    """A listening address; port 0 takes a free one. Raises UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)  # two that only bind can have one port, and the second to listen would fail too late
    except (OSError, UnicodeError) as error:
        sock.close()
        raise UsageError(
            f"{flag}: expected a free local address, found {host}:{port}: {error}; choose another"
        ) from error
    return sock


def tls_context(host: str, directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A server context with a certificate for this machine's names, and the file of the CA that signed it."""
    authority = trustme.CA()
    names = dict.fromkeys(("localhost", "127.0.0.1", "::1", host))
    wildcards = ("0.0.0.0", "::")
    certificate = authority.issue_cert(*(name for name in names if name not in wildcards))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    path = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, path


def serve(
    service: Service,
    host: str,
    port: int,
    tls_port: int | None,
    announce: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, or until ``stop`` is set. Raises UsageError when an address is taken.

    ``announce`` gets one text once all listeners accept connections: a line for each, the plain one last.
    """
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(bind(host, port, "--port"))
        lines = []
        tls = None
        if tls_port is not None:
            encrypted = stack.enter_context(bind(host, tls_port, "--tls-port"))
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="mock-tts-"))
            context, ca_path = tls_context(host, Path(directory))
            tls = (encrypted, context)
            lines += [f"CA certificate: {ca_path}", f"mock-tts TLS on {_url('https', encrypted)}"]
        lines.append(f"mock-tts listening on {_url('http', plain)}")
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # cut connections are this program's trade
        config = uvicorn.Config(
            App(service),
            loop="uvloop",
            http=HttpProtocol,
            ws=SocketProtocol,
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            access_log=False,
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE_S,
            backlog=_BACKLOG,
        )
        listener = Listener(config, tls, lambda: announce("\n".join(lines)), stop)
        listener.run(sockets=[plain])


def _url(scheme: str, sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
