"""One connection: counted bytes, names for failures, FIN and RST, reuse."""

from __future__ import annotations

import socket
import time

import pytest

from harness.orchestrate.launch import free_port
from locustfiles._wire import Site, StepFailed, receive_answer
from tests.support.scripted_server import http, scripted

SOON_S = 5.0


def _deadline_s() -> float:
    return time.monotonic() + SOON_S


def _answer_all(connection: socket.socket) -> None:
    while connection.recv(65_536):
        connection.sendall(http(b'{"ok": true}'))


def test_an_answer_is_received_and_its_bytes_are_counted() -> None:
    """Bytes in both directions include the headers; the connection can carry another request."""
    with scripted(_answer_all) as server:
        site = Site(server.url, (("X-Team", "voice"),))
        wire = site.connect(_deadline_s())
        request = site.request("POST", "/ask", b"{}")
        wire.send(request)
        answer, reusable = receive_answer(wire)
        wire.close()

    assert (answer.status, answer.body, reusable) == (200, b'{"ok": true}', True)
    assert wire.bytes_out == len(request)
    assert wire.bytes_in == len(http(b'{"ok": true}'))
    assert b"X-Team: voice\r\n" in request
    assert b"Content-Length: 2\r\n" in request


def test_a_connection_given_back_is_borrowed_again() -> None:
    """The next request goes over the idle connection."""
    with scripted(_answer_all) as server:
        site = Site(server.url)
        first = site.borrow(_deadline_s())
        site.give_back(first)
        second = site.borrow(_deadline_s())
        second.close()

    assert second is first


def test_a_connection_that_the_server_has_closed_is_not_borrowed() -> None:
    """Whether closed, written to unasked or too old: a new one is made."""
    with scripted(lambda connection: connection.close()) as server:
        site = Site(server.url)
        stale = site.connect(_deadline_s())
        assert stale.recv() == b""
        site.give_back(stale)
        fresh = site.borrow(_deadline_s())
        fresh.close()
    with scripted(_answer_all) as server:
        site = Site(server.url)
        old = site.connect(_deadline_s())
        site.give_back(old)
        old.idle_since_s -= 60
        again = site.borrow(_deadline_s())
        again.close()

    assert fresh is not stale
    assert again is not old


@pytest.mark.parametrize(("ending", "seen"), [("close", "fin"), ("reset", "reset")])
def test_close_sends_fin_and_reset_sends_rst(ending: str, seen: str) -> None:
    """The other side can tell the two apart."""
    with scripted(lambda _: None) as server:
        wire = Site(server.url).connect(_deadline_s())
        getattr(wire, ending)()

        assert server.wait_ending() == seen


def test_a_refused_connection_and_an_unknown_name_have_names() -> None:
    """Both before anything is sent."""
    with pytest.raises(StepFailed) as refused:
        Site(f"http://127.0.0.1:{free_port()}").connect(_deadline_s())
    with pytest.raises(StepFailed) as unknown:
        Site("http://no-such-host.invalid").connect(_deadline_s())

    assert refused.value.name == "connect_refused"
    assert unknown.value.name == "name_not_found"


def test_silence_is_a_timeout_and_an_early_end_is_a_cut() -> None:
    """A deadline ends the wait; reading past the end of the stream is a failure of its own."""
    with scripted(lambda _: None) as server:
        wire = Site(server.url).connect(time.monotonic() + 0.05)
        with pytest.raises(StepFailed) as silence:
            wire.recv()
        with pytest.raises(StepFailed) as late:
            wire.send(b"x")
        wire.close()
    with scripted(lambda connection: connection.close()) as server:
        wire = Site(server.url).connect(_deadline_s())
        assert wire.recv() == b""
        with pytest.raises(StepFailed) as cut:
            wire.recv()
        wire.close()

    assert (silence.value.name, late.value.name, cut.value.name) == ("timeout", "timeout", "stream_cut")


def test_what_is_not_http_is_called_so() -> None:
    """An answer of another protocol is a failure, not an exception of the parser."""
    with scripted(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")) as server:
        wire = Site(server.url).connect(_deadline_s())
        with pytest.raises(StepFailed) as failure:
            receive_answer(wire)
        wire.close()

    assert failure.value.name == "not_http"


def test_a_server_that_ends_without_a_word_is_a_connection_lost() -> None:
    """A worker that crashed, say: it spoke no other protocol, it spoke none."""
    with scripted(lambda connection: connection.close()) as server:
        wire = Site(server.url).connect(_deadline_s())
        with pytest.raises(StepFailed) as failure:
            receive_answer(wire)
        wire.close()

    assert failure.value.name == "connection_lost"


def test_a_base_url_needs_a_scheme_and_a_host() -> None:
    """A mistake in the plan shows before the first query."""
    with pytest.raises(ValueError, match=r"expected a URL such as http://127\.0\.0\.1:8080, found 'localhost:80'"):
        Site("localhost:80")


def test_all_addresses_of_a_host_are_tried_and_the_one_that_works_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """``localhost`` is ::1 first on many machines, and the server listens on 127.0.0.1 only."""
    asked: list[str] = []
    with scripted(_answer_all) as server:
        inet, stream = socket.AF_INET, socket.SOCK_STREAM
        places = [(inet, stream, 6, "", ("127.0.0.1", port)) for port in (free_port(), server.port)]

        def resolve(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
            asked.append(host)
            return [(int(family), int(kind), protocol, name, place) for family, kind, protocol, name, place in places]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        site = Site("http://localhost:1")
        for _ in range(3):
            site.connect(_deadline_s()).close()

    assert asked == ["localhost"]


def test_a_header_of_the_plan_takes_the_place_of_ours() -> None:
    """Never twice, whatever its case; the length stays the body's own."""
    site = Site("http://127.0.0.1:1/base", (("content-type", "application/x-voice"), ("Content-Length", "99")))
    head = site.request("POST", "/ask", b"{}").decode()

    assert head.startswith("POST /base/ask HTTP/1.1\r\n")
    assert head.lower().count("content-type:") == head.lower().count("content-length:") == 1
    assert "content-type: application/x-voice\r\n" in head
    assert "Content-Length: 2\r\n" in head


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ((), b"Authorization: Basic bWU6cyBlQw==\r\n"),
        ((("authorization", "Bearer x"),), b"authorization: Bearer x\r\n"),
    ],
)
def test_user_and_password_of_the_url_are_sent(headers: tuple[tuple[str, str], ...], sent: bytes) -> None:
    """As every client does, unless the plan has a header of its own; the host is told without them."""
    head = Site("http://me:s%20eC@127.0.0.1:1", headers).request("GET", "/ask")

    assert sent in head
    assert head.lower().count(b"authorization:") == 1
    assert b"Host: 127.0.0.1:1\r\n" in head
