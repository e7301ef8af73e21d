"""What a Node.js process was told, read from any process: the words are the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.probes.node_options import node_options, told_inspector_port


@contextmanager
def started(*words: str, **variables: str) -> Iterator[int]:
    """A process that waits for its input to end, with ``words`` behind its program."""
    command = [sys.executable, "-c", "print('up', flush=True); input()", *words]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **variables},
    )
    assert child.stdout is not None
    child.stdout.readline()
    try:
        yield child.pid
    finally:
        child.communicate(b"\n")


def test_words_are_those_of_the_command_line_and_of_the_variable() -> None:
    """In this order; the variable's are split."""
    with started("server.js", NODE_OPTIONS="--max-old-space-size=200  --trace-gc") as pid:
        assert node_options(pid)[-3:] == ["server.js", "--max-old-space-size=200", "--trace-gc"]


@pytest.mark.parametrize(
    ("words", "port"),
    [
        (("--inspect=127.0.0.1:9332",), 9332),
        (("--inspect-brk=[::1]:9333",), 9333),
        (("--inspect=9334", "server.js"), 9334),
        (("--inspect-wait=0.0.0.0:1", "--inspect=2"), 2),
        (("--inspect",), None),
        (("--inspect-port=9335",), None),
        (("--inspect=localhost",), None),
    ],
)
def test_the_port_that_was_told(words: tuple[str, ...], port: int | None) -> None:
    """With a host or without; an option that only says where it would open is none that opens it."""
    with started(*words) as pid:
        assert told_inspector_port(pid) == port


def test_no_process_was_told_nothing() -> None:
    """It may just have ended."""
    assert node_options(2**22 + 1) == []
