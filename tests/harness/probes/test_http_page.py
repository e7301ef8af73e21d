"""One page over HTTP."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

from harness.errors import ProbeError
from harness.probes import http_page
from harness.probes.http_page import HttpPage, timeout_s_for
from tests.support.pages import served


def test_a_page_is_fetched_over_one_connection() -> None:
    """Again and again, as it is at that moment."""
    with served("one") as page:
        reader = HttpPage(page.url, 5.0)
        first = reader.fetch()
        page.body = b"two"
        second = reader.fetch()
        reader.close()

    assert (first, second) == (b"one", b"two")


def test_another_status_is_a_reason() -> None:
    """A page of an error is not read for numbers; a redirect is not followed to who knows where."""
    for status in (404, 500, 302):
        with served("x", status) as page:
            reader = HttpPage(page.url, 5.0)
            with pytest.raises(ProbeError, match=f"expected 200 from {page.url}, found {status}"):
                reader.fetch()
            reader.close()


def test_nobody_there_is_a_reason() -> None:
    """With what to look at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reader = HttpPage(f"http://127.0.0.1:{port}/", 5.0)

    with pytest.raises(ProbeError, match=r"Connection refused; is it running\?"):
        reader.fetch()
    reader.close()


def test_a_server_that_hangs_is_a_reason() -> None:
    """After the time a reading may take."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = HttpPage(f"http://127.0.0.1:{server.getsockname()[1]}/", 0.05)
        with pytest.raises(ProbeError, match=r"within 0.05 s, found none"):
            reader.fetch()
        reader.close()


def test_an_endless_page_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness must not grow with what a target says."""
    monkeypatch.setattr(http_page, "MAX_PAGE_BYTES", 1000)
    with served("x" * 2000) as page:
        reader = HttpPage(page.url, 5.0)
        with pytest.raises(ProbeError, match="at most 1000 bytes"):
            reader.fetch()
        reader.close()


def test_secrets_of_the_address_are_in_no_reason() -> None:
    """Neither the user's password nor a key in the query: reasons stand in events.jsonl."""
    with served("x", 500) as page:
        host = page.url.removeprefix("http://")
        reader = HttpPage(f"http://me:s3cr3t@{host}?part=heap&api_key=s3cr3t&sig=s3cr3t", 5.0)
        with pytest.raises(ProbeError) as caught:
            reader.fetch()
        reader.close()

    assert f"from http://***@{host}?part=heap&api_key=***&sig=***, found 500" in str(caught.value)


def test_a_page_without_an_end_is_a_reason() -> None:
    """A stream of events sends something every moment, so that no single wait is ever too long."""
    stopped = threading.Event()

    def send(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            while not stopped.wait(0.01):
                connection.sendall(b": still here\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: send(server.accept()[0]))
        thread.start()
        reader = HttpPage(f"http://127.0.0.1:{server.getsockname()[1]}/", 0.2)
        with pytest.raises(ProbeError, match=r"a whole page from .* within 0\.2 s, found no end"):
            reader.fetch()
        stopped.set()
        reader.close()
        thread.join()


def test_a_reading_may_take_about_its_period() -> None:
    """Between one second and five."""
    assert [timeout_s_for(period_s) for period_s in (0.25, 3.0, 60.0)] == [1.0, 3.0, 5.0]
