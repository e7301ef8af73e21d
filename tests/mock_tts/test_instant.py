"""The short way for plain requests: the same bytes and counts as the long way, and nothing but plain requests on it."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import httpx
import pytest

from mock_tts.catalog import PLANS
from mock_tts.faults import Fault, Kind, Route
from mock_tts.formats import DEFAULT_FORMAT, FORMATS
from mock_tts.instant import MAX_HEAD_BYTES, MAX_HEADS, MAX_PLAIN, MAX_PLAIN_BYTES, Instant
from mock_tts.routes.orders import OrderBook
from mock_tts.service import Service
from mock_tts.settings import Settings
from tests.mock_tts.conftest import INSTANT, Mock

MakeMock = Callable[..., Mock]
BODY = b'{"text": "Hi there.", "model_id": "eleven_flash_v2_5"}'
PATH = "/v1/text-to-speech/v"


def request(
    path: str = PATH, body: bytes = BODY, *, method: str = "POST", version: str = "1.1", headers: bytes = b""
) -> bytes:
    """One request as a client sends it, with ``headers`` (each ended by CR LF) before the length."""
    start = f"{method} {path} HTTP/{version}\r\nHost: m\r\nxi-api-key: k\r\n".encode()
    return start + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


CHUNKED = (
    f"POST {PATH} HTTP/1.1\r\nHost: m\r\nxi-api-key: k\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
)
PLAIN, STREAM = request(), request(f"{PATH}/stream?output_format=pcm_16000")
CONVERSATIONS: dict[str, tuple[bytes, ...]] = {
    "keep-alive": (PLAIN, PLAIN, STREAM, STREAM, PLAIN),
    "other words under the same head": (PLAIN, PLAIN.replace(b"there", b"folks"), PLAIN.replace(b"there", b"where")),
    "other formats": tuple(
        request(f"{PATH}?output_format={name}") for name in ("opus_48000_32", "wav_8000") for _ in range(2)
    ),
    "named keep-alive": (request(headers=b"Connection: Keep-Alive\r\n"),) * 2,
    "timestamps": (request(f"{PATH}/with-timestamps"),) * 2,
    "head": (PLAIN, request(method="HEAD"), PLAIN),
    "empty lines before": (PLAIN, b"\r\n\r\n" + PLAIN, PLAIN),
    "chunked": (PLAIN, CHUNKED, CHUNKED, PLAIN),
    "expectation": (PLAIN, request(headers=b"Expect: 100-continue\r\n"), request(headers=b"Expect: 100-continue\r\n")),
    "close": (PLAIN, request(headers=b"Connection: close\r\n")),
    "version 1.0": (PLAIN, request(version="1.0")),
    "broken json": (PLAIN, PLAIN.replace(b'"Hi', b" Hi"), PLAIN),
    "no words": (PLAIN, PLAIN.replace(b"Hi there.", b"         "), PLAIN),
    "no http": (PLAIN, b"\x00\x01\r\n\r\n"),
    "two lengths": (PLAIN, request(headers=b"Content-Length: 3\r\n")),
}


def answers(mock: Mock, sends: tuple[bytes, ...]) -> Iterator[bytes]:
    """The answer to each of ``sends`` on one connection, as it is on the wire but for clocks."""
    port = int(mock.http_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), 10) as sock, sock.makefile("rb") as file:
        for raw in sends:
            sock.sendall(raw)
            answer = one_answer(file, is_head=raw.startswith(b"HEAD"))
            yield re.sub(rb"(date|tts-latency-ms): [^\r]*", rb"\1: now", answer)
        sock.shutdown(socket.SHUT_WR)
        assert file.read() == b""


def one_answer(file: BinaryIO, *, is_head: bool) -> bytes:
    """The bytes of the next answer, of any interim one before it too."""
    head = b"".join(iter(file.readline, b"\r\n")) + b"\r\n"
    if head.startswith(b"HTTP/1.1 100"):
        return head + one_answer(file, is_head=is_head)
    length = re.search(rb"content-length: (\d+)", head)
    if is_head:
        return head
    if length is not None:
        return head + file.read(int(length.group(1)))
    while not head.endswith(b"\r\n0\r\n\r\n"):
        head += file.readline()
    return head


def talk(make_mock: MakeMock, sends: tuple[bytes, ...]) -> tuple[list[bytes], dict[str, Any], list[Any]]:
    """The answers of a fresh mock, and what its ledger says afterwards."""
    mock = make_mock()
    mock.service.bank.prepare(DEFAULT_FORMAT, "v")
    received = list(answers(mock, sends))
    ledger = mock.service.ledger
    return received, ledger.stats(), [{**entry, "at_s": 0} for entry in ledger.journal()]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_both_ways_are_the_same(make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Every byte of every answer, every count and the journal, whether a head may be known or not."""
    short = talk(make_mock, CONVERSATIONS[name])
    monkeypatch.setattr(Instant, "learn", lambda *_: None)
    long = talk(make_mock, CONVERSATIONS[name])

    assert short == long
    assert short[1]["open_streams"] == short[1]["generating"] == 0


