"""``soak demo``: the incident before and after its fixes, driven, judged and held against the backend's own ledger."""

from __future__ import annotations

import http.client
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from harness.cli import options
from harness.model import EndReason, ExitCode, Outcome
from harness.units import format_bytes, format_rate_per_min

DEMO_DURATION = "130s"
DEMO_SPEEDUP = 240.0
"""Mixed use at 120 queries an hour, driven 240 times faster: about 16 conversations a second while loaded."""
DEMO_TIME_SCALE = 8.0
"""The backend's tracker then samples every 7.5 s, so that growth while idle shows within the run, and its half-hour
sweep comes after 225 s, that is, not within it."""
DEMO_MAX_GROWTH = "50 MB/min"
DEMO_MAX_GROWTH_PER_QUERY = "16 KiB"
"""The incident's own gate, at the driven rate, and what a query may leave behind."""


@dataclass(frozen=True, slots=True)
class DemoRun:
    """One judged run and what the backend's ledger says about it."""

    preset: str
    path: Path
    reason: EndReason
    code: ExitCode
    verdict: dict[str, Any]
    truth: Truth | None


@dataclass(frozen=True, slots=True)
class Truth:
    """What the ledger says is retained, by what caused it; bytes per query of a kind and per hour of time alone."""

    bytes_per_query: dict[str, float]
    bytes_per_h: float


def demo(
    seed: options.Seed = None,
    out: options.Out = None,
    duration: options.Duration = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Run `mixed` on the leaking and on the fixed reference backend, judge both, compare with the ledger's truth.

    Exits 0 only if the leaking build failed and the fixed one passed. Takes about five minutes.
    """
    runs = [_one(preset, seed, out, duration, quiet) for preset in ("before", "after")]
    interrupted = any(run.reason is EndReason.INTERRUPTED for run in runs)
    print_table(runs, sys.stderr if as_json else sys.stdout)
    if as_json:
        sys.stdout.write(json.dumps({run.preset: {**run.verdict, "run": str(run.path)} for run in runs}) + "\n")
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.PASS if [run.code for run in runs] == [ExitCode.FAIL, ExitCode.PASS] else ExitCode.FAIL
