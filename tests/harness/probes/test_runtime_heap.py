"""Which heaps the processes of a target have."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.probes.runtime_heap import RuntimeHeap, runtime_heap
from tests.support.target_processes import go_stand_in, java_stand_in, process, python_process


def test_heaps_below_a_wrapper_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by a shell, told by variables: the limits of two heaps add up, and Go may hold half as garbage."""
    java, go = java_stand_in(tmp_path), go_stand_in(tmp_path)
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx300m")
    waits = "-c 'echo up; sleep 60; :'"
    with process(["/bin/sh", "-c", f"{java} {waits} & {java} {waits} & {go} {waits} & wait"]) as shell:
        assert shell.stdout is not None
        for _ in range(3):
            shell.stdout.readline()

        assert runtime_heap(shell.pid) == RuntimeHeap(600 * 2**20, 0.5)


def test_a_go_process_that_collects_at_its_limit_only_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``GOGC=off``: like a JVM, it fills what it was given."""
    monkeypatch.setenv("GOGC", "off")
    monkeypatch.setenv("GOMEMLIMIT", "200MiB")
    with process([str(go_stand_in(tmp_path)), "-c", "echo up; read line"]) as child:
        assert child.stdout is not None
        child.stdout.readline()

        assert runtime_heap(child.pid) == RuntimeHeap(200 * 2**20, None)


def test_others_have_none() -> None:
    """Python, and a process that is gone."""
    with python_process("print('up'); input()") as child:
        assert runtime_heap(child.pid) == RuntimeHeap()
    assert runtime_heap(2**22 + 1) == RuntimeHeap()
