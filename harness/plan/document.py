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
from harness.plan.diagnose import DiagnoseSection, LogRules
from harness.plan.fields import Section
from harness.plan.gates import GatesSection
from harness.plan.load import LoadSection
from harness.plan.probes import ProbeEntry
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
            document[section] = _without_rivals(section, document.get(section, {}), given) | given
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        raise UsageError(_first_problem(error, source, overrides)) from error


def _read_document(path: Path | None) -> tuple[str, dict[str, Any]]:
    if path is None:
        if DEFAULT_FILE.is_file():
            return str(DEFAULT_FILE), _underscored(_parse(DEFAULT_FILE))
        if PROJECT_FILE.is_file():
            table = _parse(PROJECT_FILE).get("tool", {}).get("soak", {})
            return f"[tool.soak] in {PROJECT_FILE}", _underscored(table)
        return "the command line", {}
    document = _parse(path)
    if path.name == PROJECT_FILE.name:
        document = document.get("tool", {}).get("soak", {})
    return str(path), _underscored(document)


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"expected a plan at {path}, found no such file; `soak init` writes one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"expected a readable plan at {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"expected TOML in {path}: {error}") from error


def _underscored(document: dict[str, Any]) -> dict[str, Any]:
    """The document with ``max-growth`` written ``max_growth`` in every section, so that overrides find it."""
    return {
        section.replace("-", "_"): (
            {key.replace("-", "_"): value for key, value in table.items()} if isinstance(table, dict) else table
        )
        for section, table in document.items()
    }


_TARGETS = ("command", "pid", "container", "reference")


def _without_rivals(section: str, table: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The file's table without the target that a flag replaces: ``--pid`` overrides a ``command`` in the file."""
    if not isinstance(table, dict):
        return {}
    if section == "target" and any(name in given for name in _TARGETS):
        return {name: value for name, value in table.items() if name not in _TARGETS}
    return table


def _first_problem(error: ValidationError, source: str, overrides: Mapping[str, Mapping[str, Any]]) -> str:
    problem = error.errors(include_url=False)[0]
    section, field = ([*problem["loc"], "", ""])[:2]
    if overrides.get(str(section), {}).get(str(field)) is not None:
        source = "the command line"
    where = ".".join(str(part) for part in problem["loc"]) or "the plan"
    if problem["type"] == "extra_forbidden":
        return f"{source}: {where} is not a setting of voice-soak; `soak init` shows them all"
    message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected").split(", unable")[0]
    found = "" if "found" in message else f", found {problem['input']!r:.80}"
    return f"{source}: {where}: {message}{found}"
