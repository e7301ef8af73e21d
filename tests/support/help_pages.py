"""The help of every command as one page, as ``docs/commands.md`` keeps it. ``make help-pages`` writes it anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from harness.cli.app import COMMANDS
from tests.support.documents import ROOT

PAGE = ROOT / "docs" / "commands.md"
SERVERS = (("mock-tts", "serve"), ("voice-backend", "serve"))
_COLUMNS = "100"


def help_of(*words: str) -> str:
    """What ``words`` print with ``--help`` on a terminal of a hundred columns."""
    program = Path(sys.executable).parent / words[0]
    environment = {**os.environ, "COLUMNS": _COLUMNS, "TERMINAL_WIDTH": _COLUMNS, "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [program, *words[1:], "--help"], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def page() -> str:
    """The whole page."""
    commands = [("soak",), *(("soak", name) for name in COMMANDS), *SERVERS]
    sections = [f"## {' '.join(words)}\n\n```\n{help_of(*words)}\n```\n" for words in commands]
    return "\n".join(["# Every command\n\nWhat `--help` says, kept the same by a test.\n", *sections])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
