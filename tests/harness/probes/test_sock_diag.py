"""TCP sockets asked of the kernel."""

from __future__ import annotations

import os
import socket
import struct

import pytest

from harness.probes.sock_diag import Connection, TcpState, _take, tcp_connections


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_listener_and_its_connection_are_told(family: socket.AddressFamily, host: str) -> None:
    """By inode, with state and port, in both families."""
    if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with (
        socket.create_server((host, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
        server.accept()[0],
    ):
        found = tcp_connections()
        port = server.getsockname()[1]
        own = (found[os.fstat(server.fileno()).st_ino], found[os.fstat(client.fileno()).st_ino])

    assert own == (
        Connection(TcpState.LISTEN, port),
        Connection(TcpState.ESTABLISHED, own[1].local_port),
    )


def test_a_refusal_of_the_kernel_is_an_error() -> None:
    """The caller then reads what the kernel prints."""
    refusal = struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -2)

    with pytest.raises(FileNotFoundError):
        _take(refusal, {})
