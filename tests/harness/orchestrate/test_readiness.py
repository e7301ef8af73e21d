"""Waiting for a service that is coming up."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import TargetError
from harness.orchestrate.launch import answers, free_port
from harness.orchestrate.readiness import await_ready
from harness.orchestrate.services import Services
from tests.support.tls_front import tls_front

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2]))
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def pause(seconds: float) -> None:
    select.select([], [], [], seconds)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with Services(tmp_path) as started:
        yield started


@pytest.mark.parametrize("status", [200, 404])
def test_any_answer_below_500_is_ready(services: Services, status: int) -> None:
    """A backend without a health page answers 404 and is up all the same."""
    port = free_port()
    service = services.start("target", [sys.executable, "-c", SERVER, str(port), str(status)], os.environ)

    await_ready(service, f"http://127.0.0.1:{port}/health", 30, pause)

    assert service.exit_code() is None


def test_a_service_that_ends_first_is_reported_with_its_last_words(services: Services) -> None:
    """The user sees the reason without opening a log."""
    code = "print('no config found'); raise SystemExit(3)"
    service = services.start("target", [sys.executable, "-c", code], os.environ)

    with pytest.raises(TargetError, match="ended with code 3: no config found"):
        await_ready(service, f"http://127.0.0.1:{free_port()}/", 30, pause)


def test_silence_ends_at_the_time_out(services: Services) -> None:
    """It says what to look at."""
    service = services.start("target", [sys.executable, "-c", "input()"], os.environ, stdin=-1)
    assert service.process.stdin is not None

    with pytest.raises(TargetError, match=r"within 0.1 s, found silence"):
        await_ready(service, f"http://127.0.0.1:{free_port()}/", 0.1, pause)
    service.process.stdin.close()


def test_a_service_that_stays_unwell_is_not_called_silent(services: Services) -> None:
    """It listens and answers, so its port is right: the status says where to look."""
    port = free_port()
    service = services.start("target", [sys.executable, "-c", SERVER, str(port), "503"], os.environ)
    while not answers(f"http://127.0.0.1:{port}"):
        pause(0.02)

    with pytest.raises(TargetError, match="found only answers of status 503"):
        await_ready(service, f"http://127.0.0.1:{port}/health", 0.0, pause)


def test_an_interrupt_ends_the_wait(services: Services) -> None:
    """Whatever the injected wait raises comes through."""

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    waits: list[Callable[[float], None]] = [interrupt]
    service = services.start("target", [sys.executable, "-c", "input()"], os.environ, stdin=-1)
    assert service.process.stdin is not None

    with pytest.raises(KeyboardInterrupt):
        await_ready(service, f"http://127.0.0.1:{free_port()}/", 30, waits[0])
    service.process.stdin.close()


def test_a_certificate_that_is_not_trusted_is_said_at_once(services: Services, tmp_path: Path) -> None:
    """With what to do; waiting would not mend it."""
    port = free_port()
    service = services.start("target", [sys.executable, "-c", SERVER, str(port), "200"], os.environ)
    await_ready(service, f"http://127.0.0.1:{port}/health", 30, pause)
    with (
        tls_front(f"http://127.0.0.1:{port}", tmp_path) as front,
        pytest.raises(TargetError, match=r"trusts at https://.*, found: .*certificate.*; set SSL_CERT_FILE"),
    ):
        await_ready(service, front.url, 30, lambda _: pytest.fail("waited"))
