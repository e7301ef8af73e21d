"""Sockets of a set of processes, counted by their state."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.probes.procfs import PROC

_ESTABLISHED, _CLOSE_WAIT, _LISTEN = b"01", b"08", b"0A"  # include/net/tcp_states.h


@dataclass(frozen=True, slots=True)
class Sockets:
    """``all_count`` has every kind of socket (also Unix and UDP); the others are of TCP."""

    all_count: int
    established_count: int
    close_wait_count: int
    listen_count: int


@dataclass(frozen=True, slots=True)
class _Connection:
    state: bytes
    local_port: int


def read_sockets(pids: Sequence[int], proc: Path = PROC) -> Sockets:
    """The sockets that ``pids`` hold, each once. Raises OSError for a process of another user, or an ended one."""
    inodes: set[bytes] = set()
    for pid in pids:
        inodes |= _socket_inodes(f"{proc}/{pid}/fd".encode())
    connections = _tcp_connections(Path(proc, str(pids[0]), "net")) if pids else {}
    held = [connections[inode].state for inode in inodes if inode in connections]
    return Sockets(len(inodes), held.count(_ESTABLISHED), held.count(_CLOSE_WAIT), held.count(_LISTEN))


def listening_ports(pid: int, proc: Path = PROC) -> set[int]:
    """The TCP ports that process ``pid`` listens on. Raises OSError as above."""
    connections = _tcp_connections(Path(proc, str(pid), "net"))
    held = [connections[inode] for inode in _socket_inodes(f"{proc}/{pid}/fd".encode()) if inode in connections]
    return {connection.local_port for connection in held if connection.state == _LISTEN}


def _socket_inodes(folder: bytes) -> set[bytes]:
    inodes: set[bytes] = set()
    for name in os.listdir(folder):
        try:
            target = os.readlink(folder + b"/" + name)
        except FileNotFoundError:  # closed in between
            continue
        if target.startswith(b"socket:["):
            inodes.add(target[8:-1])
    return inodes


def _tcp_connections(folder: Path) -> dict[bytes, _Connection]:
    """Every TCP socket in the network namespace of ``folder``, by inode."""
    connections: dict[bytes, _Connection] = {}
    for name in ("tcp", "tcp6"):
        try:
            lines = (folder / name).read_bytes().splitlines()[1:]
        except FileNotFoundError:  # no IPv6 here
            continue
        for line in lines:
            fields = line.split()
            connections[fields[9]] = _Connection(fields[3], int(fields[1].rpartition(b":")[2], 16))
    return connections
