"""``soak analyze``: judge a stored run again, under its own limits or others."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.loading import loading
from harness.cli.outcome import keep_verdict, print_outcome
from harness.model import EXIT_CODE_OF_OUTCOME, ExitCode


def analyze(
    run: options.RunDirectory,
    max_growth: options.MaxGrowth = None,
    max_growth_per_query: options.MaxGrowthPerQuery = None,
    max_memory: options.MaxMemory = None,
    no_write: Annotated[bool, typer.Option("--no-write", help="Leave verdict.json as it is.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Judge RUN again, replace its verdict.json, and leave with the outcome.

    Limits given here replace the plan's. Examples:

      soak analyze reports/20261122T131500Z-mixed-1a2b

      soak analyze reports/20261122T131500Z-mixed-1a2b --max-growth "5 MB/min" --no-write --json
    """
    limits = options.limits_given(max_growth, max_growth_per_query, max_memory)

    with loading():
        from harness.gate.judge import judge_run

    verdict = judge_run(run, limits).verdict
    if not no_write:
        keep_verdict(run, verdict)
    data = verdict.to_json()
    if as_json:
        sys.stdout.write(json.dumps({**data, "run": str(run)}, allow_nan=False) + "\n")
    if not quiet:
        print_outcome(run, data, sys.stderr if as_json else sys.stdout)
    return EXIT_CODE_OF_OUTCOME[verdict.outcome]
