"""Where the inspector of a running Node.js process listens, opening it with SIGUSR1 where it does not."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

from harness.errors import ProbeError
from harness.probes.inspector_place import InspectorPlace
from harness.probes.node_options import told_inspector_port
from harness.probes.procfs import PROC
from harness.probes.sockets import listening_ports

_USUAL_PORTS = range(9200, 9300)
"""Node.js takes 9229 unless told otherwise; people tell it a neighbour."""
INSPECTOR_PORT = 9229
"""Where Node.js opens its inspector unless told otherwise."""
ANY_INSPECTOR_PORT = "start the target with NODE_OPTIONS=--inspect-port=127.0.0.1:0"
"""What has SIGUSR1 open the inspector on a free port, where several Node.js processes share this machine's ports."""
_OPEN_TIMEOUT_S = 5.0
_POLL_S = 0.02
Wait = Callable[[float], object]


def open_inspector(pid: int, wait: Wait | None = None) -> InspectorPlace:
    """Where process ``pid``, of this machine or of a container on it, has its inspector. Raises ProbeError.

    SIGUSR1 ends a process that does not handle it, so it is sent to one that does and runs Node.js, to no other.
    """
    wait = wait or threading.Event().wait
    try:
        before = listening_ports(pid)
        port = _open_port(pid, before)
        if port is not None:
            return InspectorPlace.of_process(pid, port)
        _check_handles_signal(pid)
        os.kill(pid, signal.SIGUSR1)
        deadline_s = time.monotonic() + _OPEN_TIMEOUT_S
        while time.monotonic() < deadline_s:
            opened = listening_ports(pid) - before
            if opened:
                return InspectorPlace.of_process(pid, min(opened))
            wait(_POLL_S)
    except PermissionError:
        raise ProbeError(f"expected to signal process {pid}, found no permission: run as root or as its user") from None
    except (FileNotFoundError, ProcessLookupError):
        raise ProbeError(f"expected a running process {pid}, found none") from None
    raise ProbeError(
        f"expected SIGUSR1 to open the inspector of process {pid} within {_OPEN_TIMEOUT_S:g} s, found no new port: "
        f"another process may hold {INSPECTOR_PORT}: {ANY_INSPECTOR_PORT}; "
        "or it is open elsewhere: name it with --node HOST:PORT"
    )


def has_inspector_open(pid: int) -> bool:
    """Whether process ``pid`` listens where it was told to have its inspector, or where people usually have it."""
    return _open_port(pid, listening_ports(pid)) is not None


def _open_port(pid: int, listening: set[int]) -> int | None:
    told = told_inspector_port(pid)
    if told in listening:
        return told
    return min(listening & set(_USUAL_PORTS), default=None)


def _check_handles_signal(pid: int) -> None:
    program = os.path.basename(os.readlink(f"{PROC}/{pid}/exe"))
    if not program.startswith("node"):
        raise ProbeError(f"expected process {pid} to run Node.js, found {program}: name the pid of the node process")
    for line in (PROC / str(pid) / "status").read_bytes().splitlines():
        if line.startswith(b"SigCgt:") and int(line.split()[1], 16) >> (signal.SIGUSR1 - 1) & 1:
            return
    raise ProbeError(
        f"expected process {pid} to open its inspector on SIGUSR1, found that it does not take that signal: "
        "start it with --inspect"
    )
