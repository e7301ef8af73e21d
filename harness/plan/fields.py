"""Field types of the plan: text as people write it in, plain numbers with units out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, AliasGenerator, BaseModel, BeforeValidator, ConfigDict

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


def _positive(value: float) -> float:
    if not value > 0:
        raise ValueError(f"expected more than zero, found {value:g}")
    return value


SizeBytes = Annotated[float, BeforeValidator(_parsed(parse_size_bytes)), AfterValidator(_positive)]
DurationS = Annotated[float, BeforeValidator(_parsed(parse_duration_s)), AfterValidator(_positive)]
RateBytesPerH = Annotated[float, BeforeValidator(_parsed(parse_rate_bytes_per_h)), AfterValidator(_positive)]
BytesPerQuery = Annotated[float, BeforeValidator(_parsed(parse_bytes_per_query)), AfterValidator(_positive)]


def _keys(name: str) -> AliasChoices | str:
    """The keys under which a field may stand in the file: ``duration_s`` as ``duration``, hyphens as underscores."""
    plain = name.removesuffix("_s")
    keys = dict.fromkeys((plain, plain.replace("_", "-"), name, name.replace("_", "-")))
    return AliasChoices(*keys) if len(keys) > 1 else name


class Section(BaseModel):
    """A table of ``soak.toml``: unknown keys are refused; the unit stands in the field's name, not in its key."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, alias_generator=AliasGenerator(validation_alias=_keys)
    )
