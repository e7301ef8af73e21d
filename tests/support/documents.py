"""The project's own documents: the commands that they show, and their tables."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]))
_PROGRAMS = r"(?:soak|mock-tts|voice-backend|make|python benchmarks/\w+\.py)"
_COMMAND = re.compile(rf"^\s*(?:\.venv/bin/)?({_PROGRAMS}(?: .*)?)$")
_INLINE = re.compile(rf"`({_PROGRAMS}(?: [^`\n]+)?)`")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
_SHELL = re.compile(r"\s(?:[|>]|2>|&&|&$).*")


@dataclass(frozen=True)
class Shown:
    """One command line in a block of a page."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def shown_commands() -> Iterator[Shown]:
    """Every command of the project's in a block, lines that go on joined, and every one with options between
    backquotes; comments left out."""
    for page in PAGES:
        if page.name == "commands.md":
            continue
        text = page.read_text(encoding="utf-8")
        found = [match[1] for line in _code_lines(text) if (match := _COMMAND.match(line))]
        named = [command for command in _INLINE.findall(text) if " -" in command]
        for command in (*found, *named):
            yield Shown(page.name, tuple(shlex.split(_plain(command), comments=True)))


def _plain(command: str) -> str:
    """``command`` without what the shell makes of it; a time stands for an expression of CI's."""
    return _SHELL.sub("", _EXPRESSION.sub("15m", command))


def first_cells(page: str, head: str) -> list[str]:
    """What stands in backquotes in the first column of the table whose head row begins with ``head``."""
    return [name for row in rows(page, head) for name in re.findall(r"`([^`]+)`", row[0])]


def rows(page: str, head: str) -> list[list[str]]:
    """The cells of each row of the table whose head row begins with ``head``."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"| {head} |"))
    table = itertools.takewhile(lambda line: line.startswith("|"), lines[at + 2 :])
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]


def _code_lines(text: str) -> Iterator[str]:
    inside, joined = False, ""
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside or line.startswith("    ") or joined:
            joined += line
            if joined.endswith("\\"):
                joined = joined[:-1]
                continue
            yield joined
            joined = ""
