"""A mock in this process: the real server on free ports in a thread, ended with the test module."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mock_tts.errors import UsageError
from mock_tts.faults import Fault
from mock_tts.profile import PROFILES
from mock_tts.server import serve
from mock_tts.service import Service
from mock_tts.settings import Settings

VOICE_ID = "21m00Tcm4TlvDq8ikWAM"
INSTANT = Settings(seed=7, profile=PROFILES["instant"])


@dataclass(frozen=True, slots=True)
class Mock:
    """A running mock and where it listens."""

    service: Service
    http_url: str
    https_url: str
    ca_path: Path

    @property
    def ws_url(self) -> str:
        return self.http_url.replace("http", "ws", 1)


def start_mock(settings: Settings, faults: tuple[Fault, ...] = ()) -> tuple[Mock, Callable[[], None]]:
    """A mock that accepts connections, and what ends it."""
    service = Service(settings, faults)
    ready, stop = threading.Event(), threading.Event()
    lines: list[str] = []
    failures: list[BaseException] = []

    def announce(text: str) -> None:
        lines.extend(text.splitlines())
        ready.set()

    def run() -> None:
        try:
            serve(service, "127.0.0.1", 0, 0, announce, stop)
        except (UsageError, OSError) as error:
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    assert not failures

    def end() -> None:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()

    http_url = lines[-1].split()[-1]
    https_url = lines[-2].split()[-1].replace("127.0.0.1", "localhost")
    return Mock(service, http_url, https_url, Path(lines[0].removeprefix("CA certificate: "))), end


@pytest.fixture(scope="module")
def mock() -> Iterator[Mock]:
    """A mock that answers at once and accepts any key."""
    running, end = start_mock(INSTANT)
    yield running
    end()


@pytest.fixture
def make_mock() -> Iterator[Callable[..., Mock]]:
    """Starts mocks with settings of the test's own."""
    ends: list[Callable[[], None]] = []

    def make(settings: Settings = INSTANT, faults: tuple[Fault, ...] = ()) -> Mock:
        running, end = start_mock(settings, faults)
        ends.append(end)
        return running

    yield make
    for end in ends:
        end()