def test_pipelined_requests_are_answered_in_order(make_mock: MakeMock) -> None:
    """Several requests in one packet, after the head is known."""
    others = [PLAIN.replace(b"there", word) for word in (b"folks", b"where")]
    mock = make_mock()
    apart = list(answers(mock, (PLAIN, *others)))
    port = int(mock.http_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), 10) as sock, sock.makefile("rb") as file:
        sock.sendall(PLAIN + others[0] + others[1])
        together = [one_answer(file, is_head=False) for _ in range(3)]

    assert [one.partition(b"\r\n\r\n")[2] for one in together] == [one.partition(b"\r\n\r\n")[2] for one in apart]


def test_a_request_in_two_packets_is_no_whole_request(make_mock: MakeMock) -> None:
    """The body may come later, or bring the next request's beginning with it."""
    (answer,) = answers(mock := make_mock(), (PLAIN,))
    port = int(mock.http_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), 10) as sock, sock.makefile("rb") as file:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in (PLAIN[:30], PLAIN[30:-5], PLAIN[-5:] + PLAIN[:-9], PLAIN[-9:]):
            sock.sendall(part)
        bodies = [one_answer(file, is_head=False).partition(b"\r\n\r\n")[2] for _ in range(2)]

    assert bodies == [answer.partition(b"\r\n\r\n")[2]] * 2


class Spy:
    """Counts the answers that take the short way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = Instant.answer

        def answer(instant: Instant, *args: Any) -> Any:
            found = real(instant, *args)
            self.count += found is not None
            return found

        monkeypatch.setattr(Instant, "answer", answer)


def test_the_second_request_takes_the_short_way(make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over a new connection: heads belong to the server."""
    spy = Spy(monkeypatch)
    mock = make_mock()
    list(answers(mock, (PLAIN, PLAIN, PLAIN)))
    list(answers(mock, (PLAIN, STREAM, STREAM)))

    assert spy.count == 4


