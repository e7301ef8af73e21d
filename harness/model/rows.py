"""One line of a run directory's table, taken apart."""

from __future__ import annotations

import csv


def cells_of(line: str) -> list[str]:
    """The cells of a line without its newline; a kind with commas or quotes in its name is quoted as CSV has it."""
    return next(csv.reader((line,)), []) if '"' in line else line.split(",")
