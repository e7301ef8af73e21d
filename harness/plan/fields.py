"""Field types of the plan: text as people write it in, plain numbers with units out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    model_validator,
)

from harness.errors import UsageError
from harness.units import parse_bytes_per_query, parse_duration_s, parse_rate_bytes_per_h, parse_size_bytes


def _parsed(parse: Callable[[str], float]) -> Callable[[Any], Any]:
    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except UsageError as error:
            raise ValueError(str(error)) from error

    return validate


STORED = {"stored": True}
"""Context for validating what a manifest holds, where every rate is a number of bytes an hour."""


def _with_its_time(value: Any, info: ValidationInfo) -> Any:
    """Bytes are the unit of a size without one; whether a rate is by the minute or the hour nobody can know."""
    if isinstance(value, int | float) and info.context != STORED:
        raise ValueError(f"expected a rate with its unit such as '5 MB/min', found {value:g}")
    return value


_MOST = 1e30
"""Of any quantity, rates per hour included: what the judgement squares must still be a number."""


def _positive(value: float) -> float:
    if not 0 < value <= _MOST:
        raise ValueError(f"expected more than zero and at most {_MOST:g}, found {value:g}")
    return value


def not_negative(value: float) -> float:
    """``value`` itself. Raises ValueError unless it is a finite number of zero or more."""
    if not 0 <= value < float("inf"):
        raise ValueError(f"expected zero or more, found {value:g}")
    return value


NotNegative = Annotated[float, AfterValidator(not_negative)]
SizeBytes = Annotated[float, BeforeValidator(_parsed(parse_size_bytes)), AfterValidator(_positive)]
DurationS = Annotated[float, BeforeValidator(_parsed(parse_duration_s)), AfterValidator(_positive)]
RateBytesPerH = Annotated[
    float, BeforeValidator(_parsed(parse_rate_bytes_per_h)), BeforeValidator(_with_its_time), AfterValidator(_positive)
]
BytesPerQuery = Annotated[float, BeforeValidator(_parsed(parse_bytes_per_query)), AfterValidator(_positive)]


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("expected a name, found an empty text")
    return value.strip()


Name = Annotated[str, AfterValidator(_not_blank)]

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def _environment(value: dict[str, str]) -> dict[str, str]:
    """Refused here, as the system would refuse to start a process with it: after the mock has been started."""
    for name, content in value.items():
        if not _VARIABLE_NAME.fullmatch(name):
            raise ValueError(f"expected a variable's name such as 'LOG_LEVEL', found {name!r}")
        if "\0" in content:
            raise ValueError(f"expected text without zero bytes in the variable {name}, found {content!r:.40}")
    return value


def url_path(value: str) -> str:
    """``value`` itself. Raises ValueError unless it can stand behind a URL's host."""
    if not value.startswith("/") or any(ord(character) <= 32 or ord(character) == 127 for character in value):
        raise ValueError(f"expected a path such as '/api/voice/converse' without blanks, found {value!r}")
    return value


Environment = Annotated[dict[str, str], AfterValidator(_environment)]
UrlPath = Annotated[str, AfterValidator(url_path)]


def _keys(name: str) -> AliasChoices | str:
    """The keys under which a field may stand in the file: ``duration_s`` as ``duration``, hyphens as underscores."""
    plain = name.removesuffix("_s")
    keys = dict.fromkeys((plain, plain.replace("_", "-"), name, name.replace("_", "-")))
    return AliasChoices(*keys) if len(keys) > 1 else name


class Section(BaseModel):
    """A table of ``soak.toml``: unknown keys are refused; the unit stands in the field's name, not in its key.

    TOML knows ``inf``, ``nan`` and ``true``, which would do for a number: no setting means anything by them.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=_keys),
    )

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, given: Any) -> Any:
        for key, value in given.items() if isinstance(given, dict) else ():
            name = str(key).replace("-", "_")
            field = cls.model_fields.get(name) or cls.model_fields.get(f"{name}_s")
            if isinstance(value, bool) and field and bool not in (field.annotation, *get_args(field.annotation)):
                raise ValueError(f"expected a value other than true and false for {key}, found {str(value).lower()}")
        return given
