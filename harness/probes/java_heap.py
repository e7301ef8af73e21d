"""How much memory the heap of a Java process may take before it has to give any back.

A JVM collects when its heap is full, not when there is garbage: under load a clean one takes more and more memory, at a
steady pace, until the heap is as large as it may be. To the operating system that is a leak like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.probes.command_line import command_line, program, variable

USUAL_SHARE = 0.25
"""Of the machine's memory or the container's limit, where no option says otherwise (HotSpot, ``MaxRAMPercentage``)."""
_SIZE = re.compile(r"(?:-Xmx|-XX:MaxHeapSize=)(\d+)([kmgt]?)", re.IGNORECASE)
_SHARE = re.compile(r"-XX:MaxRAMPercentage=(\d+(?:\.\d+)?)")
_FACTORS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def java_heap_limit_bytes(pid: int, memory_bytes: float) -> float | None:
    """The most that the heap of the Java process ``pid`` may take, of ``memory_bytes``; None for any other process."""
    return heap_limit_of(_options(pid), memory_bytes) if program(pid) == "java" else None


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
