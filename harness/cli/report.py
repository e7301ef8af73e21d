"""``soak report``: render a stored run again."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.model import ExitCode, Limits


def report(
    run: options.RunDirectory,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    max_growth: options.MaxGrowth = None,
    max_growth_per_query: options.MaxGrowthPerQuery = None,
    max_memory: options.MaxMemory = None,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Render report.html, report.md, junit.xml and the charts of RUN again.

    Limits: those given here, else those of its verdict.json, else those of its plan. Examples:

      soak report reports/20261122T131500Z-mixed-1a2b --open
    """
    limits = options.limits_given(max_growth, max_growth_per_query, max_memory)

    from harness.gate.judge import judge_run
    from harness.report.render import render

    page = render(run, judge_run(run, limits if limits is not None else _limits_judged(run)))
    if not quiet:
        sys.stdout.write(f"{page}\n")
    if open_page:
        webbrowser.open(page.resolve().as_uri())
    return ExitCode.PASS


def _limits_judged(run: Path) -> Limits | None:
    """The limits under which verdict.json was made, so that page and verdict agree; None without one."""
    from harness.errors import RunFormatError
    from harness.verdict import read_verdict

    try:
        gates = read_verdict(run).get("gates")
    except RunFormatError:
        return None
    explicit = {
        gate["name"]: float(gate["limit"])
        for gate in (gates if isinstance(gates, list) else [])
        if isinstance(gate, dict) and gate.get("limit") is not None and gate["limit"] == gate.get("fail_above")
    }
    return Limits(explicit.get("max_growth"), explicit.get("max_growth_per_query"), explicit.get("max_memory"))
