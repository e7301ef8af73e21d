"""Sockets of a set of processes, counted by their state."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.probes.procfs import PROC
from harness.probes.sock_diag import Connection, TcpState, tcp_connections


@dataclass(frozen=True, slots=True)
class Sockets:
    """``all_count`` has every kind of socket (also Unix and UDP); the others are of TCP."""

    all_count: int
    established_count: int
    close_wait_count: int
    listen_count: int


def read_sockets(pids: Sequence[int], proc: Path = PROC) -> Sockets:
    """The sockets that ``pids`` hold, each once. Raises OSError for a process of another user, or an ended one."""
    inodes: set[int] = set()
    for pid in pids:
        inodes |= _socket_inodes(f"{proc}/{pid}/fd")
    connections = _connections(pids[0], proc) if inodes else {}
    states = [connections[inode].state for inode in inodes if inode in connections]
    return Sockets(
        len(inodes),
        states.count(TcpState.ESTABLISHED),
        states.count(TcpState.CLOSE_WAIT),
        states.count(TcpState.LISTEN),
    )


def listening_ports(pid: int, proc: Path = PROC) -> set[int]:
    """The TCP ports that process ``pid`` listens on. Raises OSError as above."""
    connections = _connections(pid, proc)
    held = [connections[inode] for inode in _socket_inodes(f"{proc}/{pid}/fd") if inode in connections]
    return {connection.local_port for connection in held if connection.state == TcpState.LISTEN}


def _socket_inodes(folder: str) -> set[int]:
    inodes: set[int] = set()
    for name in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{name}")
        except FileNotFoundError:  # closed in between
            continue
        if target.startswith("socket:["):
            inodes.add(int(target[8:-1]))
    return inodes


def _connections(pid: int, proc: Path) -> dict[int, Connection]:
    """The TCP sockets of the network namespace of ``pid``, by inode."""
    try:
        if os.readlink(f"{proc}/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            return tcp_connections()
    except OSError:  # not ours to compare, or a kernel without sock_diag
        pass
    return _printed_connections(Path(proc, str(pid), "net"))


def _printed_connections(folder: Path) -> dict[int, Connection]:
    """The same as the kernel prints it, for another namespace (a process in a container)."""
    connections: dict[int, Connection] = {}
    for name in ("tcp", "tcp6"):
        try:
            lines = (folder / name).read_bytes().splitlines()[1:]
        except FileNotFoundError:  # no IPv6 here
            continue
        for line in lines:
            fields = line.split()
            port = int(fields[1].rpartition(b":")[2], 16)
            connections[int(fields[9])] = Connection(int(fields[3], 16), port)
    return connections
