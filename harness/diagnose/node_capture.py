"""Two heap snapshots of a Node.js target and their difference by constructor.

Over the inspector, in one session so that V8 keeps its objects' numbers; or, where a target only takes a signal
(``--heapsnapshot-signal``), from the files that it writes. The target stands still while V8 takes a snapshot: seconds
for each 100 MB of heap. The files hold every text of the target, so they are readable by their owner only and are
removed after the comparison unless the plan keeps them.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil

from harness.diagnose.room import Moment, OutOfRoom, Room
from harness.diagnose.suspects import Finding
from harness.errors import ProbeError
from harness.probes.command_line import program
from harness.probes.inspector import open_session
from harness.probes.inspector_place import InspectorPlace
from harness.probes.node_options import node_options
from harness.probes.node_port import INSPECTOR_PORT, open_inspector
from harness.probes.sockets import listening_ports
from harness.units import format_bytes

CONNECT_TIMEOUT_S = 5.0
_MESSAGE_LIMIT_BYTES = 64 * 2**20
_SIGNAL_FLAG = "--heapsnapshot-signal"
_POLL_S = 0.1
_CLOSE_INSPECTOR = "{ const {close} = require('inspector'); setTimeout(close, 100); }"
"""After this session has ended, which ``close`` would wait for. ``require`` is looked up at once: it is there only
while this is evaluated, and an error in a timer ends the target."""
_INTERNAL = ("(", "system / ")
_ANYBODYS = frozenset({"Array", "Map", "Object", "Promise", "Set", "Timeout", "WeakMap", "WeakSet"})
"""Everybody's objects are among these: that something is held by one of them does not say that those of them that are
new are what holds it."""
_AS_MUCH = 0.9
"""What holds so much of what another holds holds as much: both are estimates, and arrays (buffers, texts) of the whole
program are one constructor."""
_MOST_PARTS = 3
_RECEIVE_SLICE_S = 1.0


class NodeCapture:
    """Over the inspector at ``address``, or the one of process ``pid``, which is opened for it and closed again."""

    name = "node heap"

    def __init__(self, address: str | None, pid: int | None, *, keep_files: bool = False) -> None:
        self._place = None if address is None else InspectorPlace(address)
        self._pid, self._keep_files = pid, keep_files
        self._opened_by_us = False
        self._stack = ExitStack()
        self._socket: Any = None
        self._last_number = 0
        self._files: dict[Moment, Path] = {}
        self._growth: Any = None

    def take(self, moment: Moment, room: Room) -> None:
        """One snapshot into the diagnosis' folder. Raises ProbeError."""
        path = room.folder / f"heap-{moment}.heapsnapshot"
        number = None if self._place is not None or self._pid is None else snapshot_signal(self._pid)
        if number is not None and self._pid is not None:
            _take_by_signal(self._pid, number, path, room)
        else:
            self._take_over_inspector(path, room)
        self._files[moment] = path

    def compare(self, room: Room) -> dict[str, Any]:
        """The difference by constructor; numpy is needed from here on only."""
        from harness.diagnose.heap_growth import heap_growth, summary
        from harness.diagnose.heap_snapshot import read_heap

        sizes = {moment.value: path.stat().st_size for moment, path in self._files.items()}
        try:
            before = summary(read_heap(self._files[Moment.BEFORE], room.check))
            self._growth = heap_growth(before, read_heap(self._files[Moment.AFTER], room.check), room.check)
        finally:
            self._remove_files()
        return {**self._growth.to_json(), "snapshot_bytes": sizes}

    def findings(self) -> list[Finding]:
        """The constructors that hold what is new; what they hold stands among their parts. V8's own kinds of object
        (texts, say) stand there only, unless one holds more than every constructor of the program's."""
        rows = [row for row in self._growth.constructors if row.count > 0] if self._growth is not None else []
        own = [row for row in rows if not _is_internal(row)]
        most_bytes = max((row.held_bytes for row in own), default=-1)
        tops = [
            row
            for row in rows
            if (row in own or row.held_bytes > most_bytes) and not any(_is_hidden(row, other) for other in own)
        ]
        return [
            Finding(
                source=self.name,
                what=f"{row.new_count or row.count} × {row.name}",
                count=row.count,
                held_bytes=row.held_bytes,
                held_by=tuple(row.path),
                parts=tuple(_part(part) for part in [part for part in rows if _is_part(part, row)][:_MOST_PARTS]),
                estimate=True,
            )
            for row in tops
        ]

    def remarks(self) -> list[str]:
        """That V8's numbers were lost between the two, where they were."""
        if self._growth is None or self._growth.comparable:
            return []
        return ["the objects of the two heap snapshots have other numbers: counts are compared, new ones are not known"]

    def close(self) -> None:
        """Ends the session, and closes an inspector that was not open before."""
        if self._socket is not None and self._opened_by_us:
            with suppress(Exception):  # it closes with the target at the latest
                self._send("Runtime.evaluate", {"expression": _CLOSE_INSPECTOR, "includeCommandLineAPI": True})
        self._stack.close()
        self._socket = None
        self._remove_files()

    def _remove_files(self) -> None:
        if not self._keep_files:
            for path in self._files.values():
                path.unlink(missing_ok=True)

    def _take_over_inspector(self, path: Path, room: Room) -> None:
        from websockets.exceptions import WebSocketException

        try:
            if self._socket is None:
                self._connect()
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                self._record(file.write, room)
        except (OSError, ValueError, WebSocketException) as error:
            raise ProbeError(f"expected a heap snapshot from the inspector at {self._place}, found: {error}") from error

    def _connect(self) -> None:
        if self._place is None:
            assert self._pid is not None
            before = listening_ports(self._pid)
            self._place = open_inspector(self._pid)
            self._opened_by_us = not listening_ports(self._pid) <= before
        connection = open_session(self._place, CONNECT_TIMEOUT_S, _MESSAGE_LIMIT_BYTES)
        self._socket = self._stack.enter_context(connection)
        self._send("HeapProfiler.enable", {})

    def _record(self, write: Callable[[str], object], room: Room) -> None:
        """Has garbage collected, takes a snapshot, and writes its parts as they come."""
        self._send("HeapProfiler.collectGarbage", {})
        number = self._send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
        left_bytes = room.left_bytes
        while True:
            room.check()
            try:
                message = json.loads(self._socket.recv(timeout=_RECEIVE_SLICE_S))
            except TimeoutError:
                continue
            if message.get("method") == "HeapProfiler.addHeapSnapshotChunk":
                chunk = message["params"]["chunk"]
                left_bytes -= len(chunk)
                if left_bytes < 0:
                    raise OutOfRoom("expected the heap snapshot to fit, found no room left: raise diagnose.max_disk")
                write(chunk)
            elif message.get("id") == number:
                if "error" in message:
                    raise ProbeError(f"expected a heap snapshot, found: {message['error'].get('message')}")
                return

    def _send(self, method: str, params: dict[str, Any]) -> int:
        self._last_number += 1
        self._socket.send(json.dumps({"id": self._last_number, "method": method, "params": params}))
        return self._last_number


