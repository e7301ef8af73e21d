"""``soak list``: the stored runs of a folder with outcome, growth and curve."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import options
from harness.errors import UsageError
from harness.model import ExitCode
from harness.report.glance import Glance, glances, is_run
from harness.report.sparkline import ASCII_BLOCKS, BLOCKS, sparkline
from harness.units import format_duration, format_rate_per_min


def list_runs(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of stored runs (reports).", metavar="[DIR]", show_default=False)
    ] = None,
    out: options.Out = None,
    as_json: options.Json = False,
) -> ExitCode:
    """Show the stored runs of DIR, oldest first.

    Examples:

      soak list

      soak list /var/soaks --json
    """
    place = folder or out or _planned_folder()
    if not place.is_dir():
        if folder is not None or out is not None:
            raise UsageError(f"expected a folder of stored runs at {place}, found none; name the one given to --out")
        place = Path()
    found = sorted(glances(place), key=lambda glance: (glance.started_at or "", glance.path))
    if as_json:
        sys.stdout.write(json.dumps({"runs": [_json(glance) for glance in found]}, allow_nan=False) + "\n")
        return ExitCode.PASS
    if not found:
        what_to_do = "it is one itself: name the folder it lies in" if is_run(place) else "`soak run mixed` makes one"
        sys.stdout.write(f"no stored runs in {place}; {what_to_do}\n")
    for line in _lines(found, blocks=_blocks()):
        sys.stdout.write(line + "\n")
    return ExitCode.PASS


def _planned_folder() -> Path:
    """Where runs are stored under the plan of the working folder."""
    from harness.plan.document import load_plan

    return load_plan(None, {}).run.out


def _blocks() -> str:
    try:
        BLOCKS.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return ASCII_BLOCKS
    return BLOCKS


def _lines(found: list[Glance], *, blocks: str) -> list[str]:
    rows = [
        (
            glance.outcome or "not judged",
            glance.scenario or "?",
            "?" if glance.length_s is None else format_duration(glance.length_s),
            "" if glance.growth_bytes_per_h is None else format_rate_per_min(glance.growth_bytes_per_h),
            sparkline(glance.curve, 24, blocks=blocks),
            str(glance.path) + (f"  ({glance.problem})" if glance.problem else ""),
        )
        for glance in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)] if rows else []
    return ["  ".join([*(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows]


def _json(glance: Glance) -> dict[str, Any]:
    return {
        "run": str(glance.path),
        "started_at": glance.started_at,
        "scenario": glance.scenario,
        "length_s": glance.length_s,
        "outcome": glance.outcome,
        "growth_bytes_per_h": glance.growth_bytes_per_h,
        "problem": glance.problem,
    }
