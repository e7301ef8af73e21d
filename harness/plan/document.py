"""The whole plan: ``soak.toml`` (or ``[tool.soak]`` of pyproject.toml) with the command line's values laid over it.

Precedence: flag, ``SOAK_*`` variable (both arrive here as overrides), file, default. Every mistake is one UsageError.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from harness.errors import UsageError
from harness.plan.container import ContainerSection
from harness.plan.diagnose import DiagnoseSection
from harness.plan.fields import Section
from harness.plan.gates import GatesSection
from harness.plan.load import LoadSection
from harness.plan.log_rules import LogRules
from harness.plan.probes import ProbeEntry
from harness.plan.problems import first_problem
from harness.plan.run import RunSection
from harness.plan.target import TargetSection, TtsSection

DEFAULT_FILE = Path("soak.toml")
PROJECT_FILE = Path("pyproject.toml")


class Plan(Section):
    """Everything a run needs to know, validated."""

    run: RunSection = Field(default_factory=RunSection)
    target: TargetSection = Field(default_factory=TargetSection)
    tts: TtsSection = Field(default_factory=TtsSection)
    load: LoadSection = Field(default_factory=LoadSection)
    gates: GatesSection = Field(default_factory=GatesSection)
    container: ContainerSection | None = None
    probes: tuple[ProbeEntry, ...] = ()
    log_rules: LogRules = ()
    diagnose: DiagnoseSection = Field(default_factory=DiagnoseSection)


def load_plan(path: Path | None, overrides: Mapping[str, Mapping[str, Any]]) -> Plan:
    """The plan from ``path`` (None: ``soak.toml`` or pyproject.toml here, where there is one) under ``overrides``.

    ``overrides`` is section -> field -> value; None values are not given. Raises UsageError.
    """
    source, document = _read_document(path)
    for section, values in overrides.items():
        given = {name: value for name, value in values.items() if value is not None}
        if given:
            table = document.get(section, {})
            if isinstance(table, dict):  # else the file's mistake is told below
                document[section] = _without_rivals(section, table, given) | given
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        raise UsageError(first_problem(error, Plan, source, overrides)) from error


def _read_document(path: Path | None) -> tuple[str, dict[str, Any]]:
    if path is None:
        if DEFAULT_FILE.is_file():
            return _settings(_parse(DEFAULT_FILE), str(DEFAULT_FILE))
        if not PROJECT_FILE.is_file():
            return "the command line", {}
        path = PROJECT_FILE
    if path.name == PROJECT_FILE.name:
        return _settings(_table(_table(_parse(path), "tool", path), "soak", path), f"[tool.soak] in {path}")
    return _settings(_parse(path), str(path))


def _table(document: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    """The table ``name``, empty where there is none. Raises UsageError where it is none."""
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"expected a table [{name}] in {path}, found {table!r:.80}")
    return table


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UsageError(f"expected a plan at {path}, found no such file; `soak init` writes one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"expected a readable plan at {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"expected TOML in {path}: {error}") from error


def _settings(document: dict[str, Any], source: str) -> tuple[str, dict[str, Any]]:
    """``source``, and the document with ``max-growth`` written ``max_growth`` in every section, so that overrides find
    it. Raises UsageError where both are there: one of them would not count."""
    sections = _underscored(document, source)
    for name, table in sections.items():
        if isinstance(table, dict):
            sections[name] = _underscored(table, f"{source}: [{name}]")
    return source, sections


def _underscored(table: dict[str, Any], where: str) -> dict[str, Any]:
    names = [key.replace("-", "_") for key in table]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"expected {name} once in {where}, found it with hyphens as well")
    return dict(zip(names, table.values(), strict=True))


RIVALS = (
    ("target", ("command", "pid", "container", "reference")),
    ("run", ("scenario", "locustfile")),
)
"""Settings of which only one counts."""


def _without_rivals(section: str, table: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The file's table without what a flag replaces: ``--pid`` overrides a ``command`` in the file, and ``--duration``
    what may be called ``duration_s`` there."""
    replaced = {f"{name}_s" for name in given}
    for rivals_of, rivals in RIVALS:
        if section == rivals_of and any(name in given for name in rivals):
            replaced |= set(rivals)
    return {name: value for name, value in table.items() if name not in replaced}
