"""Sockets counted by state."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from harness.probes.sock_diag import tcp_connections
from harness.probes.sockets import Sockets, _printed_connections, listening_ports, read_sockets
from tests.support.target_processes import python_process, tell


def test_sockets_are_counted_by_state() -> None:
    """A listener, a connection that is open and one that the peer has closed, and a pair of Unix sockets."""
    code = (
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0)); print(server.getsockname()[1])\n"
        "pair = socket.socketpair(); kept = []\n"
        "while True:\n"
        "    input(); kept.append(server.accept()[0]); print('accepted')"
    )
    with python_process(code.replace("print(server", "print('up'); print(server")) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)):
            tell(child, "accept")
            with socket.create_connection(("127.0.0.1", port)):
                tell(child, "accept")
            found, ports = read_sockets([child.pid]), listening_ports(child.pid)

    assert found == Sockets(all_count=5, established_count=1, close_wait_count=1, listen_count=1)
    assert ports == {port}


def test_a_socket_that_two_processes_hold_counts_once() -> None:
    """A listener inherited by workers is one socket."""
    with socket.create_server(("127.0.0.1", 0)):
        alone = read_sockets([os.getpid()])

        assert read_sockets([os.getpid(), os.getpid()]) == alone


def test_what_the_kernel_prints_agrees_with_what_it_answers() -> None:
    """The way for another network namespace, on sockets of this one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        inode = os.fstat(server.fileno()).st_ino
        printed, answered = _printed_connections(Path("/proc/self/net")), tcp_connections()

    assert printed[inode] == answered[inode]


def test_no_processes_have_no_sockets() -> None:
    """An empty tree is not an error."""
    assert read_sockets([]) == Sockets(0, 0, 0, 0)
