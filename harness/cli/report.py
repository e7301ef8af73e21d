"""``soak report``: render a stored run again."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options
from harness.cli.loading import loading
from harness.model import ExitCode, Limits

if TYPE_CHECKING:
    from harness.verdict import Verdict


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

    with loading():
        from harness.gate.judge import judge_run
        from harness.report.render import render

    stored = _stored_verdict(run)
    assessment = judge_run(run, limits if limits is not None else _limits_judged(stored))
    page = render(run, assessment)
    if _says_otherwise(stored, assessment.verdict):
        sys.stderr.write(
            f"soak: verdict.json says {stored.get('outcome')}, judged under other limits or by another release; the "
            f"report says {assessment.verdict.outcome.value}: `soak analyze {run}` brings them together\n"
        )
    if not quiet:
        sys.stdout.write(f"{page}\n")
    if open_page and not webbrowser.open(page.resolve().as_uri()):
        sys.stderr.write(f"soak: expected a browser to open {page.resolve()}, found none; open it by hand\n")
    return ExitCode.PASS


def _stored_verdict(run: Path) -> Mapping[str, Any]:
    """Empty without one that can be read."""
    from harness.errors import RunFormatError
    from harness.verdict import read_verdict

    try:
        return read_verdict(run)
    except RunFormatError:
        return {}


def _says_otherwise(stored: Mapping[str, Any], verdict: Verdict) -> bool:
    return "outcome" in stored and stored["outcome"] != verdict.outcome.value


def _limits_judged(stored: Mapping[str, Any]) -> Limits | None:
    """The limits under which verdict.json was made, so that page and verdict agree; None where it does not tell.

    Of a gate without ``fail_above`` (another reader's, or an early release's) nobody knows whether its limit was asked
    for or is the upper one of the defaults: the plan's limits are taken then.
    """
    gates = stored.get("gates")
    explicit = {
        gate["name"]: float(gate["limit"])
        for gate in (gates if isinstance(gates, list) else [])
        if isinstance(gate, dict) and gate.get("limit") is not None and gate["limit"] == gate.get("fail_above")
    }
    limits = Limits(explicit.get("max_growth"), explicit.get("max_growth_per_query"), explicit.get("max_memory"))
    return None if limits == Limits() else limits
