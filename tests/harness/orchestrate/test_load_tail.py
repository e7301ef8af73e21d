"""Totals from a growing load.csv."""

from __future__ import annotations

from pathlib import Path

from harness.model import LOAD_COLUMNS
from harness.orchestrate.load_tail import LoadTail, LoadTotals

HEADER = ",".join(LOAD_COLUMNS) + "\n"


def row(completed: int, failed: int = 0, dropped: int = 0, kind: str = "normal") -> str:
    return f"1.000,{kind},5,{completed},{failed},{dropped},1,0,0,,,,,\n"


def test_rows_count_once_and_only_when_they_are_whole(tmp_path: Path) -> None:
    """No file yet is nothing yet; a torn row counts when it is complete."""
    path = tmp_path / "load.csv"
    tail = LoadTail(path)
    assert tail.totals() == LoadTotals()

    torn = row(7)
    path.write_text(HEADER + row(3, failed=1) + torn[:10])
    assert tail.totals() == LoadTotals(3, 1, 0)
    with path.open("a") as file:
        file.write(torn[10:] + row(1, dropped=2))

    assert tail.totals() == tail.totals() == LoadTotals(11, 1, 2)


def test_a_kind_may_have_commas_in_its_name(tmp_path: Path) -> None:
    """Quoted, as CSV has it."""
    path = tmp_path / "load.csv"
    path.write_text(HEADER + row(3, kind='"GET /a, b"') + row(4))

    assert LoadTail(path).totals() == LoadTotals(7, 0, 0)
