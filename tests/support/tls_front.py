"""TLS in front of a service that speaks plain TCP: what a proxy or a cloud's load balancer is to a backend."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import trustme

READ_BYTES = 65_536


@dataclass(frozen=True)
class TlsFront:
    """``authority`` is the file with the certificate that clients have to trust."""

    url: str
    authority: Path


@contextmanager
def tls_front(url: str, folder: Path) -> Iterator[TlsFront]:
    """Listens on a port of its own for the service at ``url``, with a certificate of an authority in ``folder``."""
    parts = urlsplit(url)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(folder / "authority.pem")

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer))

    async def serve() -> asyncio.Server:
        return await asyncio.start_server(connect, "127.0.0.1", 0, ssl=context)

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield TlsFront(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", folder / "authority.pem")
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_end_all())
        loop.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _end_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
