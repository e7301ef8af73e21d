"""The TCP sockets of this network namespace, asked of the kernel by state (``sock_diag(7)``).

``/proc/net/tcp`` has the same, but prints every connection in TIME_WAIT too: after a burst of load thousands of lines,
22 ms for 5,000 against 0.9 ms here (measured side by side).
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from enum import IntEnum

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI48x")  # struct inet_diag_req_v2: family, protocol, extensions, states, an empty id
_INODE_OFFSET = 68  # of idiag_inode in struct inet_diag_msg


class TcpState(IntEnum):
    """Of ``include/net/tcp_states.h``, the ones that are counted."""

    ESTABLISHED = 1
    CLOSE_WAIT = 8
    LISTEN = 10


@dataclass(frozen=True, slots=True)
class Connection:
    """A TCP socket: its state (other values than TcpState's may occur) and its port on this side."""

    state: int
    local_port: int


def tcp_connections() -> dict[int, Connection]:
    """Sockets in the states of TcpState by inode. Raises OSError where the kernel does not answer."""
    connections: dict[int, Connection] = {}
    states = sum(1 << state for state in TcpState)
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as asked:
            request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, states)
            asked.send(_HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + request)
            while not _take(asked.recv(1 << 16), connections):
                pass
    return connections


def _take(data: bytes, connections: dict[int, Connection]) -> bool:
    """Adds the sockets that ``data`` describes; True with the last message."""
    start = 0
    while start < len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, start)
        body = start + _HEADER.size
        if kind == _DONE:
            return True
        if kind == _ERROR:
            code = -struct.unpack_from("=i", data, body)[0]
            raise OSError(code, os.strerror(code))
        (inode,) = struct.unpack_from("=I", data, body + _INODE_OFFSET)
        (port,) = struct.unpack_from("!H", data, body + 4)
        connections[inode] = Connection(data[body + 1], port)
        start += (length + 3) & ~3
    return False
