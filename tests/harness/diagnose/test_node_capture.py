"""Tests of ``harness.diagnose.node_capture``: a real Node.js process that keeps its buffers."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from harness.diagnose.node_capture import NodeCapture, find_node, snapshot_signal
from harness.diagnose.room import Moment, OutOfRoom, Room
from harness.errors import ProbeError
from harness.probes.sockets import listening_ports
from tests.support.target_processes import answer, as_in_a_container, process, python_process, tell

pytestmark = [pytest.mark.slow]

MODULE = """
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
"""
LEAK = """
process.debugPort = 0;
class Chunk { constructor() { this.audio = Buffer.alloc(50618, 1); } }
const responseHistory = [];
require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  for (let i = 0; i < Number(line); i++) responseHistory.push(new Chunk());
  console.log('ok');
});
console.log('ready');
"""


def _room(folder: Path, *, seconds: float = 50.0, disk_bytes: float = 1e9) -> Room:
    return Room(folder, time.monotonic() + seconds, disk_bytes, lambda: None)


@pytest.mark.parametrize(
    ("flags", "program", "contained"),
    [
        ((), "leak.js", False),
        ((), "leak.js", True),
        ((), "leak.mjs", False),
        (("--heapsnapshot-signal=SIGUSR2",), "leak.js", False),
        (("--heapsnapshot-signal=SIGUSR2",), "leak.js", True),
    ],
    ids=["inspector", "inspector in a container", "inspector of a module", "signal", "signal in a container"],
)
def test_the_constructor_and_the_path_are_named(
    tmp_path: Path, flags: tuple[str, ...], program: str, contained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened by SIGUSR1 and closed again, or written on a signal; the files do not stay, and the target lives on.

    In a container too, whose 127.0.0.1 and whose folders are others than this machine's. A program from a file, as
    services are: ``node -e`` alone has ``require`` everywhere.
    """
    for name in ("cwd", "shown", "diagnosis"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    room = _room(tmp_path / "diagnosis")
    code = tmp_path / program
    code.write_text(MODULE * program.endswith(".mjs") + LEAK)
    words = ["node", *flags, str(code)]
    if contained:
        words = as_in_a_container(words, tmp_path / "cwd", tmp_path / "shown")
    with process(words) as child:
        answer(child)
        tell(child, "10")
        before_ports = listening_ports(child.pid)
        capture = NodeCapture(None, child.pid)
        try:
            capture.take(Moment.BEFORE, room)
            tell(child, "100")
            capture.take(Moment.AFTER, room)
            capture.compare(room)
            findings = capture.findings()
        finally:
            capture.close()
        while listening_ports(child.pid) != before_ports:  # it closes a moment later; the test's own limit ends this
            tell(child, "0")
        tell(child, "1")  # it lives, and is not held by a debugger
        assert child.poll() is None

    assert findings[0].what == "100 × Chunk"
    assert findings[0].held_bytes == pytest.approx(100 * 50_800, rel=0.02)
    assert findings[0].held_by[1].startswith("responseHistory of ")
    assert any("× Buffer of 50." in part for part in findings[0].parts)
    assert list(tmp_path.rglob("*.heapsnapshot")) == []


def test_a_snapshot_that_does_not_fit_is_given_up(tmp_path: Path) -> None:
    """The disk is the user's."""
    with process(["node", "-e", LEAK]) as child:
        answer(child)
        capture = NodeCapture(None, child.pid)
        with pytest.raises(OutOfRoom, match="max_disk"):
            capture.take(Moment.BEFORE, _room(tmp_path, disk_bytes=100_000))
        capture.close()


def test_an_inspector_that_is_not_there_says_so(tmp_path: Path) -> None:
    """Nobody listens at that port."""
    capture = NodeCapture("127.0.0.1:1", None)
    with pytest.raises(ProbeError, match="expected an answer from"):
        capture.take(Moment.BEFORE, _room(tmp_path))
    capture.close()


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_which_process_is_node_and_on_which_signal_it_writes() -> None:
    """Below a shell too; a process of another program is none."""
    with process(
        ["sh", "-c", "node --heapsnapshot-signal SIGUSR2 -e \"console.log('x');process.stdin.on('data',()=>{})\"; true"]
    ) as shell:
        answer(shell)
        found = find_node(shell.pid)
        assert found is not None
        assert found != shell.pid
        assert snapshot_signal(found) is signal.SIGUSR2
    with python_process("print('ready'); import sys; sys.stdin.read()") as child:
        assert find_node(child.pid) is None
        assert snapshot_signal(child.pid) is None
    assert find_node(2**22 + 7) is None


def test_another_user_s_node_is_known_by_how_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its program may not be looked at; that it is Node.js, and needs root, must be said all the same."""

    def refused(path: str) -> str:
        raise PermissionError(13, "Permission denied", path)

    with process(["node", "--heapsnapshot-signal=SIGUSR2", "-e", LEAK]) as child:
        answer(child)
        monkeypatch.setattr("harness.diagnose.node_capture.os.readlink", refused)
        monkeypatch.setattr(psutil.Process, "environ", lambda self: refused("environ"))

        assert find_node(child.pid) == child.pid
        assert snapshot_signal(child.pid) is signal.SIGUSR2


def test_what_is_in_the_leaking_objects_is_no_suspect_beside_them() -> None:
    """Abandoned sessions stand in an array and have arrays themselves: the sessions are the suspect."""
    capture = NodeCapture(None, None)
    growth = SimpleNamespace(
        comparable=True,
        constructors=[
            _grown("Session", 48, 400_000, ("[…] of Array", "abandoned of Registry", "the roots")),
            _grown("Array", 206, 206_000, ("turns of Session", "[…] of Array", "abandoned of Registry", "the roots")),
            _grown(
                "Buffer", 144, 144_000, ("[…] of Array", "sent of Session", "[…] of Array", "abandoned of Registry")
            ),
        ],
    )
    capture._growth = growth

    (finding,) = capture.findings()

    assert finding.what == "48 × Session"
    assert finding.parts == ("206 × Array of 1.00 kB", "144 × Buffer of 1.00 kB")


def _tops(*rows: SimpleNamespace) -> list[str]:
    capture = NodeCapture(None, None)
    capture._growth = SimpleNamespace(comparable=True, constructors=list(rows))
    return [finding.what for finding in capture.findings()]


_ABANDONED = ("[…] of Array", "raw of Call", "[…] of Array", "abandoned of system / Context", "context of (closure)()")
_POOLED = ("timeout of Parser", "parser of Socket", "[…] of Array", "clients of Pool", "the roots")


def test_containers_and_what_holds_less_hide_nobody() -> None:
    """As a server with a pool of sockets was found: the buffers of abandoned calls lie in an array below a timer, and
    arrays and timers elsewhere have grown by a few kilobytes."""
    buffers = _grown("Buffer", 116, 63_288_590, (*_ABANDONED, "_onTimeout of Timeout", "[…] of Object", "the roots"))
    data = _grown("ArrayBuffer", 116, 63_277_454, ("buffer of Buffer", *buffers.path))
    arrays = _grown("Array", 1256, 12_414_174, ("listeners of Socket", "clients of Pool", "the roots"))
    sockets = _grown("Socket", 83, 294_000, ("[…] of Array", "clients of Pool", "the roots"))
    timers = _grown("Timeout", 54, 69_720, _POOLED)
    calls = _grown("Call", 29, 12_000, ("[…] of Array", "abandoned of system / Context", "the roots"))

    assert _tops(buffers, data, arrays, sockets, timers, calls)[:2] == ["116 × Buffer", "1256 × Array"]
    assert "54 × Timeout" not in _tops(buffers, data, arrays, sockets, timers, calls)


def test_what_holds_less_than_another_has_not_got_it_for_a_part() -> None:
    """Some object lies on the way to the buffers; those that are new do not hold them."""
    capture = NodeCapture(None, None)
    buffers = _grown("Buffer", 116, 63_288_590, (*_ABANDONED, "request of Object", "the roots"))
    capture._growth = SimpleNamespace(
        comparable=True, constructors=[buffers, _grown("Object", 353, 173_704, ("context of Client", "the roots"))]
    )

    assert [finding.parts for finding in capture.findings()] == [(), ()]


def test_texts_that_hold_more_than_every_constructor_are_named() -> None:
    """A map of texts: what the program's own constructors grew by is nothing beside it. A text within something of the
    program's that holds more is a part of that."""
    texts = _grown("(string)", 900, 45_000_000, ("[…] of (array)", "table of Map", "cache of Registry", "the roots"))
    objects = _grown("Object", 3, 2_000, ("[…] of Array", "the roots"))
    sessions = _grown("Session", 9, 50_000_000, ("[…] of (array)", "table of Map", "the roots"))

    assert _tops(texts, objects) == ["900 × (string)", "3 × Object"]
    assert _tops(sessions, texts, objects) == ["9 × Session", "3 × Object"]


_SERVER = """
process.debugPort = 0;
class Call {
  constructor() {
    this.raw = [Buffer.alloc(50000, 1), Buffer.alloc(50000, 2)];
    this.log = ['a line for ' + Math.random()];
  }
}
const abandoned = [], pool = new Map();
function answer(number) {
  abandoned.push(new Call());
  for (let i = 0; i < 5; i++) pool.set(`${number} ${i}`, {recent: [{number}, {i}], seen: [[number], [i]]});
  setTimeout(() => {}, 2 ** 30).unref();
}
require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  for (let i = 0; i < Number(line); i++) answer(pool.size);
  console.log('ok');
});
console.log('ready');
"""


def test_the_class_whose_objects_pile_up_is_found_among_growing_containers(tmp_path: Path) -> None:
    """A real process: arrays, objects and timers grow elsewhere too, in greater number than the calls."""
    room = _room(tmp_path)
    (tmp_path / "server.js").write_text(_SERVER)
    with process(["node", str(tmp_path / "server.js")]) as child:
        answer(child)
        tell(child, "10")
        capture = NodeCapture(None, child.pid)
        try:
            capture.take(Moment.BEFORE, room)
            tell(child, "60")
            capture.take(Moment.AFTER, room)
            capture.compare(room)
            findings = capture.findings()
        finally:
            capture.close()

    assert findings[0].what == "60 × Call"
    assert findings[0].held_bytes == pytest.approx(60 * 100_800, rel=0.02)
    assert findings[0].held_by[1].startswith("abandoned of ")
    assert any("× Buffer of " in part for part in findings[0].parts)
    assert all(finding.held_bytes < 0.02 * findings[0].held_bytes for finding in findings[1:])


def _grown(name: str, count: int, held_bytes: int, path: tuple[str, ...]) -> SimpleNamespace:
    return SimpleNamespace(name=name, count=count, new_count=count, held_bytes=held_bytes, path=path)
