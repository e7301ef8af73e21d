"""How much memory the heap of a Java process may take before it has to give any back.

A JVM collects when its heap is full, not when there is garbage: under load a clean one takes more and more memory, at a
steady pace, until the heap is as large as it may be. To the operating system that is a leak like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

import psutil

from harness.probes.command_line import command_line, program, variable
from harness.probes.procfs import PROC

USUAL_SHARE = 0.25
"""Of the machine's memory or the container's limit, where no option says otherwise (HotSpot, ``MaxRAMPercentage``)."""
_SIZE = re.compile(r"(?:-Xmx|-XX:MaxHeapSize=)(\d+)([kmgt]?)", re.IGNORECASE)
_SHARE = re.compile(r"-XX:MaxRAMPercentage=(\d+(?:\.\d+)?)")
_FACTORS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")


def java_heap_limit_bytes(pid: int) -> float | None:
    """The most that the heaps of the Java processes at and below ``pid`` may take; None where there is none."""
    try:
        root = psutil.Process(pid)
        pids = [pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.Error:
        return None
    limits = [heap_limit_of(_options(each), _memory_bytes(each)) for each in pids if program(each) == "java"]
    return sum(limits) if limits else None


def heap_limit_of(options: Iterable[str], memory_bytes: float) -> float:
    """What ``options`` say of the largest heap on a machine (or in a container) with ``memory_bytes``; the last
    counts."""
    limit, share = None, USUAL_SHARE
    for option in options:
        if (size := _SIZE.fullmatch(option)) is not None:
            limit = float(size[1]) * _FACTORS[size[2].lower()]
        elif (part := _SHARE.fullmatch(option)) is not None:
            share = float(part[1]) / 100.0
    return share * memory_bytes if limit is None else limit


def _options(pid: int) -> list[str]:
    """In the order in which a JVM takes them: what its command line says beats the first two, the last beats all."""
    first, second, last = (
        variable(pid, name).split() for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
    )
    return [*first, *second, *command_line(pid), *last]


def _memory_bytes(pid: int) -> float:
    """The machine's memory, or less where the process's own container has a limit."""
    most = float(psutil.virtual_memory().total)
    for name in _LIMIT_FILES:
        with suppress(OSError, ValueError):
            most = min(most, float((PROC / str(pid) / "root/sys/fs/cgroup" / name).read_text()))
    return most
