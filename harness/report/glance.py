"""A stored run at a glance, for lists: outcome, growth and curve without reading the samples as a whole.

Standard library only, and tolerant: what cannot be read is said in ``problem``, because a list must show the rest.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report.text import printable

_POINTS = 48
_BLOCK_BYTES = 4096
_FRESH_S = 30.0
"""A run without an end whose samples are not older goes on."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One run of a folder; None = not known. ``curve``: the primary metric at about fifty even places of its file."""

    path: Path
    started_at: str = ""
    scenario: str = ""
    length_s: float | None = None
    outcome: str | None = None
    growth_bytes_per_h: float | None = None
    curve: tuple[float | None, ...] = ()
    problem: str | None = None


def glances(folder: Path) -> Iterator[Glance]:
    """The runs directly in ``folder``, oldest first by name."""
    for path in sorted(folder.iterdir() if folder.is_dir() else []):
        if is_run(path):
            yield glance(path)


def is_run(path: Path) -> bool:
    """Whether ``path`` is the directory of a run."""
    return (path / "manifest.json").is_file()


def glance(run_dir: Path) -> Glance:
    """One run."""
    try:
        manifest = _object(run_dir / "manifest.json")
        verdict = _object(run_dir / "verdict.json") if (run_dir / "verdict.json").is_file() else {}
        end = _object(run_dir / "end.json") if (run_dir / "end.json").is_file() else {}
        times, curve = _curve(run_dir, str(manifest.get("primary") or ""))
    except (OSError, ValueError) as error:
        return Glance(run_dir, problem=printable(error, 120))
    memory = verdict.get("memory")
    growth = memory.get("growth_bytes_per_h") if isinstance(memory, dict) else None
    ended_s = end.get("t_s", times[-1] if times else None)
    return Glance(
        run_dir,
        printable(manifest.get("started_at", ""), 40),
        printable(manifest.get("scenario", ""), 40),
        _number(ended_s),
        printable(verdict["outcome"], 20) if "outcome" in verdict else None,
        _number(growth.get("estimate")) if isinstance(growth, dict) else None,
        curve,
        None if end else _without_end(run_dir),
    )


def _without_end(run_dir: Path) -> str:
    """Why there is no end: each harness samples itself all the time, so a run that goes on has just been written to."""
    written = [path.stat().st_mtime for path in (run_dir / "samples").glob("*.csv")]
    return "still running" if time.time() - max(written, default=-math.inf) < _FRESH_S else "cut short"


def _object(path: Path) -> dict[str, Any]:
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"expected an object in {path.name}, found {type(data).__name__}")
    return data


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) else None


def _curve(run_dir: Path, primary: str) -> tuple[list[float], tuple[float | None, ...]]:
    """Times and values of the first whole row after each of some even places of the file; empty where there is none."""
    probe, _, column = primary.partition(".")
    path = run_dir / "samples" / f"{probe}.csv"
    if not column or "/" in probe or not path.is_file():
        return [], ()
    times: list[float] = []
    values: list[float | None] = []
    with path.open("rb") as file:
        header = file.readline().decode("utf-8", "replace").strip().split(",")
        if column not in header:
            return [], ()
        index, start = header.index(column), file.tell()
        size = os.fstat(file.fileno()).st_size
        for point in range(_POINTS):
            row = _row_at(file.fileno(), start, start + (size - start) * point // _POINTS)
            if len(row) == len(header) and (not times or _float(row[0]) != times[-1]):
                times.append(_float(row[0]) or 0.0)
                values.append(_float(row[index]))
    return times, tuple(values)


def _row_at(descriptor: int, start: int, offset: int) -> list[str]:
    """Cells of the first row that begins at or after ``offset``; empty where none is whole."""
    block = os.pread(descriptor, _BLOCK_BYTES, max(start, offset - 1) if offset > start else start)
    lines = block.split(b"\n")
    wanted = 0 if offset <= start else 1
    return lines[wanted].decode("ascii", "replace").split(",") if len(lines) > wanted + 1 else []


def _float(cell: str) -> float | None:
    try:
        return _number(float(cell))
    except ValueError:
        return None
