"""What is wrong with a plan, in one sentence: which setting, what was expected, what was found, what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_TABLE = "expected a table with settings"
_WORDS = {
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "dict_type": _TABLE,
    "tuple_type": "expected a list",
    "missing": "expected this setting",
}
"""Instead of pydantic's own sentences, which speak of Python."""
_WRONG_KIND = ("union_tag_not_found", "union_tag_invalid")


def first_problem(
    error: ValidationError, plan: type[BaseModel], source: str, overrides: Mapping[str, Mapping[str, Any]]
) -> str:
    """The first mistake that ``error`` found in ``source`` under ``overrides``; a misspelt setting comes before one
    that is missed, as it may be the same."""
    problems = error.errors(include_url=False)
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    location = problem["loc"]
    section, field = ([*location, "", ""])[:2]
    if overrides.get(str(section), {}).get(str(field)) is not None:
        source = "the command line (or a SOAK_* variable)"
    where = ".".join(str(part) for part in location) or "the plan"
    if problem["type"] == "extra_forbidden":
        return f"{source}: {where} is not a setting of voice-soak; {_meant(location, plan)}`soak init` shows them all"
    message = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected").split(", unable")[0]
    if problem["type"] in _WORDS:
        message = _WORDS[problem["type"]]
    elif problem["type"] in _WRONG_KIND:
        message = f"expected kind = one of {' '.join(_kinds_at(location, plan))}"
    found = "" if "found" in message else f", found {problem['input']!r:.80}"
    return f"{source}: {where}: {message}{found}"


def _meant(location: Sequence[int | str], plan: type[BaseModel]) -> str:
    """The setting that is spelt almost so, or the section in which it stands."""
    wrong = str(location[-1])
    here = {key for table in _tables_at(location[:-1], plan) for key in _keys_of(table)}
    close = get_close_matches(wrong, here, n=1)
    if close:
        return f"did you mean {'.'.join([*map(str, location[:-1]), close[0]])}? "
    sections = [name for name in plan.model_fields for table in _tables_at([name], plan) if wrong in _keys_of(table)]
    return f"did you mean {sections[0]}.{wrong}? " if sections else ""


def _keys_of(table: type[BaseModel]) -> list[str]:
    return [name.removesuffix("_s").removesuffix("_") for name in table.model_fields]


def _kinds_at(location: Sequence[int | str], plan: type[BaseModel]) -> list[str]:
    """What ``kind`` may be in the tables at ``location``."""
    return [str(kind) for table in _tables_at(location, plan) for kind in _kinds_of(table)]


def _tables_at(location: Sequence[int | str], plan: type[BaseModel]) -> list[type[BaseModel]]:
    """The tables that may stand at ``location``: several where an entry may be of several kinds."""
    tables: list[type[BaseModel]] = [plan]
    for part in location:
        inner = [t for table in tables if part in table.model_fields for t in _inside(table.model_fields[part])]
        tagged = [table for table in tables if part in _kinds_of(table)]
        tables = inner or tagged or tables
    return tables


def _kinds_of(table: type[BaseModel]) -> tuple[Any, ...]:
    return get_args(table.model_fields["kind"].annotation) if "kind" in table.model_fields else ()


def _inside(field: Any) -> Iterator[type[BaseModel]]:
    """Every table named anywhere in a field's type."""
    annotation = getattr(field, "annotation", field)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _inside(argument)
