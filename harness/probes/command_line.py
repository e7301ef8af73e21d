"""What a process was started with: the words of its command line, and the variables of its environment."""

from __future__ import annotations

import os
from contextlib import suppress

from harness.probes.procfs import PROC


def program(pid: int) -> str:
    """The name of the program that process ``pid`` runs, of another user's process as it was called; empty when it has
    ended."""
    with suppress(OSError):
        return os.path.basename(os.readlink(PROC / str(pid) / "exe"))
    return os.path.basename((command_line(pid) or [""])[0])


def command_line(pid: int) -> list[str]:
    """Its words, the program first; none when the process has ended."""
    return _texts(pid, "cmdline")


def variable(pid: int, name: str) -> str:
    """The value of a variable that the process was started with; empty where it has none or keeps it secret."""
    start = f"{name}="
    return next((text.removeprefix(start) for text in _texts(pid, "environ") if text.startswith(start)), "")


def _texts(pid: int, file: str) -> list[str]:
    with suppress(OSError):
        content = (PROC / str(pid) / file).read_bytes()
        return [text.decode("utf-8", "replace") for text in content.split(b"\0") if text]
    return []