def test_a_fault_plan_closes_the_short_way(make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is in force every request is counted and hit by it; afterwards the way is open again."""
    spy = Spy(monkeypatch)
    mock = make_mock()
    list(answers(mock, (PLAIN, PLAIN)))
    mock.service.faults.replace((Fault(kind=Kind.STATUS, status=500, every=2),))
    hit = [answer[9:12] for answer in answers(mock, (PLAIN,) * 4)]
    mock.service.faults.replace(())
    list(answers(mock, (PLAIN,)))

    assert hit == [b"500", b"200", b"500", b"200"]
    assert spy.count == 2


@pytest.mark.parametrize(
    "settings",
    [
        replace(INSTANT, plan=PLANS["free"]),
        replace(INSTANT, quota_credits=10_000),
        replace(INSTANT, profile=INSTANT.profile.model_copy(update={"realtime_factor": 1000.0})),
    ],
)
def test_limits_and_delays_close_the_short_way(
    make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """A plan, a quota or a pace is the long way's business."""
    spy = Spy(monkeypatch)
    received = list(answers(make_mock(settings), (PLAIN, PLAIN)))

    assert spy.count == 0
    assert {answer[:15] for answer in received} == {b"HTTP/1.1 200 OK"}


def test_keys_are_checked(make_mock: MakeMock) -> None:
    """A head with a wrong key is never known."""
    mock = make_mock(replace(INSTANT, keys=frozenset({"good"})))
    good = PLAIN.replace(b"xi-api-key: k", b"xi-api-key: good")
    statuses = [answer[9:12] for answer in answers(mock, (good, good, PLAIN, PLAIN, good))]

    assert statuses == [b"200", b"200", b"401", b"401", b"200"]


def test_long_texts_and_stats_are_unharmed(make_mock: MakeMock) -> None:
    """A text above the limit of one piece goes the long way and is counted all the same."""
    mock = make_mock()
    with httpx.Client(base_url=mock.http_url, headers={"xi-api-key": "k"}, timeout=30) as client:
        sizes = {len(client.post(f"{PATH}?output_format=ulaw_8000", json={"text": "x" * 3000}).content) for _ in "ab"}

    assert len(sizes) == 1
    assert mock.service.ledger.requests == {"convert": 2}


def instant(settings: Settings = INSTANT) -> Instant:
    service = Service(settings)
    service.bank.prepare(DEFAULT_FORMAT, "v")
    return Instant(service, OrderBook(service))


def scope_of(raw: bytes) -> dict[str, Any]:
    """``raw`` as uvicorn gives it to an application."""
    start, *lines = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    method, path, version = start.split()
    pairs = [line.split(": ", 1) for line in lines]
    return {
        **{"method": method, "http_version": version.removeprefix("HTTP/"), "path": path, "raw_path": path.encode()},
        **{"query_string": b"", "headers": [(name.lower().encode(), value.encode()) for name, value in pairs]},
    }


@pytest.mark.parametrize(
    ("raw", "route"),
    [
        (PLAIN, Route.WITH_TIMESTAMPS),
        (request(method="PUT"), Route.CONVERT),
        (request(version="1.0"), Route.CONVERT),
        (request(headers=b"Connection: close\r\n"), Route.CONVERT),
        (request(headers=b"Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\n"), Route.CONVERT),
        (request(headers=b"Expect: 100-continue\r\n"), Route.CONVERT),
        (request(headers=b"X-Long: " + b"x" * MAX_HEAD_BYTES + b"\r\n"), Route.CONVERT),
        (PLAIN + b"x", Route.CONVERT),
        (b"\r\n\r\n" + PLAIN, Route.CONVERT),
        (CHUNKED, Route.CONVERT),
    ],
)
def test_only_plain_heads_are_known(raw: bytes, route: Route) -> None:
    """Neither other endpoints nor anything that changes how a request is read or what becomes of its connection."""
    one = instant()
    learn(one, raw, route)

    assert one.answer(raw, []) is None


def learn(one: Instant, raw: bytes, route: Route = Route.CONVERT) -> None:
    async def inside() -> None:
        one.learn(raw, scope_of(raw.strip()), route, "v")

    asyncio.run(inside())


def test_only_whole_requests_are_answered() -> None:
    """Not one byte less or more than the head says; an error is left to the long way, uncounted."""
    one = instant()
    learn(one, PLAIN)

    assert one.answer(PLAIN, []) is not None
    assert all(one.answer(raw, []) is None for raw in (PLAIN[:-1], PLAIN + b"x", PLAIN + PLAIN, b"", b"\r\n\r\n"))
    assert one.answer(PLAIN.replace(b"Hi there.", b" " * 9), []) is None
    assert one._service.ledger.requests == {"convert": 1}
    assert one._service.ledger.gauges.generating == one._service.slots.active.total() == 0


def test_a_voice_whose_clip_is_not_encoded_waits() -> None:
    """Encoding takes a while, which is for a thread."""
    one = instant()
    raw = request(f"{PATH}?output_format=ulaw_8000")

    async def inside() -> None:
        one.learn(raw, {**scope_of(raw), "query_string": b"output_format=ulaw_8000"}, Route.CONVERT, "v")

    asyncio.run(inside())
    assert one.answer(raw, []) is None
    one._service.bank.prepare(FORMATS["ulaw_8000"], "v")
    assert one.answer(raw, []) is not None


def test_known_heads_are_bounded() -> None:
    """A client whose heads all differ takes no more room than this."""
    one = instant()
    for number in range(MAX_HEADS + 10):
        learn(one, request(headers=b"traceparent: %d\r\n" % number))

    assert len(one._heads) == MAX_HEADS
    assert one.answer(request(headers=b"traceparent: 0\r\n"), []) is None
    assert one.answer(request(headers=b"traceparent: %d\r\n" % MAX_HEADS), []) is not None


def test_remembered_requests_are_bounded() -> None:
    """In number and size; what is forgotten, or too large to be remembered, is understood anew."""
    one = instant()
    learn(one, request(body=b'{"text": "0000"}'))
    several = [request(body=b'{"text": "%04d"}' % number) for number in range(MAX_PLAIN + 10)]
    large = request(body=b'{"text": "Hi."%b}' % (b" " * MAX_PLAIN_BYTES))
    learn(one, large)

    assert all(one.answer(raw, []) for raw in [*several, large, several[0]])
    assert len(one._plain) == MAX_PLAIN
    assert large not in one._plain
