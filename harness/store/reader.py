"""Reads a stored run: everything right of it starts here and needs nothing else.

Any directory with a manifest and at least one samples file is a run. What a kill leaves behind is read and said
(``notes``); what contradicts the format is refused with RunFormatError and one line. Uses pandas: not for use in a run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from harness.errors import RunFormatError
from harness.model import LOAD_COLUMNS, Column, EndReason, Event
from harness.store.fields import Fields
from harness.store.schema import (
    END_FILE,
    EVENTS_FILE,
    LOAD_FILE,
    LOAD_ROWS,
    MANIFEST_FILE,
    READ_COLUMN,
    SAMPLES_FOLDER,
    TIME_COLUMN,
    Manifest,
    ProbeInfo,
)
from harness.store.tables import FloatArray, Table, check_ascending, concatenate, whole_lines

_KIND_COLUMN = "kind"
Wanted = Callable[[ProbeInfo, Column], bool]
"""Which columns to read: seven days of everything need hundreds of megabytes."""


@dataclass(frozen=True, slots=True)
class ProbeSeries:
    """One probe's samples: n rows, ascending ``t_s``; ``columns`` has float64 arrays of n with NaN for blanks."""

    info: ProbeInfo
    t_s: FloatArray
    columns: Mapping[str, FloatArray]
    read_ms: FloatArray


Sink = Callable[[ProbeSeries], None]
"""Takes the samples of a probe piece by piece, in order, so that a week needs no more memory than an hour."""


