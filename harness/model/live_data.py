"""What a live page is told about a run that goes on: the growing files of its directory, a piece at a time.

Standard library only: both the harness and the Locust process serve it. A reader keeps two offsets and asks for what
came after them; of a long file it is given even places first, then the news.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

LIVE_FILE = ".live.json"
"""What the harness thinks so far; there only while the run goes on."""
_WHOLE_BYTES = 1 << 19
_PLACES = 600
_BLOCK_BYTES = 1 << 12
_MOST_EVENTS = 2000
_SHOWN_EVENTS = ("phase_start", "phase_end", "restart", "oom_kill", "generator_saturated", "perturbed")


class LiveRun:
    """The run in ``run_dir`` as far as it has come."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        manifest = json.loads((run_dir / "manifest.json").read_text(encoding="utf-8"))
        self._metric = str(manifest.get("primary") or "")
        self._facts = {"run": run_dir.name, "scenario": str(manifest.get("scenario", "")), "metric": self._metric}

    def news(self, samples_offset: int = 0, events_offset: int = 0) -> dict[str, Any]:
        """What came after the offsets, and the offsets to ask with next; JSON as it is.

        ``rows`` are [t_s, bytes or null], ``events`` as stored, ``so_far`` and ``end`` null where not there.
        """
        rows, samples_offset = self._rows(samples_offset)
        events, events_offset = self._events(events_offset)
        return {
            **self._facts,
            "rows": rows,
            "samples_offset": samples_offset,
            "events": events,
            "events_offset": events_offset,
            "so_far": _object(self._run_dir / LIVE_FILE),
            "end": _object(self._run_dir / "end.json"),
            "verdict": _outcome(self._run_dir / "verdict.json"),
        }

    def is_judged(self) -> bool:
        """Whether there is a verdict to tell."""
        return (self._run_dir / "verdict.json").is_file()

    def _rows(self, offset: int) -> tuple[list[list[float | None]], int]:
        probe, _, column = self._metric.partition(".")
        path = self._run_dir / "samples" / f"{probe}.csv"
        if not column or "/" in probe or not path.is_file():
            return [], 0
        with path.open("rb") as file:
            header = file.readline()
            names = header.decode("utf-8", "replace").strip().split(",")
            if column not in names:
                return [], 0
            index, begin, size = names.index(column), len(header), os.fstat(file.fileno()).st_size
            offset = begin if offset < begin or offset > size else offset
            if size - offset > _WHOLE_BYTES:
                lines, offset = _even_places(file.fileno(), offset, size)
            else:
                lines, offset = _whole_lines(file.fileno(), offset, size)
        rows = (_row(line, index, len(names)) for line in lines)
        return [row for row in rows if row is not None], offset

    def _events(self, offset: int) -> tuple[list[dict[str, Any]], int]:
        path = self._run_dir / "events.jsonl"
        if not path.is_file():
            return [], 0
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            lines, offset = _whole_lines(file.fileno(), 0 if offset > size or offset < 0 else offset, size)
        events = (_json(line) for line in lines)
        shown = [event for event in events if isinstance(event, dict) and event.get("event") in _SHOWN_EVENTS]
        return shown[-_MOST_EVENTS:], offset


def _whole_lines(descriptor: int, offset: int, size: int) -> tuple[list[bytes], int]:
    block = os.pread(descriptor, size - offset, offset)
    whole = block.rfind(b"\n") + 1
    return block[:whole].splitlines(), offset + whole


def _even_places(descriptor: int, offset: int, size: int) -> tuple[list[bytes], int]:
    """The first whole line after each of some even places, and the end of the last whole line."""
    lines = []
    for place in range(_PLACES):
        parts = os.pread(descriptor, _BLOCK_BYTES, offset + (size - offset) * place // _PLACES).split(b"\n")
        if len(parts) > 2:
            lines.append(parts[1])
    tail = os.pread(descriptor, _BLOCK_BYTES, max(offset, size - _BLOCK_BYTES))
    return lines, size - (len(tail) - (tail.rfind(b"\n") + 1))


def _row(line: bytes, index: int, width: int) -> list[float | None] | None:
    cells = line.split(b",")
    if len(cells) != width:
        return None
    try:
        return [float(cells[0]), float(cells[index]) if cells[index] else None]
    except ValueError:
        return None


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _object(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _outcome(path: Path) -> str | None:
    data = _object(path)
    return None if data is None else str(data.get("outcome"))