def _part(row: Any) -> str:
    count = row.new_count or row.count
    return f"{count} × {row.name} of {format_bytes(row.held_bytes / count)}"


def _is_internal(row: Any) -> bool:
    return bool(row.name.startswith(_INTERNAL))


def _is_hidden(row: Any, other: Any) -> bool:
    """Whether ``other`` is named in ``row``'s stead: it holds it, and its name says whose it is."""
    return other.name not in _ANYBODYS and _is_part(row, other)


def _is_part(row: Any, other: Any) -> bool:
    """Whether ``row``'s objects are held by ``other``'s, which then hold as much."""
    return other.held_bytes >= _AS_MUCH * row.held_bytes and _is_below(row, other)


def _is_below(row: Any, other: Any) -> bool:
    """Whether ``row``'s objects are held by those of ``other``: its path goes through them.

    Where either's goes through the other (sessions in an array, with arrays of their own), the one whose path goes on
    as the other's is below it.
    """
    if row is other or not any(step.endswith(f" of {other.name}") for step in row.path):
        return False
    if not any(step.endswith(f" of {row.name}") for step in other.path):
        return True
    return len(row.path) > len(other.path) and tuple(row.path[-len(other.path) :]) == tuple(other.path)


def find_node(pid: int) -> int | None:
    """The Node.js process at or below ``pid`` that holds most memory; None where there is none."""
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    sizes: dict[int, int] = {}
    for process in processes:
        with suppress(psutil.Error, OSError):
            if program(process.pid).startswith("node"):
                sizes[process.pid] = process.memory_info().rss
    return max(sizes, key=lambda each: sizes[each]) if sizes else None


def snapshot_signal(pid: int) -> signal.Signals | None:
    """The signal on which process ``pid`` writes a heap snapshot, as its command line or NODE_OPTIONS say."""
    words = node_options(pid)
    for at, word in enumerate(words):
        name = ""
        if word.startswith(f"{_SIGNAL_FLAG}="):
            name = word.partition("=")[2]
        elif word == _SIGNAL_FLAG and at + 1 < len(words):
            name = words[at + 1]
        if name in signal.Signals.__members__:
            return signal.Signals[name]
    return None


def wants_usual_port(pid: int) -> bool:
    """Whether process ``pid``'s inspector would open on Node.js's usual port of this machine's network."""
    if InspectorPlace.of_process(pid, INSPECTOR_PORT).network_pid is not None:
        return False
    return not any(word.startswith(("--inspect-port", "--debug-port")) for word in node_options(pid))


def _take_by_signal(pid: int, number: signal.Signals, path: Path, room: Room) -> None:
    """Sends the signal and waits for the file that the target writes into its own folder."""
    wait = threading.Event().wait
    folder = Path(f"/proc/{pid}/cwd")  # not resolved: a container's folders have other names here, or none
    known = set(folder.glob("*.heapsnapshot"))
    began_s = time.time()
    try:
        os.kill(pid, number)
    except OSError as error:
        raise ProbeError(f"expected to send {number.name} to process {pid}, found: {error.strerror}") from error
    while True:
        room.check()
        for written in set(folder.glob("*.heapsnapshot")) - known:
            if written.stat().st_mtime >= began_s - 1 and _is_whole(written):
                if written.stat().st_size > room.left_bytes:
                    written.unlink()
                    raise OutOfRoom("expected the heap snapshot to fit, found no room left: raise diagnose.max_disk")
                _move(written, path)
                return
        wait(_POLL_S)


def _is_whole(path: Path) -> bool:
    """V8 writes a snapshot from front to back; its last member is the list of strings."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16))
        return file.read().rstrip().endswith(b"]}")


def _move(written: Path, path: Path) -> None:
    import shutil

    shutil.move(written, path)
    path.chmod(0o600)
