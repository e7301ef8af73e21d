"""What is no proper HTTP, and a long run of random requests."""

import asyncio
import json
import random
import socket
from collections.abc import Callable, Iterable

import pytest
import uvicorn
from uvicorn.server import ServerState

from mock_tts.app import App
from mock_tts.protocol import HttpProtocol, SocketProtocol
from mock_tts.service import Service
from tests.mock_tts.conftest import INSTANT, Mock

HEAD = b"POST /v1/text-to-speech/v HTTP/1.1\r\nhost: m\r\nxi-api-key: k\r\n"
ODD = (
    b"\x00\x01\x02\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1/text-to-speech/\xff\xfe HTTP/1.1\r\nhost: m\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nhost: m\r\n\r\n",
    b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    HEAD + b"content-length: -5\r\n\r\n",
    HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
)


def exchange(mock: Mock, raw: bytes) -> bytes:
    """What comes back for ``raw`` until the server closes or says no more."""
    port = int(mock.http_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.settimeout(10)
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        received = bytearray()
        try:
            while part := sock.recv(65536):
                received += part
        except ConnectionResetError:
            pass
        return bytes(received)


def settle(mock: Mock) -> None:
    """Returns when nothing is open; the server notices within a moment that a client has left."""

    async def wait() -> None:
        async with asyncio.timeout(10):
            while mock.service.ledger.gauges.open_streams:  # noqa: ASYNC110 - the mock runs in another thread
                await asyncio.sleep(0.01)

    asyncio.run(wait())


@pytest.mark.parametrize("raw", ODD)
def test_what_is_no_http_gets_the_envelope(mock: Mock, raw: bytes) -> None:
    """400 in JSON, then the connection ends."""
    head, _, body = exchange(mock, raw).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["detail"]["code"] == "bad_request"


def test_unknown_upgrades_do_not_hang(mock: Mock) -> None:
    """A request for another protocol ends or is answered; the server lives on."""
    answer = exchange(mock, b"GET /admin/health HTTP/1.1\r\nhost: m\r\nconnection: upgrade\r\nupgrade: smoke\r\n\r\n")

    assert not answer.startswith(b"HTTP/1.1 500")
    assert exchange(mock, b"GET /admin/health HTTP/1.1\r\nhost: localhost\r\n\r\n").startswith(b"HTTP/1.1 ")


def test_reset_connections_are_let_go(mock: Mock) -> None:
    """No keep-alive timer holds a connection that the client has reset."""
    port = int(mock.http_url.rsplit(":", 1)[1])
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            sock.sendall(HEAD + b'content-length: 13\r\n\r\n{"text":"Hi"}')
            sock.recv(100)

    settle(mock)


class Stuck(asyncio.Transport):
    """A client that never reads: what is written stays, and the protocol hears of it above 64 KiB, as uvloop does."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: asyncio.Protocol
        self.held_bytes = 0
        self.reads = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.held_bytes += len(data)
        if self.held_bytes > 65536:
            self.protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True


def test_a_client_that_does_not_read_is_not_read() -> None:
    """However many requests it sends, one at a time with a known head: no more than the transport's limit and one
    answer are held, and the rest of its requests stays in its socket."""

    async def run() -> tuple[int, int]:
        service = Service(INSTANT)
        config = uvicorn.Config(
            App(service), http=HttpProtocol, ws=SocketProtocol, lifespan="off", proxy_headers=False, log_config=None
        )
        config.load()
        state = ServerState()
        protocol = HttpProtocol(config=config, server_state=state, app_state={})
        transport = Stuck()
        transport.protocol = protocol
        protocol.connection_made(transport)
        count = 0
        while transport.reads and count < 100:
            count += 1
            protocol.data_received(HEAD + b'content-length: 61\r\n\r\n{"text":"%s"}' % (b"x" * 50))
            await asyncio.sleep(0.001)
        for task in state.tasks:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        protocol._unset_keepalive_if_required()
        return count, transport.held_bytes

    count, held_bytes = asyncio.run(run())

    assert count < 10
    assert held_bytes < 65536 + 60_000


_PATHS = (
    *("/v1/text-to-speech/v", "/v1/text-to-speech/v/stream", "/v1/text-to-speech/v/with-timestamps", "/v1/models"),
    *(
        "/v1/text-to-speech/v/stream/with-timestamps",
        "/v1/text-to-dialogue",
        "/v1/text-to-dialogue/stream",
        "/v2/voices",
    ),
    *("/v1/voices/x", "/v1/single-use-token/x", "/v1/text-to-speech//", "/v1/text-to-speech/%00/stream", "//", "/v1"),
    *(
        "/v1/text-to-speech/v/stream-input",
        "/admin/faults",
        "/admin/requests",
        "/metrics",
        "/v1/user",
        "/v2/voices",
        "*",
    ),
)
_HEADERS = (
    *(b"xi-api-key: k", b"xi-api-key:", b"authorization: Bearer k", b"authorization: \xff", b"expect: 100-continue"),
    *(b"content-type: text/plain", b"content-encoding: gzip", b"accept: x/y", b"x: " + b"y" * 4000, b"cookie: \xe9"),
    *(b"connection: close", b"upgrade: websocket", b"sec-websocket-key: x", b"host: evil", b"range: bytes=5-"),
)
_VALUES = (
    *(
        '"Hi."',
        '""',
        "null",
        "5",
        "[]",
        "{}",
        "true",
        '"\\ud800"',
        '"\\u0000"',
        "1e999",
        "NaN",
        "-1",
        '"' + "x" * 300 + '"',
    ),
    *(
        '{"speed": 0}',
        '{"speed": 1e308}',
        '[{"text": "a", "voice_id": "b"}]',
        '[{"text": "", "voice_id": ""}]',
        '"nope"',
    ),
)
_FIELDS = ("text", "model_id", "voice_settings", "seed", "inputs", "language_code", "audio_effects", "settings")
_QUERIES = (
    "output_format=",
    "enable_logging=",
    "optimize_streaming_latency=",
    "page_size=",
    "next_page_token=",
    "limit=",
)
_CHOICES = ("pcm_8000", "ulaw_8000", "x", "", "true", "-1", "99999999999999999999", "%ff", "%00", "\u00e9", "nan")


def random_request(rng: random.Random) -> bytes:
    """One request of known and odd parts."""
    method = rng.choice(("POST", "POST", "POST", "GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"))
    query = "&".join(rng.choice(_QUERIES) + rng.choice(_CHOICES) for _ in range(rng.randrange(3)))
    fields = ", ".join(f'"{rng.choice(_FIELDS)}": {rng.choice(_VALUES)}' for _ in range(rng.randrange(5)))
    body = rng.randbytes(rng.randrange(30)) if rng.random() < 0.15 else f"{{{fields}}}".encode()
    lines = [rng.choice(_HEADERS) for _ in range(rng.randrange(4))]
    lines += [b"host: localhost", b"xi-api-key: k", b"content-length: %d" % len(body)]
    start = f"{method} {rng.choice(_PATHS)}?{query} HTTP/1.1".encode()
    return b"\r\n".join([start, *lines, b"", body])


def fuzz(mock: Mock, count: int, seed: int, capture: Callable[[], str]) -> None:
    """``count`` random requests: none is answered with a 5xx, none leaves a traceback or an open stream."""
    rng = random.Random(seed)
    for number in range(count):
        raw = random_request(rng)
        status = exchange(mock, raw).split(b" ", 2)[1:2]
        assert status != [b"500"], f"request {number} of seed {seed}: {raw!r}"
    assert "Traceback" not in capture()
    settle(mock)


def test_fuzz(mock: Mock, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """A short run in every suite."""
    fuzz(mock, 300, 1, lambda: capfd.readouterr().err + caplog.text)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_long_fuzz(mock: Mock, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """10,000 requests."""
    fuzz(mock, 10_000, 2, lambda: capfd.readouterr().err + caplog.text)
