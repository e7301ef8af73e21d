"""What a Node.js process was told when it was started: on its command line and in NODE_OPTIONS."""

from __future__ import annotations

import re
from contextlib import suppress

from harness.probes.procfs import PROC

_INSPECT = re.compile(r"--inspect(?:-brk|-wait)?=(?:.*:)?(\d+)")
_ENVIRONMENT_NAME = b"NODE_OPTIONS="


def node_options(pid: int) -> list[str]:
    """The words that process ``pid`` was started with, those of NODE_OPTIONS included; none where they are secret."""
    words: list[bytes] = []
    with suppress(OSError):
        folder = PROC / str(pid)
        words += (folder / "cmdline").read_bytes().split(b"\0")
        for entry in (folder / "environ").read_bytes().split(b"\0"):
            if entry.startswith(_ENVIRONMENT_NAME):
                words += entry.removeprefix(_ENVIRONMENT_NAME).split()
    return [word.decode("utf-8", "replace") for word in words if word]


def told_inspector_port(pid: int) -> int | None:
    """The port that process ``pid`` was told for its inspector (``--inspect=127.0.0.1:9332``), the last word counts;
    None where it was told none."""
    told = [match for word in node_options(pid) if (match := _INSPECT.fullmatch(word)) is not None]
    return int(told[-1][1]) if told else None
