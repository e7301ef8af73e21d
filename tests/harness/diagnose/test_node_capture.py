"""Tests of ``harness.diagnose.node_capture``: a real Node.js process that keeps its buffers."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from harness.diagnose.node_capture import NodeCapture, find_node, snapshot_signal
from harness.diagnose.room import Moment, OutOfRoom, Room
from harness.errors import ProbeError
from harness.probes.sockets import listening_ports
from tests.support.target_processes import answer, as_in_a_container, process, python_process, tell

pytestmark = [pytest.mark.slow]

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


@pytest.mark.parametrize("contained", [False, True], ids=["process", "container"])
@pytest.mark.parametrize("flags", [(), ("--heapsnapshot-signal=SIGUSR2",)], ids=["inspector", "signal"])
def test_the_constructor_and_the_path_are_named(
    tmp_path: Path, flags: tuple[str, ...], contained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened by SIGUSR1 and closed again, or written on a signal; the files do not stay.

    In a container too, whose 127.0.0.1 and whose folders are others than this machine's.
    """
    for name in ("cwd", "shown", "diagnosis"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    room = _room(tmp_path / "diagnosis")
    words = ["node", *flags, "-e", LEAK]
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
