"""What is made of an engine's answers, and of an engine that does not answer."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ProbeError
from harness.probes import engine
from harness.probes.engine import DockerEngine, EngineEvent, LogSlice, event_of, parse_time_s, state_of, without_headers
from tests.support.scripted_server import http, scripted

RUNNING: dict[str, Any] = {
    "Id": "47dc",
    "Name": "/backend",
    "RestartCount": 2,
    "LogPath": "/var/lib/docker/containers/47dc/47dc-json.log",
    "HostConfig": {"Memory": 67108864},
    "State": {
        "Running": True,
        "Restarting": False,
        "OOMKilled": False,
        "Pid": 18828,
        "ExitCode": 0,
        "StartedAt": "2026-11-22T16:40:57.552376169Z",
    },
}


def test_state_of_a_running_container() -> None:
    """Pid, start, limit and restarts are taken over; an exit code is not there yet."""
    state = state_of(RUNNING)

    assert (state.running, state.pid, state.exit_code) == (True, 18828, None)
    assert (state.name, state.restarts_count, state.memory_limit_bytes) == ("backend", 2, 67108864)


def test_state_of_a_container_between_two_starts() -> None:
    """The engine says running and restarting at once: nobody is there to be read."""
    state = state_of(RUNNING | {"State": RUNNING["State"] | {"Restarting": True, "Pid": 0, "ExitCode": 137}})

    assert (state.running, state.pid, state.exit_code) == (False, None, 137)


def test_no_limit_is_none() -> None:
    """The engine's 0 means no limit."""
    assert state_of(RUNNING | {"HostConfig": {"Memory": 0}}).memory_limit_bytes is None


@pytest.mark.parametrize(
    ("killed", "expected"),
    [
        (True, "container backend was killed out of memory (exit code 137)"),
        (False, "container backend is not running (exit code 137)"),
    ],
)
def test_why_not_running(killed: bool, expected: str) -> None:
    """An out-of-memory kill is told from any other end."""
    ended = RUNNING["State"] | {"Running": False, "Pid": 0, "ExitCode": 137, "OOMKilled": killed}

    assert state_of(RUNNING | {"State": ended}).why_not_running() == expected


def test_event_with_exit_code() -> None:
    """The exit code of a die event is a number."""
    item = {"Action": "die", "timeNano": 1_700_000_000_500_000_000, "Actor": {"Attributes": {"exitCode": "137"}}}

    assert event_of(item) == EngineEvent(1_700_000_000.5, "die", 137)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("1970-01-01T00:00:01.500000999Z", 1.5),
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T02:00:01.25+02:00", 1.25),
        ("", None),
        ("yesterday", None),
    ],
)
def test_stamps_with_nanoseconds(stamp: str, expected: float | None) -> None:
    """Engines write nine digits, with Z or an offset; anything else is no time."""
    assert parse_time_s(stamp) == expected


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("listened_once", [False, True])
def test_no_engine_is_one_line_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listened_once: bool
) -> None:
    """The reason names the address and what to set, and no socket is left to the collector."""
    address = tmp_path / "engine.sock"
    if listened_once:  # an engine that has ended leaves its file
        with socket.socket(socket.AF_UNIX) as engine_socket:
            engine_socket.bind(str(address))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{address}")

    with pytest.raises(ProbeError, match=r"expected a container engine.*engine\.sock.*DOCKER_HOST"):
        DockerEngine()

    gc.collect()


EVENT = b'{"Action": "die", "timeNano": 1700000000500000000, "Actor": {"Attributes": {"exitCode": "137"}}}'
INSPECTED = b'{"Config": {"Tty": false}}'
FRAMES = b"\1\0\0\0\0\0\0\4out\n" + b"\2\0\0\0\0\0\0\4err\n"


