"""Why queries of a stored run failed, in the words of its load's own last note."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.model import EventName
from harness.report.text import printable
from harness.store.schema import EVENTS_FILE

_MOST_NAMES = 5
_NAME_CHARACTERS = 60
_STOPPED = "stopped"
"""Runs of earlier versions have what the load's own stop has cut among the failures."""

_SLOW = "drain_timeout"
_TOO_SLOW = (
    "most of these had not ended when the time for their drain was over: the target is too slow for this load; lower "
    "--speedup or load.queries-per-h, or lengthen the run"
)


def failure_lines(run_dir: Path) -> list[str]:
    """How many queries failed and under which names, those with most first; nothing where none did or nobody knows."""
    try:
        told = _last_told(run_dir / EVENTS_FILE)
    except OSError:
        return []
    failures = _counts(told.get("failures"))
    failures.pop(_STOPPED, None)
    if not failures:
        return []
    failed_count = _count(told.get("failed_count", sum(failures.values())))
    ranked = sorted(failures.items(), key=lambda pair: (-pair[1], pair[0]))
    names = [f"{printable(name, _NAME_CHARACTERS)} {count:,}" for name, count in ranked[:_MOST_NAMES]]
    others = [f"{len(ranked) - _MOST_NAMES} other names"] * (len(ranked) > _MOST_NAMES)
    text = f"{', '.join(names + others)} (docs/load.md says what each means)"
    if not failed_count:
        return [f"failures beside the queries: {text}"]
    lines = [f"failed queries: {failed_count:,} of {_count(told.get('started_count')):,}: {text}"]
    return [*lines, *([_TOO_SLOW] if 2 * failures.get(_SLOW, 0) > failed_count else [])]


def _last_told(events: Path) -> Mapping[str, Any]:
    """What the load's last note sums up, empty where there is none; other lines are not even parsed."""
    found: Mapping[str, Any] = {}
    with events.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if '"failures"' in line and (event := _parse(line)).get("event") == EventName.NOTE:
                load = event.get("load")
                found = load if isinstance(load, dict) else found
    return found


def _parse(line: str) -> Mapping[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _counts(failures: Any) -> dict[str, int]:
    if not isinstance(failures, dict):
        return {}
    return {str(name): count for name, found in failures.items() if (count := _count(found)) > 0}


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