@dataclass(frozen=True, slots=True)
class LoadSeries:
    """``load.csv``: n rows, ``t_s`` not descending; row i is of ``kinds[codes[i]]``; NaN for blanks.

    ``columns`` has all of the format's but ``t_s`` and ``kind``; those a file lacks are NaN throughout.
    """

    t_s: FloatArray
    kinds: tuple[str, ...]
    codes: npt.NDArray[np.intp]
    columns: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class End:
    """``end.json``: why and when the run ended, and how many rows each file had."""

    reason: EndReason
    t_s: float
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as stored. ``load`` is None without a load.csv, ``end`` None when the run was cut short.

    ``events`` are in the order of ``t_s``; ``notes`` say what was left out in reading, for people.
    """

    path: Path
    manifest: Manifest
    probes: Mapping[str, ProbeSeries]
    load: LoadSeries | None
    events: tuple[Event, ...]
    end: End | None
    notes: tuple[str, ...]


def read_run(path: Path, wanted: Wanted | None = None, sink: Sink | None = None) -> StoredRun:
    """The run in ``path`` with the columns that ``wanted`` asks for (all, without it). Raises RunFormatError.

    With a ``sink`` the samples go there, some ten thousand rows at a time, and the probes of the result hold none.
    """
    manifest = read_manifest(path)
    notes: list[str] = []
    probes: dict[str, ProbeSeries] = {}
    rows: dict[str, int] = {}
    for info in manifest.probes:
        file = _samples_path(path, info)
        if not file.is_file():
            notes.append(f"probe {info.name} has no samples file")
            continue
        probes[info.name], rows[info.name] = _read_probe(file, info, wanted, notes, sink)
    if not probes:
        raise RunFormatError(
            f"expected at least one samples file in {path / SAMPLES_FOLDER}, found none that {MANIFEST_FILE} names: "
            "restore the samples"
        )
    load = _read_load(path / LOAD_FILE, notes)
    events = _read_events(path / EVENTS_FILE, notes)
    if load is not None and not (path / EVENTS_FILE).is_file():
        notes.append(f"there is no {EVENTS_FILE}: phases, restarts and gaps of this run are not known")
    end = _read_end(path / END_FILE, notes)
    if end is not None:
        _compare_rows(end, rows, load, notes)
    return StoredRun(path, manifest, probes, load, events, end, tuple(notes))


def with_samples(run: StoredRun, wanted: Wanted) -> StoredRun:
    """``run``, which was read into a sink, with the samples of the columns that ``wanted`` asks for. Probes without
    such a column are not read again. Raises RunFormatError."""
    again = {
        name: _read_probe(_samples_path(run.path, probe.info), probe.info, wanted, [], None)[0]
        for name, probe in run.probes.items()
        if any(wanted(probe.info, column) for column in probe.info.columns)
    }
    return replace(run, probes={**run.probes, **again})


def read_manifest(path: Path) -> Manifest:
    """The manifest alone. Raises RunFormatError when ``path`` is no run or of an unknown schema."""
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise RunFormatError(
            f"expected the directory of a run at {path}, found {found}: soak list shows the runs there are"
        )
    file = path / MANIFEST_FILE
    if not file.is_file():
        raise RunFormatError(
            f"expected {MANIFEST_FILE} in {path}, found none: name a directory that soak run or soak attach made"
        )
    return Manifest.from_json(_parse(_text(file), str(file)))


def _samples_path(path: Path, info: ProbeInfo) -> Path:
    return path / SAMPLES_FOLDER / f"{info.name}.csv"


def _read_probe(
    file: Path, info: ProbeInfo, wanted: Wanted | None, notes: list[str], sink: Sink | None
) -> tuple[ProbeSeries, int]:
    names = tuple(column.name for column in info.columns if wanted is None or wanted(info, column))
    parts, count = [], 0
    for part in _chunks(file, info, names, notes):
        count += len(part.t_s)
        if sink is None:
            parts.append(part)
        else:
            sink(part)
    series = ProbeSeries(
        info,
        t_s=concatenate([{TIME_COLUMN: part.t_s} for part in parts], [TIME_COLUMN])[TIME_COLUMN],
        columns=concatenate([part.columns for part in parts], names),
        read_ms=concatenate([{READ_COLUMN: part.read_ms} for part in parts], [READ_COLUMN])[READ_COLUMN],
    )
    return series, count


def _chunks(file: Path, info: ProbeInfo, names: tuple[str, ...], notes: list[str]) -> Iterator[ProbeSeries]:
    table = _open_table(file, notes)
    if not table.columns:
        notes.append(f"{file.name} of probe {info.name} has no header yet: the run was cut short as it began")
        return
    _check_header(table, info, notes)
    has_read = READ_COLUMN in table.columns
    before_s, line = -np.inf, 2
    for frame in table.chunks([TIME_COLUMN, *names, *([READ_COLUMN] if has_read else [])]):
        t_s = frame[TIME_COLUMN].to_numpy(np.float64)
        check_ascending(file, t_s, before_s, line, strictly=True)
        yield ProbeSeries(
            info,
            t_s,
            {name: frame[name].to_numpy(np.float64, copy=True) for name in names},
            frame[READ_COLUMN].to_numpy(np.float64) if has_read else np.full(len(t_s), np.nan),
        )
        before_s, line = float(t_s[-1]), line + len(t_s)


def _check_header(table: Table, info: ProbeInfo, notes: list[str]) -> None:
    """The time first and every column of the manifest; others are left out and said."""
    missing = [name for name in (TIME_COLUMN, *(column.name for column in info.columns)) if name not in table.columns]
    if missing or table.columns[0] != TIME_COLUMN:
        raise RunFormatError(
            f"expected the header {','.join(info.header)} in {table.path}, found {','.join(table.columns)}: "
            f"the file and {MANIFEST_FILE} must be of one run"
        )
    extra = [name for name in table.columns if name not in info.header]
    if extra:
        notes.append(f"left out columns of {table.path.name} that the manifest does not name: {', '.join(extra)}")


def _open_table(file: Path, notes: list[str]) -> Table:
    try:
        table = Table(file)
    except OSError as error:
        _refuse_unreadable(file, error)
    _note_dropped(file, table.extent.dropped_bytes, notes)
    return table


def _note_dropped(file: Path, dropped_bytes: int, notes: list[str]) -> None:
    if dropped_bytes:
        notes.append(f"dropped a torn last line of {file.name} ({dropped_bytes} bytes without a newline)")


def _read_load(file: Path, notes: list[str]) -> LoadSeries | None:
    if not file.is_file():
        return None
    table = _open_table(file, notes)
    if not table.columns:
        return None
    needed = (TIME_COLUMN, _KIND_COLUMN, "completed_count")
    if any(name not in table.columns for name in needed) or table.columns[0] != TIME_COLUMN:
        raise RunFormatError(
            f"expected the header {','.join(LOAD_COLUMNS)} in {file}, found {','.join(table.columns)}: restore the file"
        )
    names = [name for name in LOAD_COLUMNS[2:] if name in table.columns]
    codes_of: dict[str, int] = {}
    parts: list[dict[str, FloatArray]] = []
    codes: list[npt.NDArray[np.intp]] = []
    before_s, line = -np.inf, 2
    for frame in table.chunks([TIME_COLUMN, _KIND_COLUMN, *names]):
        part = {name: frame[name].to_numpy(np.float64, copy=True) for name in (TIME_COLUMN, *names)}
        check_ascending(file, part[TIME_COLUMN], before_s, line, strictly=False)
        kinds = frame[_KIND_COLUMN].cat
        if (kinds.codes < 0).any():
            raise RunFormatError(f"expected a kind in every row of {file}, found a blank one: correct that row")
        lookup = np.array([codes_of.setdefault(str(kind), len(codes_of)) for kind in kinds.categories], np.intp)
        codes.append(lookup[kinds.codes.to_numpy()])
        parts.append(part)
        before_s, line = float(part[TIME_COLUMN][-1]), line + len(frame)
    columns = concatenate(parts, [TIME_COLUMN, *names])
    t_s = columns.pop(TIME_COLUMN)
    absent = {name: np.full(len(t_s), np.nan) for name in LOAD_COLUMNS[2:] if name not in columns}
    all_codes = np.concatenate(codes) if codes else np.empty(0, np.intp)
    return LoadSeries(t_s, tuple(codes_of), all_codes, columns | absent)


def _read_events(file: Path, notes: list[str]) -> tuple[Event, ...]:
    if not file.is_file():
        return ()
    try:
        extent = whole_lines(file)
        lines = file.read_bytes()[: extent.size_bytes].splitlines()
    except OSError as error:
        _refuse_unreadable(file, error)
    _note_dropped(file, extent.dropped_bytes, notes)
    events = [
        _parse_event(line, f"line {number} of {file}") for number, line in enumerate(lines, start=1) if line.strip()
    ]
    # Two sources write here (the load's events arrive through a pipe), so neighbours may be out of order by a little.
    return tuple(sorted(events, key=lambda event: event.t_s))


def _parse_event(line: bytes, where: str) -> Event:
    fields = Fields(_parse(line.decode("utf-8-sig", "replace"), where), where)
    rest = {name: value for name, value in fields.data.items() if name not in (TIME_COLUMN, "event")}
    return Event(fields.number(TIME_COLUMN), fields.text("event"), rest)


def _read_end(file: Path, notes: list[str]) -> End | None:
    if not file.is_file():
        return None
    text = _text(file)
    if not text.strip("\0 \r\n"):
        notes.append(f"{file.name} is empty: the machine stopped as the run ended, which counts as cut short")
        return None
    fields = Fields(_parse(text, str(file)), file.name)
    reason = fields.text("reason")
    if reason not in [member.value for member in EndReason]:
        expected = ", ".join(member.value for member in EndReason)
        raise RunFormatError(f"expected the reason in {file} to be one of {expected}, found {reason!r}: correct it")
    rows = Fields(fields.get("rows", dict, {}), f"rows of {file.name}")
    return End(EndReason(reason), fields.number(TIME_COLUMN), {name: rows.whole(name) for name in rows.data})


def _compare_rows(end: End, rows: Mapping[str, int], load: LoadSeries | None, notes: list[str]) -> None:
    found = {**rows, LOAD_ROWS: 0 if load is None else len(load.t_s)}
    notes.extend(
        f"{END_FILE} counts {count} rows of {name}, found {found[name]}"
        for name, count in end.rows.items()
        if name in found and found[name] != count
    )


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        _refuse_unreadable(file, error)
    except UnicodeDecodeError as error:
        raise RunFormatError(f"expected UTF-8 text in {file}, found other bytes: restore the file") from error


def _refuse_unreadable(file: Path, error: OSError) -> NoReturn:
    raise RunFormatError(f"expected to read {file}, found: {error.strerror}; check its permissions") from error


def _parse(text: str, where: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant}, which JSON does not have")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise RunFormatError(f"expected JSON in {where}, found: {error}; restore or correct it") from error
