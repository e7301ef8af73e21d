"""The manifest of a run directory, schema 1: its dataclasses, to and from JSON, and what makes one unreadable.

Owns the names of the files too. Touches no file itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from harness.errors import RunFormatError
from harness.model import SCHEMA, Column, ColumnKind, ContainerIdentity, Identity, ProcessIdentity, Role, Unit
from harness.store.fields import Fields

MANIFEST_FILE = "manifest.json"
SAMPLES_FOLDER = "samples"
LOAD_FILE = "load.csv"
EVENTS_FILE = "events.jsonl"
LOGS_FOLDER = "logs"
DIAGNOSIS_FILE = "diagnosis.json"
END_FILE = "end.json"
TIME_COLUMN = "t_s"
READ_COLUMN = "read_ms"
LOAD_ROWS = "load"
"""The key of ``load.csv`` in ``end.json``'s rows; no probe may have this name."""

_Member = TypeVar("_Member", bound=StrEnum)
_PROBE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_SUFFIXES = sorted(Unit, key=lambda unit: -len(unit.value))  # `_per_s` before `_s`


@dataclass(frozen=True, slots=True)
class ProbeInfo:
    """A probe as the manifest describes it; ``columns`` without ``t_s`` and ``read_ms``, in the order of the file."""

    name: str
    role: Role
    period_s: float
    identity: Identity | None
    columns: tuple[Column, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """The first line of the samples file."""
        return (TIME_COLUMN, *(column.name for column in self.columns), READ_COLUMN)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "role": self.role.value,
            "period_s": self.period_s,
            "identity": None if self.identity is None else self.identity.to_json(),
            "columns": [column.to_json() for column in self.columns],
        }

    @classmethod
    def from_json(cls, data: object) -> ProbeInfo:
        """Raises RunFormatError. ``identity`` and ``period_s`` may be missing (None, 1 s)."""
        fields = Fields(data, "probe")
        name = fields.text("name")
        if not is_probe_name(name):
            raise RunFormatError(
                f"expected a probe name of letters, digits, '-' and '_', found {name!r} in {MANIFEST_FILE}"
            )
        columns = fields.get("columns", list)
        probe = cls(
            name=name,
            role=_member(Role, fields.text("role"), f"role of probe {name!r}"),
            period_s=fields.number("period_s", 1.0),
            identity=identity_from_json(fields.data.get("identity")),
            columns=tuple(_column_from_json(column, name) for column in columns),
        )
        problem = probe.problem()
        if problem is not None:
            raise RunFormatError(f"{problem}; correct {MANIFEST_FILE}")
        return probe

    def problem(self) -> str | None:
        """What is wrong with the description itself, or None."""
        if not is_probe_name(self.name) or self.name == LOAD_ROWS:
            return (
                f"expected a probe name of letters, digits, '-' and '_' other than {LOAD_ROWS!r}, found {self.name!r}"
            )
        if not 0 < self.period_s < float("inf"):
            return f"expected a period of probe {self.name!r} above 0 s, found {self.period_s}"
        header = self.header
        twice = {name for name in header if header.count(name) > 1}
        if twice:
            return f"expected every column of probe {self.name!r} once, found {', '.join(sorted(twice))} again"
        return None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known when a run begins. ``config`` is as resolved, with secrets already replaced by ``***``.

    ``primary`` is ``<probe>.<column>``, None where the reader shall choose; ``commit`` has ``harness`` and ``target``.
    """

    started_at: str
    scenario: str
    primary: str | None
    probes: tuple[ProbeInfo, ...]
    run_id: str = ""
    seed: int | None = None
    speedup: float = 1.0
    host: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    commit: Mapping[str, str | None] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    def probe(self, name: str) -> ProbeInfo | None:
        return next((probe for probe in self.probes if probe.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "run_id": self.run_id,
            "started_at": self.started_at,
            "scenario": self.scenario,
            "seed": self.seed,
            "speedup": self.speedup,
            "host": dict(self.host),
            "versions": dict(self.versions),
            "commit": dict(self.commit),
            "config": dict(self.config),
            "primary": self.primary,
            "probes": [probe.to_json() for probe in self.probes],
        }

    @classmethod
    def from_json(cls, data: object) -> Manifest:
        """Raises RunFormatError, with its own sentence for each kind of schema. Only ``probes`` must be there."""
        fields = Fields(data, MANIFEST_FILE)
        _check_schema(fields.data.get("schema"))
        manifest = cls(
            started_at=fields.text("started_at", ""),
            scenario=fields.text("scenario", ""),
            primary=fields.optional_text("primary"),
            probes=tuple(ProbeInfo.from_json(probe) for probe in fields.get("probes", list)),
            run_id=fields.text("run_id", ""),
            seed=fields.optional_whole("seed"),
            speedup=fields.number("speedup", 1.0),
            host=fields.get("host", dict, {}),
            versions=fields.get("versions", dict, {}),
            commit=_commit(fields.data.get("commit")),
            config=fields.get("config", dict, {}),
        )
        problem = manifest.problem()
        if problem is not None:
            raise RunFormatError(f"{problem}; correct {MANIFEST_FILE}")
        return manifest

    def problem(self) -> str | None:
        """What is wrong with the manifest as a whole, or None."""
        names = [probe.name for probe in self.probes]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            return f"expected probe names to differ, found {', '.join(sorted(twice))} again"
        if not 0 < self.speedup < float("inf"):
            return f"expected a speedup above 0, found {self.speedup}"
        return next((problem for probe in self.probes if (problem := probe.problem()) is not None), None)


def is_probe_name(name: str) -> bool:
    """Whether ``name`` can be a file's name and the first part of a metric's."""
    return _PROBE_NAME.fullmatch(name) is not None


def unit_of_column(name: str) -> Unit | None:
    """The unit that ``name`` ends in, or None."""
    return next((unit for unit in _SUFFIXES if name.endswith(f"_{unit.value}")), None)


def identity_from_json(data: object) -> Identity | None:
    """The identity that ``data`` describes; None for None. Raises RunFormatError."""
    match data:
        case None:
            return None
        case {"pid": int(pid), "start_time": int() | float() as start_time}:
            return ProcessIdentity(pid, float(start_time))
        case {"container": str(container), "started_at": str(started_at)}:
            return ContainerIdentity(container, started_at)
    raise RunFormatError(
        f'expected an identity such as {{"pid": 12, "start_time": 1.5}} or {{"container": "…", "started_at": "…"}}, '
        f"found {data!r}"
    )


def _check_schema(schema: object) -> None:
    if schema is None:
        raise RunFormatError(
            f'expected "schema": {SCHEMA} in {MANIFEST_FILE}, found none: this is not the manifest of a run; '
            "name a directory that soak run or soak attach made"
        )
    if isinstance(schema, bool) or not isinstance(schema, int):
        raise RunFormatError(f'expected "schema" to be the number {SCHEMA}, found {schema!r}; correct {MANIFEST_FILE}')
    if schema < SCHEMA:
        raise RunFormatError(
            f"expected schema {SCHEMA}, found the older schema {schema}: read this run with the release that made it"
        )
    if schema > SCHEMA:
        raise RunFormatError(
            f"expected schema {SCHEMA}, found the newer schema {schema}: a later release made this run; "
            "upgrade voice-soak to read it"
        )


def _column_from_json(data: object, probe: str) -> Column:
    fields = Fields(data, f"column of probe {probe!r}")
    name = fields.text("name")
    inferred = unit_of_column(name)
    unit = fields.text("unit", "" if inferred is None else inferred.value)
    return Column(
        name=name,
        unit=_member(Unit, unit, f"unit of column {probe}.{name}"),
        kind=_member(ColumnKind, fields.text("kind", ColumnKind.GAUGE.value), f"kind of column {probe}.{name}"),
        meaning=fields.text("meaning", ""),
    )


def _member(members: type[_Member], value: str, what: str) -> _Member:
    try:
        return members(value)
    except ValueError:
        expected = ", ".join(member.value for member in members)
        raise RunFormatError(
            f"expected the {what} to be one of {expected}, found {value!r}; correct {MANIFEST_FILE}"
        ) from None


def _commit(data: object) -> Mapping[str, str | None]:
    match data:
        case None:
            return {}
        case str():
            return {"harness": data}
        case dict():
            return {str(key): None if value is None else str(value) for key, value in data.items()}
    raise RunFormatError(
        f'expected "commit" to name the harness and the target, found {data!r}; correct {MANIFEST_FILE}'
    )