def request_of(connection: socket.socket) -> str:
    """The path of the next request; empty at the connection's end."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65_536)
        if not piece:
            return ""
        head += piece
    return head.split()[1].decode()


@contextmanager
def engine_that(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[socket.socket, str], None], timeout_s: float = 10.0
) -> Iterator[DockerEngine]:
    """An engine that says who it is and then does to each further request what ``answer`` says."""

    def serve(connection: socket.socket) -> None:
        while path := request_of(connection):
            if path.endswith("/version"):
                connection.sendall(http(b'{"ApiVersion": "1.41"}'))
            elif path.endswith("/info"):
                connection.sendall(http(b'{"SystemTime": "2026-11-22T16:40:57Z"}'))
            else:
                answer(connection, path)

    with scripted(serve) as server:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.port}")
        monkeypatch.delenv("DOCKER_TLS_VERIFY", raising=False)
        docker_engine = DockerEngine()
        monkeypatch.setattr(engine, "TIMEOUT_S", timeout_s)
        docker_engine.client.api.timeout = timeout_s  # type: ignore[assignment]  # requests takes fractions
        try:
            yield docker_engine
        finally:
            docker_engine.close()


def answer_all(connection: socket.socket, path: str) -> None:
    if "/events?" in path:
        connection.sendall(http(EVENT + b"\n" + EVENT.replace(b"1700000000", b"1700000009") + b"\n"))
    elif "/logs?" in path:
        connection.sendall(http(FRAMES))
    else:
        connection.sendall(http(INSPECTED))


def test_events_of_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those inside the window, whatever the engine adds to it."""
    with engine_that(monkeypatch, answer_all) as docker_engine:
        events = docker_engine.events("47dc", 1_700_000_000.0, 1_700_000_002.0)

    assert events == (EngineEvent(1_700_000_000.5, "die", 137),)


def test_log_of_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both streams, without the frames around them."""
    with engine_that(monkeypatch, answer_all) as docker_engine:
        assert docker_engine.log("47dc", 1.0, 2.0) == LogSlice(b"out\nerr\n", is_whole=True)


@pytest.mark.parametrize(("name", "bound"), [("LOG_SLICE_BYTES", 10), ("LOG_SLICE_LINES", 2)])
def test_a_slice_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch, name: str, bound: int) -> None:
    """By lines or by bytes; older lines, or later ones, are missing."""
    monkeypatch.setattr(engine, name, bound)
    with engine_that(monkeypatch, answer_all) as docker_engine:
        assert not docker_engine.log("47dc", 1.0, 2.0).is_whole


def test_frames_that_are_cut_short() -> None:
    """A slice ends where its bound says, in the middle of a frame too."""
    assert [without_headers(FRAMES[:length]) for length in (0, 5, 10, 12, 15)] == [b"", b"", b"ou", b"out\n", b"out\n"]


def refuse(connection: socket.socket, path: str) -> None:
    connection.sendall(http(b'{"message": "no such container"}', "404 Not Found"))


def fall_silent(connection: socket.socket, path: str) -> None:
    """Says nothing until the other side gives up."""
    connection.recv(1)


def begin_and_fall_silent(connection: socket.socket, path: str) -> None:
    if path.endswith("/json"):
        connection.sendall(http(INSPECTED))
    else:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\1\0\0\0\r\n")
        connection.recv(1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refuse, "the engine knows none"),
        (fall_silent, "found no engine that answers"),
        (begin_and_fall_silent, "found no engine that answers"),
        (lambda connection, path: connection.sendall(http(b"no json\n")), "found no engine that answers"),
    ],
)
def test_an_engine_that_does_not_answer(
    answer: Callable[[socket.socket, str], None], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence from the start or in the middle ends in time, for the past as for the log."""
    with engine_that(monkeypatch, answer, timeout_s=0.2) as docker_engine:
        with pytest.raises(ProbeError, match=expected):
            docker_engine.events("47dc", 1.0, 2.0)
        with pytest.raises(ProbeError, match=expected):
            docker_engine.log("47dc", 1.0, 2.0)


def test_an_answer_that_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that never ends is left in time, though never silent for long."""

    def trickle(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1\r\n \r\n")

    monkeypatch.setattr(engine, "ANSWER_S", 0.1)
    with engine_that(monkeypatch, trickle) as docker_engine, pytest.raises(ProbeError, match="TimeoutError"):
        docker_engine.events("47dc", 1.0, 2.0)
