"""What the load has done so far, read from the growing ``load.csv`` for the terminal's view."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.model import LOAD_COLUMNS
from harness.model.rows import cells_of
from harness.store.tail import Tail

_COLUMNS = {name: LOAD_COLUMNS.index(name) for name in ("completed_count", "failed_count", "dropped_count")}


@dataclass(frozen=True, slots=True)
class LoadTotals:
    """Conversations since the run began."""

    completed_count: int = 0
    failed_count: int = 0
    dropped_count: int = 0


class LoadTail:
    """Reads what has been appended since the last call; keeps totals, never rows."""

    def __init__(self, path: Path) -> None:
        self._tail = Tail(path)
        self._totals = dict.fromkeys(_COLUMNS, 0)

    def totals(self) -> LoadTotals:
        """Up to now; a row that is still being written counts next time."""
        for line in self._tail.lines():
            cells = cells_of(line)
            if len(cells) != len(LOAD_COLUMNS):
                continue
            for name, index in _COLUMNS.items():
                if cells[index].isdigit():
                    self._totals[name] += int(cells[index])
        return LoadTotals(**self._totals)
