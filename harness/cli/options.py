"""Options that several commands share, and the overrides they lay over the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.errors import UsageError
from harness.model import Limits
from harness.units import parse_bytes_per_query, parse_rate_bytes_per_h, parse_size_bytes

Config = Annotated[Path | None, typer.Option("--config", "-c", envvar="SOAK_CONFIG", help="Plan to use (soak.toml).")]
Duration = Annotated[
    str | None, typer.Option(envvar="SOAK_DURATION", help="Wall-clock length, such as 90s or 2h.", metavar="TIME")
]
# Numbers are taken as text: the plan then says what was expected and what was found, as it does for the file's.
Speedup = Annotated[
    str | None, typer.Option(envvar="SOAK_SPEEDUP", help="Drive N times the production rate.", metavar="N")
]
Seed = Annotated[
    str | None, typer.Option(envvar="SOAK_SEED", help="Order, texts and arrivals follow from it.", metavar="N")
]
Out = Annotated[Path | None, typer.Option(envvar="SOAK_OUT", help="Folder of the stored runs (reports).")]
EarlyStop = Annotated[
    bool | None,
    typer.Option("--early-stop/--no-early-stop", envvar="SOAK_EARLY_STOP", help="End as soon as it is certain."),
]
Json = Annotated[bool, typer.Option("--json", envvar="SOAK_JSON", help="One JSON object on stdout, no more.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", envvar="SOAK_QUIET", help="No progress.")]
MaxGrowth = Annotated[
    str | None,
    typer.Option(envvar="SOAK_MAX_GROWTH", help="Fail when growth is certainly above, such as '50 MB/min'."),
]
MaxGrowthPerQuery = Annotated[
    str | None,
    typer.Option(envvar="SOAK_MAX_GROWTH_PER_QUERY", help="The same for bytes per query of any kind: '4 KiB'."),
]
MaxMemory = Annotated[
    str | None, typer.Option(envvar="SOAK_MAX_MEMORY", help="Fail when memory held is above, such as '2 GiB'.")
]
RunDirectory = Annotated[Path, typer.Argument(help="A stored run.", metavar="RUN")]


def without_weaker(context: typer.Context, values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` of which only one can count; those of variables give way to one from the command line."""
    sources = {name: context.get_parameter_source(name) for name in values}
    from_flags = {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    return {name: value if name in from_flags or not from_flags else None for name, value in values.items()}


def gate_overrides(
    max_growth: str | None, max_growth_per_query: str | None, max_memory: str | None
) -> dict[str, dict[str, Any]]:
    """The limits given on the command line as overrides of the plan's ``[gates]``."""
    return {
        "gates": {
            "max_growth": max_growth,
            "max_growth_per_query": max_growth_per_query,
            "max_memory": max_memory,
        }
    }


def limits_given(max_growth: str | None, max_growth_per_query: str | None, max_memory: str | None) -> Limits | None:
    """The limits given on the command line, None when none was. Raises UsageError."""
    if max_growth is None and max_growth_per_query is None and max_memory is None:
        return None
    return Limits(
        max_growth_bytes_per_h=_limit("--max-growth", max_growth, parse_rate_bytes_per_h),
        max_growth_bytes_per_query=_limit("--max-growth-per-query", max_growth_per_query, parse_bytes_per_query),
        max_memory_bytes=_limit("--max-memory", max_memory, parse_size_bytes),
    )


def _limit(flag: str, text: str | None, parse: Callable[[str], float]) -> float | None:
    """What ``text`` says; more than zero, as in the plan."""
    if text is None:
        return None
    try:
        value = parse(text)
    except UsageError as error:
        raise UsageError(f"{flag}: {error}") from error
    if value <= 0:
        raise UsageError(f"{flag}: expected more than zero, found {text!r}")
    return value
