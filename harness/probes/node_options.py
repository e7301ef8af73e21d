"""What a Node.js process was told when it was started: on its command line and in NODE_OPTIONS."""

from __future__ import annotations

import re

from harness.probes.command_line import command_line, variable

_INSPECT = re.compile(r"--inspect(?:-brk|-wait)?=(?:.*:)?(\d+)")


def node_options(pid: int) -> list[str]:
    """The words that process ``pid`` was started with, then those of NODE_OPTIONS; none where they are secret."""
    return [*command_line(pid), *variable(pid, "NODE_OPTIONS").split()]


def told_inspector_port(pid: int) -> int | None:
    """The port that process ``pid`` was told for its inspector (``--inspect=127.0.0.1:9332``), the last word counts;
    None where it was told none."""
    told = [match for word in node_options(pid) if (match := _INSPECT.fullmatch(word)) is not None]
    return int(told[-1][1]) if told else None
