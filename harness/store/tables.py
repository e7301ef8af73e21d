"""Reads the CSV tables of a run directory: whole lines only, every cell checked, in chunks of bounded memory.

Right of the stored run: uses pandas, so the writer never imports it.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import RunFormatError
from harness.model.rows import cells_of

FloatArray = npt.NDArray[np.float64]
CHUNK_ROWS = 1 << 16
TEXT_COLUMNS = ("kind",)
_TAIL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a file of lines can be used: up to its last newline, and what was dropped after it."""

    size_bytes: int
    dropped_bytes: int


def whole_lines(path: Path) -> Extent:
    """Leaves out a last line without a newline, and the zeros that a power cut leaves at the end of a file."""
    size = path.stat().st_size
    position = size
    with path.open("rb") as file:
        while position > 0:
            start = max(0, position - _TAIL_BYTES)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                return Extent(start + newline + 1, size - (start + newline + 1))
            position = start
    return Extent(0, size)


class Table:
    """A CSV file with a header: ``columns`` as found, empty for a file without one whole line.

    The constructor raises RunFormatError for a column that is there twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.extent = whole_lines(path)
        self.columns = self._header()
        self._rows_checked = False
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if twice:
            raise RunFormatError(f"expected every column of {path} once, found {', '.join(twice)} again")

    def chunks(self, wanted: Sequence[str], rows: int = CHUNK_ROWS) -> Iterator[pd.DataFrame]:
        """``wanted`` columns, float64 with NaN for blanks (text ones as categories), at most ``rows`` at a time.

        Raises RunFormatError for a cell that is no number, a row that is too short or too long, and zeros in between.
        """
        if not self.columns:
            return
        last = self.columns[-1]  # always read: only a row that is too short, or ends in a blank, lacks it
        names = list(dict.fromkeys([*wanted, last]))
        types: dict[str, Any] = {name: "category" if name in TEXT_COLUMNS else np.float64 for name in names}
        try:
            with _Bounded(self.path, self.extent.size_bytes) as raw:
                reader = pd.read_csv(
                    io.BufferedReader(raw, 1 << 18),
                    usecols=names,
                    dtype=types,
                    index_col=False,
                    keep_default_na=False,
                    na_values=[""],
                    skip_blank_lines=False,
                    quoting=csv.QUOTE_MINIMAL if types.keys() & set(TEXT_COLUMNS) else csv.QUOTE_NONE,
                    chunksize=rows,
                    engine="c",
                    low_memory=False,
                    on_bad_lines="error",
                )
                with reader:
                    for frame in reader:
                        if len(frame) > 0:  # a header alone gives one empty chunk
                            self._check(frame, last)
                            yield frame
                # pandas drops the surplus of a row that is too long without a word
                if raw.has_quotes or raw.commas_count != raw.lines_count * (len(self.columns) - 1):
                    self._check_rows()
        except (ValueError, pd.errors.ParserError, UnicodeDecodeError) as error:
            raise self._explained(error) from error

    def _header(self) -> tuple[str, ...]:
        if self.extent.size_bytes == 0:
            return ()
        with self.path.open("rb") as file:
            line = file.readline(self.extent.size_bytes).decode("utf-8-sig", "replace")
        return tuple(name.strip() for name in line.rstrip("\r\n").split(","))

    def _check(self, frame: pd.DataFrame, last: str) -> None:
        numbers = [name for name in frame.columns if name not in TEXT_COLUMNS]
        if any(bool(np.isinf(frame[name].to_numpy()).any()) for name in numbers):
            raise ValueError("an infinite number")
        if bool(frame[last].isna().any()):
            self._check_rows()

    def _check_rows(self) -> None:
        """The slow look at every row, once."""
        if not self._rows_checked:
            raise_for_bad_row(self.path, self.columns, self.extent.size_bytes)
            self._rows_checked = True

    def _explained(self, error: Exception) -> RunFormatError:
        """The first bad row by its number; pandas names a column at best."""
        self._check_rows()
        return RunFormatError(f"expected a table of numbers in {self.path}, found: {error}; restore or remove the file")


def raise_for_bad_row(path: Path, columns: Sequence[str], size_bytes: int) -> None:
    """Raises RunFormatError for the first row that has too few or many cells, or a cell that is no finite number."""
    has_names = any(name in TEXT_COLUMNS for name in columns)
    with io.BufferedReader(_Bounded(path, size_bytes)) as file:
        for number, line in enumerate(file, start=1):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            cells = cells_of(text) if has_names else text.split(",")
            where = f"line {number} of {path}"
            if len(cells) != len(columns):
                raise RunFormatError(
                    f"expected {len(columns)} cells in {where}, found {len(cells)}: correct or remove that line"
                )
            if number == 1:
                continue
            for name, cell in zip(columns, cells, strict=True):
                if name not in TEXT_COLUMNS and not _is_number_or_blank(cell):
                    raise RunFormatError(
                        f"expected a number or nothing as {name} in {where}, found {cell[:40]!r}: correct or remove it"
                    )


def _is_number_or_blank(cell: str) -> bool:
    try:
        return cell == "" or bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def check_ascending(path: Path, t_s: FloatArray, before_s: float, first_row: int, *, strictly: bool) -> None:
    """Raises RunFormatError unless ``t_s`` goes on from ``before_s`` in time; ``first_row`` numbers its first line."""
    steps = np.diff(t_s, prepend=before_s)
    wrong = ~(steps > 0) if strictly else ~(steps >= 0)
    if not bool(wrong.any()):
        return
    index = int(np.argmax(wrong))
    previous = before_s if index == 0 else float(t_s[index - 1])
    found = "no time" if np.isnan(t_s[index]) else f"{t_s[index]:.3f} s after {previous:.3f} s"
    raise RunFormatError(
        f"expected the rows of {path} in the order of t_s, found {found} in line {first_row + index}: "
        "sort the rows by t_s or restore the file"
    )


class _Bounded(io.RawIOBase):
    """The first ``size_bytes`` of a file, its commas and lines counted as they are read; quotes may hide commas."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._left = size_bytes
        self.commas_count = 0
        self.has_quotes = False
        self.lines_count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")[: self._left]
        count = os.readv(self._descriptor, [view]) if len(view) else 0
        self._left -= count
        read = np.frombuffer(view[:count], np.uint8)
        self.commas_count += int(np.count_nonzero(read == ord(",")))
        self.lines_count += int(np.count_nonzero(read == ord("\n")))
        self.has_quotes = self.has_quotes or bool(np.any(read == ord('"')))
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def concatenate(frames: Sequence[Mapping[str, FloatArray]], names: Sequence[str]) -> dict[str, FloatArray]:
    """The chunks of each column joined; empty arrays without chunks."""
    return {
        name: np.concatenate([frame[name] for frame in frames]) if frames else np.empty(0, np.float64) for name in names
    }
