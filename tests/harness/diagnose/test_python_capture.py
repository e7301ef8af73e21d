"""Tests of ``harness.diagnose.python_capture``: two censuses of a scripted service and their difference."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.diagnose.python_capture import PythonCapture, trim
from harness.diagnose.room import Moment, Room
from harness.errors import ProbeError
from tests.support.scripted_server import http, scripted


def _room(folder: Path) -> Room:
    return Room(folder, time.monotonic() + 20, 10**8, lambda: None)


def _row(path: str, type_name: str, count: int, size: int) -> dict[str, Any]:
    return {"path": path, "type": type_name, "count": count, "bytes": size}


def _answers(answer: Callable[[str, str], bytes]) -> Callable[[socket.socket], None]:
    """A script that answers each request of a connection by its method and path."""

    def script(connection: socket.socket) -> None:
        while head := connection.recv(65_536).decode():
            method, path, _ = head.split(" ", 2)
            connection.sendall(answer(method, path))

    return script


def _growing() -> Callable[[socket.socket], None]:
    censuses = [
        {"objects": [_row("app.kept[…]", "bytes", 2, 2_000), _row("app.other[…]", "str", 5, 500)], "cycles": []},
        {
            "objects": [
                _row("app.kept[…]", "bytes", 12, 502_000),
                _row("app.kept", "list", 1, 800),
                _row("app.other[…]", "str", 5, 500),
            ],
            "cycles": [_row("", "_Reading", 3, 1_600_000), _row("", "tuple", 1, 64)],
        },
    ]
    lines: list[list[dict[str, Any]]] = [[], [{"file": "app.py", "line": 7, "count": 10, "bytes": 500_000}]]

    def answer(method: str, path: str) -> bytes:
        if path == "/debug/objects":
            return http(json.dumps(censuses.pop(0)).encode())
        if method == "GET":
            return http(json.dumps({"tracing": True, "lines": lines.pop(0)}).encode())
        return http(json.dumps({"tracing": method == "POST"}).encode())

    return _answers(answer)


def test_what_grew_is_named_by_path_and_line(tmp_path: Path) -> None:
    """The structure with all that is under it; what only the collector frees is a remark."""
    room = _room(tmp_path)
    with scripted(_growing()) as server:
        capture = PythonCapture(server.url)
        capture.take(Moment.BEFORE, room)
        capture.take(Moment.AFTER, room)
        evidence = capture.compare(room)
        (finding,) = capture.findings()
        capture.close()

    assert evidence["grown"][0] == _row("app.kept[…]", "bytes", 10, 500_000)
    assert evidence["lines"] == [{"file": "app.py", "line": 7, "count": 10, "bytes": 500_000}]
    assert (finding.what, finding.held_bytes, finding.held_by) == ("app.kept", 500_800, ("kept", "app"))
    assert finding.parts[0] == "10 × bytes of 50.0 kB at app.kept[…]"
    assert capture.remarks() == [
        "freed only by the cyclic collector: 3 × _Reading, 1.60 MB; a taller sawtooth, not a leak"
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http(b"{}", "404 Not Found"), "found 404"),
        (http(b"<html>"), "JSON answer"),
        (http(b"[]"), "JSON object"),
        (http(b'{"objects": [{"path": 3}], "cycles": []}'), "census of objects"),
        (b"", "JSON answer"),
    ],
    ids=["404", "html", "list", "rows", "nothing"],
)
def test_a_target_that_offers_no_census_says_why(tmp_path: Path, answer: bytes, reason: str) -> None:
    """Every other service in the world: one reason, and no more."""

    def script(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)

    with scripted(script) as server:
        capture = PythonCapture(server.url)
        with pytest.raises(ProbeError, match=reason):
            capture.take(Moment.BEFORE, _room(tmp_path))
        capture.close()


def test_without_traces_the_census_is_still_worth_it(tmp_path: Path) -> None:
    """A service may offer the one and not the other."""

    def answer(method: str, path: str) -> bytes:
        if path == "/debug/objects":
            return http(b'{"objects": [], "cycles": []}')
        return http(b"{}", "405 Method Not Allowed")

    room = _room(tmp_path)
    with scripted(_answers(answer)) as server:
        capture = PythonCapture(server.url)
        capture.take(Moment.BEFORE, room)
        capture.take(Moment.AFTER, room)
        evidence = capture.compare(room)
        capture.close()

    assert evidence == {"grown": [], "freed_only_by_the_collector": [], "lines": []}
    assert capture.findings() == []


def test_without_a_census_lines_are_the_suspects(tmp_path: Path) -> None:
    """A service that only traces names where what stays was allocated, and it is said that holders are not known."""
    lines: list[list[dict[str, Any]]] = [[], [{"file": "/srv/app/voice.py", "line": 7, "count": 10, "bytes": 500_000}]]

    def answer(method: str, path: str) -> bytes:
        if path != "/debug/tracemalloc":
            return http(b"", "404 Not Found")
        return http(
            json.dumps({"tracing": method != "DELETE", "lines": lines.pop(0) if method == "GET" else []}).encode()
        )

    room = _room(tmp_path)
    with scripted(_answers(answer)) as server:
        capture = PythonCapture(server.url)
        capture.take(Moment.BEFORE, room)
        capture.take(Moment.AFTER, room)
        evidence = capture.compare(room)
        (finding,) = capture.findings()
        capture.close()

    assert (evidence["grown"], len(evidence["lines"])) == ([], 1)
    assert (finding.what, finding.held_bytes) == ("what app/voice.py:7 allocated", 500_000)
    assert "who holds it is not known: expected 200 from" in capture.remarks()[0]


def test_trimming_is_asked_for(tmp_path: Path) -> None:
    """Resident bytes before and after; a target that cannot is no error."""
    answers = [http(b'{"trimmed": true, "before": 9, "after": 7}'), http(b"", "404 Not Found"), http(b"x")]
    with scripted(_answers(lambda method, path: answers.pop(0))) as server:
        assert trim(server.url) == {"trimmed": True, "before": 9, "after": 7}
        assert trim(server.url) == {}
        with pytest.raises(ProbeError, match="trim"):
            trim(server.url)
