"""What the runtimes of a target may take and not give back, leak or none, as far as it is known from outside."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psutil

from harness.probes.go_heap import go_garbage_share, go_heap_limit_bytes
from harness.probes.java_heap import java_heap_limit_bytes
from harness.probes.procfs import PROC

_LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")


@dataclass(frozen=True, slots=True)
class RuntimeHeap:
    """``limit_bytes``: what heaps that are collected when they are full may take, all together. ``garbage_share``: of
    its memory that a heap which is collected in time may hold as garbage. None where no process has such a heap."""

    limit_bytes: float | None = None
    garbage_share: float | None = None


def runtime_heap(pid: int) -> RuntimeHeap:
    """The heaps of the processes at and below ``pid``."""
    try:
        pids = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.Error:
        return RuntimeHeap()
    limits = [limit for each in pids if (limit := _limit_bytes(each)) is not None]
    shares = [share for each in pids if (share := go_garbage_share(each)) is not None]
    return RuntimeHeap(sum(limits) if limits else None, max(shares, default=None))


def _limit_bytes(pid: int) -> float | None:
    memory_bytes = _memory_bytes(pid)
    java_bytes = java_heap_limit_bytes(pid, memory_bytes)
    return go_heap_limit_bytes(pid, memory_bytes) if java_bytes is None else java_bytes


def _memory_bytes(pid: int) -> float:
    """The machine's memory, or less where the process's own container has a limit."""
    most = float(psutil.virtual_memory().total)
    for name in _LIMIT_FILES:
        with suppress(OSError, ValueError):
            most = min(most, float((PROC / str(pid) / "root/sys/fs/cgroup" / name).read_text()))
    return most
