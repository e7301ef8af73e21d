"""A run under way: its primary metric, load and events, each read as it grows."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import numpy as np

from harness.analysis.facts import Setting
from harness.analysis.regression import Floats
from harness.analysis.usage import Load, running_totals
from harness.errors import RunFormatError
from harness.model import LOAD_COLUMNS, Event, EventName, Role
from harness.model.rows import cells_of
from harness.recorded import phases_of
from harness.store.reader import read_manifest
from harness.store.schema import EVENTS_FILE, LOAD_FILE, SAMPLES_FOLDER
from harness.store.tail import Tail

_COUNTS = ("started_count", "completed_count", "failed_count")


class GrowingRun:
    """The primary metric, the load and the events of a run under way."""

    def __init__(self, run_dir: Path) -> None:
        """Raises RunFormatError where ``run_dir`` is no run, or names no primary metric."""
        self.path = run_dir
        self.manifest = read_manifest(run_dir)
        probe, _, column = (self.manifest.primary or "").partition(".")
        info = self.manifest.probe(probe)
        if info is None or column not in info.header:
            raise RunFormatError(f"expected a primary metric in the manifest of {run_dir}, found none")
        self._column = info.header.index(column)
        self._cells = len(info.header)
        self._roles = {p.name: p.role for p in self.manifest.probes}
        self._samples = Tail(run_dir / SAMPLES_FOLDER / f"{probe}.csv")
        self._load = Tail(run_dir / LOAD_FILE)
        self._events = Tail(run_dir / EVENTS_FILE)
        self._t_s, self._y = array("d"), array("d")
        self._load_t_s, self._kinds = array("d"), list[str]()
        self._counts = {name: array("d") for name in _COUNTS}
        self.events: list[Event] = []

    @property
    def t_s(self) -> Floats:
        return np.array(self._t_s)

    @property
    def y(self) -> Floats:
        """Bytes at ``t_s``; NaN marks a reading that failed."""
        return np.array(self._y)

    def read(self) -> None:
        """Takes in what has been written since the last call."""
        for line in self._samples.lines():
            cells = line.split(",")
            if len(cells) == self._cells and _is_number(cells[0]):
                self._t_s.append(float(cells[0]))
                self._y.append(float(cells[self._column]) if _is_number(cells[self._column]) else float("nan"))
        for line in self._load.lines():
            self._take_load_row(cells_of(line))
        for line in self._events.lines():
            self._take_event(line)

    def setting(self) -> Setting:
        """What has happened around the samples so far."""
        end_s = self._t_s[-1] if self._t_s else 0.0
        return Setting(self._cuts_s(), phases_of(tuple(self.events), end_s), self._usage())

    def _take_load_row(self, cells: list[str]) -> None:
        row = dict(zip(LOAD_COLUMNS, cells, strict=False))
        if len(cells) != len(LOAD_COLUMNS) or not _is_number(row["t_s"]):
            return
        self._load_t_s.append(float(row["t_s"]))
        self._kinds.append(row["kind"])
        for name, counts in self._counts.items():
            counts.append(float(row[name]) if _is_number(row[name]) else 0.0)

    def _take_event(self, line: str) -> None:
        try:
            fields = json.loads(line)
            self.events.append(Event(float(fields.pop("t_s")), str(fields.pop("event")), fields))
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def _usage(self) -> Load | None:
        if not self._load_t_s:
            return None
        kinds = np.array(self._kinds, dtype=np.str_)
        return running_totals(np.array(self._load_t_s), kinds, *[np.array(self._counts[name]) for name in _COUNTS])

    def _cuts_s(self) -> tuple[float, ...]:
        """Times at which the target began anew or was disturbed."""
        return tuple(
            event.t_s
            for event in self.events
            if event.event == EventName.PERTURBED
            or (
                event.event == EventName.RESTART
                and self._roles.get(str(event.fields.get("probe")), Role.TARGET) is Role.TARGET
            )
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
