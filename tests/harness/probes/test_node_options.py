"""What a Node.js process was told, read from any process: the words are the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.probes.node_options import node_options, told_inspector_port
from tests.support.target_processes import answer, process

WAITS = "print('up', flush=True); input()"


@contextmanager
def started(*words: str) -> Iterator[int]:
    """A process that waits, with ``words`` behind its program."""
    with process([sys.executable, "-c", WAITS, *words]) as child:
        answer(child)
        yield child.pid


def test_words_are_those_of_the_command_line_and_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order; the variable's are split."""
    monkeypatch.setenv("NODE_OPTIONS", "--max-old-space-size=200  --trace-gc")
    with started("server.js") as pid:
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
