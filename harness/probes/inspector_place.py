"""Where an inspector listens, and a connection to it: in this process's network, or in that of a container."""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import socket
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.errors import ProbeError
from harness.probes.procfs import PROC

_CLONE_NEWNET = 0x40000000  # sched.h
_LIST_LIMIT_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class InspectorPlace:
    """``address`` is ``HOST:PORT`` in the network of process ``network_pid``; None: in this process's own.

    Node.js opens its inspector on its own 127.0.0.1. In a container with a network of its own that is not this
    machine's, where the same port may be anybody's.
    """

    address: str
    network_pid: int | None = None

    @classmethod
    def of_process(cls, pid: int, port: int) -> InspectorPlace:
        """``port`` as process ``pid`` opened it on loopback."""
        return cls(f"127.0.0.1:{port}", None if _shares_network(pid) else pid)

    def __str__(self) -> str:
        return self.address if self.network_pid is None else f"{self.address} of process {self.network_pid}'s network"

    @property
    def _goal(self) -> tuple[str, int]:
        host, _, port = self.address.rpartition(":")
        if not host or not port.isdecimal():
            raise ProbeError(f"expected HOST:PORT of an inspector such as 127.0.0.1:9229, found {self.address!r}")
        return host.strip("[]"), int(port)

    def connect(self, timeout_s: float) -> socket.socket:
        """An open connection. Raises ProbeError."""
        try:
            if self.network_pid is None:
                return socket.create_connection(self._goal, timeout_s)
            return _connect_in_network_of(self.network_pid, self._goal, timeout_s)
        except PermissionError as error:
            raise ProbeError(
                f"expected to reach the inspector at {self}, found no permission to enter a container's network: "
                "run as root, or start the container with network = 'host'"
            ) from error
        except OSError as error:
            found = "none" if isinstance(error, TimeoutError) else error.strerror or error
            raise ProbeError(
                f"expected an answer from the inspector at {self}, found: {found}; is it running?"
            ) from error

    def websocket_url(self, timeout_s: float) -> str:
        """That of the first inspectable target there; its path, but our host and port (it may know itself by others).

        Raises ProbeError.
        """
        connection = http.client.HTTPConnection(*self._goal, timeout=timeout_s)
        connection.sock = self.connect(timeout_s)
        with closing(connection):
            try:
                connection.request("GET", "/json/list")
                targets = json.loads(connection.getresponse().read(_LIST_LIMIT_BYTES))
                return f"ws://{self.address}{urlsplit(targets[0]['webSocketDebuggerUrl']).path}"
            except TimeoutError as error:
                raise ProbeError(
                    f"expected an answer from the inspector at {self} within {timeout_s:g} s, found none"
                ) from error
            except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
                raise ProbeError(
                    f"expected the inspector of a Node.js process at {self}, found something else"
                ) from error


def _shares_network(pid: int) -> bool:
    """Whether a port that process ``pid`` opens is one of this process's network; so too where nobody may ask."""
    try:
        return os.readlink(f"{PROC}/{pid}/ns/net") == os.readlink("/proc/self/ns/net")
    except OSError:
        return True


def _connect_in_network_of(pid: int, goal: tuple[str, int], timeout_s: float) -> socket.socket:
    """A socket stays in the network that it was made in, and a thread alone can change over: so one does, and ends."""
    outcome: list[socket.socket | OSError] = []

    def work() -> None:
        try:
            _enter_network_of(pid)
            outcome.append(socket.create_connection(goal, timeout_s))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="container-network")
    thread.start()
    thread.join()
    found = outcome[0]
    if isinstance(found, OSError):
        raise found
    return found


def _enter_network_of(pid: int) -> None:
    """For this thread alone. ``os.setns`` is of Python 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    network = os.open(f"{PROC}/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(network, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        with suppress(OSError):
            os.close(network)
