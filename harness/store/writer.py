"""Writes a run directory while the run happens, so that a kill at any moment leaves a readable run.

Every row is one unbuffered write of one whole line: what ``sample`` and ``event`` have returned from survives
SIGKILL of the harness (a buffered writer, tried, lost 36 of 500 rows). Standard library only; never reads back,
never overwrites, and is not for several threads.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.model import EndReason, Event
from harness.store.schema import (
    END_FILE,
    EVENTS_FILE,
    LOAD_FILE,
    LOAD_ROWS,
    LOGS_FOLDER,
    MANIFEST_FILE,
    SAMPLES_FOLDER,
    Manifest,
    ProbeInfo,
)

_STAMP = "%Y%m%dT%H%M%SZ"
_END_RESERVE = f".{END_FILE}.tmp"
_END_RESERVE_BYTES = 4096
"""Set aside when the run begins, so that a full disk can still say why the run ended."""
_FOLDER_CHECK_PERIOD_S = 1.0
"""An open file of a deleted folder takes rows without complaint, so the folder itself is looked at once a second."""
_NAME_TRIES = 16


class RunWriter:
    """One run directory, open for writing: ``path`` is the directory, ``manifest`` what it says (with ``run_id``)."""

    def __init__(self, path: Path, manifest: Manifest, samples: dict[str, _RowFile], events: _RowFile) -> None:
        self.path = path
        self.manifest = manifest
        self._samples = samples
        self._events = events
        self._inode = path.stat().st_ino
        self._checked_t_s = 0.0

    @classmethod
    def create(cls, out_dir: Path, manifest: Manifest) -> RunWriter:
        """A new directory ``<UTC stamp>-<scenario>-<4 hex>`` in ``out_dir``, with manifest and headers in place.

        It appears under its name in one step, complete, so that whatever is there can be read. Raises StoreError when
        it cannot be made and ValueError when the manifest contradicts itself.
        """
        problem = manifest.problem()
        if problem is not None:
            raise ValueError(problem)
        with _explained(out_dir):
            out_dir.mkdir(parents=True, exist_ok=True)
            path, building = _reserve_name(out_dir, manifest)
            manifest = replace(manifest, run_id=path.name)
            return cls._fill(building, path, manifest)

    @classmethod
    def _fill(cls, building: Path, path: Path, manifest: Manifest) -> RunWriter:
        text = json.dumps(manifest.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
        _write_through(building / MANIFEST_FILE, text + "\n")
        (building / SAMPLES_FOLDER).mkdir()
        (building / LOGS_FOLDER).mkdir()
        _reserve(building / _END_RESERVE)
        samples = {
            probe.name: _RowFile(building / SAMPLES_FOLDER / f"{probe.name}.csv", probe) for probe in manifest.probes
        }
        events = _RowFile(building / EVENTS_FILE, None)
        building.rename(path)
        return cls(path, manifest, samples, events)

    def sample(self, probe_name: str, t_s: float, reading: Mapping[str, float | int | None], read_ms: float) -> None:
        """Appends one row. Raises StoreError, and ValueError for an unknown column or a time that does not go on."""
        self._samples[probe_name].append_reading(t_s, reading, read_ms)
        self._check_folder(t_s)

    def event(self, event: Event) -> None:
        """Appends one event. Raises StoreError."""
        line = json.dumps(event.to_json(), ensure_ascii=False, allow_nan=False)
        self._events.append(line)
        self._check_folder(event.t_s)

    def log_path(self, service: str) -> Path:
        """Where ``service`` logs to; the folder is there, the file is not made."""
        return self.path / LOGS_FOLDER / f"{_file_name(service)}.log"

    def end(self, reason: EndReason, t_s: float) -> None:
        """Writes ``end.json`` (last of all) and closes every file, also when it raises StoreError.

        The rows of ``load.csv`` are counted from the file: whoever wrote it must have ended.
        """
        self.close()
        with _explained(self.path):
            rows = {name: file.rows for name, file in self._samples.items()}
            end = {"reason": reason.value, "t_s": round(t_s, 3), "rows": {**rows, LOAD_ROWS: self._load_rows()}}
            reserve = self.path / _END_RESERVE
            _write_through(reserve, json.dumps(end) + "\n")
            reserve.rename(self.path / END_FILE)
            _sync_folder(self.path)

    def close(self) -> None:
        """Closes the files without ending the run: what a reader then finds was cut short. May be called twice."""
        for file in (*self._samples.values(), self._events):
            file.close()

    def _load_rows(self) -> int:
        path = self.path / LOAD_FILE
        if not path.exists():
            return 0
        lines = 0
        with path.open("rb") as file:
            while block := file.read(1 << 16):
                lines += block.count(b"\n")
        return max(0, lines - 1)

    def _check_folder(self, t_s: float) -> None:
        if t_s - self._checked_t_s < _FOLDER_CHECK_PERIOD_S:
            return
        self._checked_t_s = t_s
        for file in (*self._samples.values(), self._events):
            file.check_not_deleted()
        with _explained(self.path):
            if self.path.stat().st_ino != self._inode:
                raise StoreError(
                    f"expected the run to go on in {self.path}, found another folder there: leave it alone"
                )
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise StoreError(f"expected to go on writing to {self.path}, found no permission any more: restore it")


class _RowFile:
    """An append-only file of lines; each is one write, and a line that did not fit is taken back."""

    def __init__(self, path: Path, probe: ProbeInfo | None) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._size_bytes = 0
        self._columns: tuple[str, ...] = ()
        self._last_t_ms = -1
        self.rows = 0
        if probe is not None:
            self._columns = tuple(column.name for column in probe.columns)
            self.append(",".join(probe.header))
            self.rows = 0  # the header is none

    def append_reading(self, t_s: float, reading: Mapping[str, float | int | None], read_ms: float) -> None:
        t_ms = round(t_s * 1000)
        if t_ms <= self._last_t_ms:
            raise ValueError(f"{self._path.name}: a row at {t_s:.3f} s after one at {self._last_t_ms / 1000:.3f} s")
        get = reading.get
        try:
            cells = [_CELLS[type(value := get(name))](value) for name in self._columns]
        except KeyError:
            raise ValueError(
                _NO_CELL.format(next(v for v in map(get, self._columns) if type(v) not in _CELLS))
            ) from None
        if len(reading) > len(cells) - cells.count("") and not reading.keys() <= set(self._columns):
            raise ValueError(f"{self._path.name}: unknown columns {sorted(reading.keys() - set(self._columns))}")
        self.append(f"{t_s:.3f},{','.join(cells)},{read_ms:.3f}")
        self._last_t_ms = t_ms

    def append(self, line: str) -> None:
        data = f"{line}\n".encode()
        try:
            written = os.write(self._descriptor, data)
            if written < len(data):  # the disk ran full in the middle of a row
                os.ftruncate(self._descriptor, self._size_bytes)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise _explanation(self._path, error) from error
        self._size_bytes += written
        self.rows += 1

    def check_not_deleted(self) -> None:
        """Raises StoreError when the open file has no name any more."""
        if os.fstat(self._descriptor).st_nlink == 0:
            raise StoreError(
                f"expected to go on writing {self._path}, found it deleted: leave a run alone while it goes on"
            )

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


_NO_CELL = "expected a finite number or None in a cell, found {!r}"


def _float_cell(value: float) -> str:
    """Blank for NaN. Raises ValueError for infinity."""
    if math.isinf(value):
        raise ValueError(_NO_CELL.format(value))
    return "" if value != value else repr(value)


_CELLS: dict[type, Callable[[Any], str]] = {int: str, float: _float_cell, type(None): lambda _: ""}
"""How a value is written, by its exact type: a bool is none of these, and a row has fifteen of them."""


def _reserve_name(out_dir: Path, manifest: Manifest) -> tuple[Path, Path]:
    """A free name in ``out_dir`` and a hidden directory, just made, to build the run in."""
    stamp = datetime.fromisoformat(manifest.started_at).astimezone(UTC).strftime(_STAMP)
    for _ in range(_NAME_TRIES):
        path = out_dir / f"{stamp}-{_file_name(manifest.scenario)}-{secrets.token_hex(2)}"
        building = out_dir / f".{path.name}.tmp"
        if path.exists():
            continue
        with suppress(FileExistsError):
            building.mkdir()
            return path, building
    raise StoreError(f"expected a free name for a run in {out_dir}, found {_NAME_TRIES} taken: use another --out")


def _file_name(text: str) -> str:
    """``text`` with everything but letters, digits, ``.``, ``_`` and ``-`` replaced, never hidden and never a path."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:64].strip(".-") or "run"


def _write_through(path: Path, text: str) -> None:
    """Writes ``text`` to ``path``, in place where it exists, down to the disk."""
    data = text.encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        written = os.write(descriptor, data)
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reserve(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, _END_RESERVE_BYTES)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """OSErrors as StoreErrors that name ``path`` and the way out."""
    try:
        yield
    except OSError as error:
        raise _explanation(path, error) from error


def _explanation(path: Path, error: OSError) -> StoreError:
    found = error.strerror or str(error)
    return StoreError(
        f"expected to write the run to {path}, found: {found}; make room or name another folder with --out"
    )
