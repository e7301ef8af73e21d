"""Finding and opening the inspector of a Node.js process."""

from __future__ import annotations

import shutil

import pytest

from harness.errors import ProbeError
from harness.orchestrate.launch import free_port
from harness.probes.inspector_place import InspectorPlace
from harness.probes.node_port import has_inspector_open, open_inspector
from tests.support.target_processes import node_process, process, python_process

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")


@needs_node
def test_an_open_inspector_is_found() -> None:
    """Where it already listens, in the range that people use, no signal is sent."""
    with process(["node", "--inspect=127.0.0.1:9273", "-e", "console.log('up'); setInterval(() => {}, 1000)"]) as child:
        assert child.stdout is not None
        child.stdout.readline()

        assert open_inspector(child.pid) == InspectorPlace("127.0.0.1:9273")


@needs_node
@pytest.mark.parametrize("option", ["--inspect=127.0.0.1:{}", "--inspect={}"])
def test_an_inspector_is_found_where_it_was_told_to_be(option: str) -> None:
    """On any port: a process that has it open opens no other on a signal."""
    port = free_port()
    with process(["node", option.format(port), "-e", "console.log('up'); setInterval(() => {}, 1000)"]) as child:
        assert child.stdout is not None
        child.stdout.readline()

        assert open_inspector(child.pid) == InspectorPlace(f"127.0.0.1:{port}")
        assert has_inspector_open(child.pid)


@needs_node
def test_a_signal_opens_it() -> None:
    """SIGUSR1, of a process that was started without any option."""
    with node_process("process.debugPort = 0; console.log('up'); setInterval(() => {}, 1000)") as child:
        host, _, port = open_inspector(child.pid).address.rpartition(":")

    assert host == "127.0.0.1"
    assert int(port) > 0


def test_another_program_is_never_signalled() -> None:
    """SIGUSR1 would end it."""
    with python_process("print('up'); input()") as child:
        with pytest.raises(ProbeError, match=r"to run Node\.js, found python"):
            open_inspector(child.pid)

        assert child.poll() is None


@needs_node
def test_a_node_process_that_does_not_take_the_signal_is_spared() -> None:
    """Node.js can be told to leave SIGUSR1 alone; then it would end the process."""
    code = "console.log('up'); setInterval(() => {}, 1000)"
    with process(["node", "--disable-sigusr1", "-e", code]) as child:
        assert child.stdout is not None
        if not child.stdout.readline():
            pytest.skip("this Node.js cannot leave the signal alone")
        with pytest.raises(ProbeError, match="does not take that signal"):
            open_inspector(child.pid)


def test_no_process_is_a_reason() -> None:
    """It may just have ended."""
    with pytest.raises(ProbeError, match="found none"):
        open_inspector(2**22 + 1)
