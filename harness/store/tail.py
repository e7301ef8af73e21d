"""A file that still grows, read as it grows: what was appended since the last time, never all of it again."""

from __future__ import annotations

from pathlib import Path


class Tail:
    """Whole lines appended to a file since the last call; a file that is not there yet has none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def lines(self) -> list[str]:
        """The new ones, without their ends; a line that is still being written comes next time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                whole, newline, _ = file.read().rpartition(b"\n")
        except OSError:
            return []
        self._offset += len(whole) + len(newline)
        return whole.decode("utf-8", "replace").split("\n") if newline else []
