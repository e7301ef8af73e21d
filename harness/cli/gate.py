"""``soak gate``: the outcome of a stored run as an exit code, for CI."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from harness.cli import options
from harness.cli.loading import loading
from harness.model import EXIT_CODE_OF_OUTCOME, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from harness.assess import Assessment


def gate(
    run: options.RunDirectory,
    config: options.Config = None,
    max_growth: options.MaxGrowth = None,
    max_growth_per_query: options.MaxGrowthPerQuery = None,
    max_memory: options.MaxMemory = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Leave with the outcome of RUN: 0 pass, 1 fail, 3 inconclusive, 4 invalid. Nothing is written into it.

    Gates: those of the plan that --config names, else those of the run's own plan; limits given here replace the
    plan's. On GitHub it annotates the step and adds to its summary. Examples:

      soak gate reports/20261122T131500Z-mixed-1a2b --max-growth "5 MB/min"

      soak gate reports/20261122T131500Z-mixed-1a2b --config soak.toml --json
    """
    assessment = _judged(run, config, (max_growth, max_growth_per_query, max_memory))

    verdict = assessment.verdict
    stream = sys.stderr if as_json else sys.stdout
    if as_json:
        sys.stdout.write(json.dumps({**verdict.to_json(), "run": str(run)}, allow_nan=False) + "\n")
    if not quiet:
        for line in _lines(assessment):
            stream.write(line + "\n")
    _tell_ci(run, assessment)
    return EXIT_CODE_OF_OUTCOME[verdict.outcome]


def _judged(run: Path, config: Path | None, flags: tuple[str | None, str | None, str | None]) -> Assessment:
    with loading():
        from harness.gate.judge import judge_run

    if config is None:
        return judge_run(run, options.limits_given(*flags))

    from harness.plan.document import load_plan

    plan = load_plan(config, options.gate_overrides(*flags))
    return judge_run(run, plan.gates.limits(), plan)


def _lines(assessment: Assessment) -> list[str]:
    """One line a gate, aligned, under the outcome and its reason."""
    from harness.report.story import gate_limit, gate_title, gate_value, why

    verdict = assessment.verdict
    rows = [(gate.outcome.value, gate_title(gate), gate_value(gate), gate_limit(gate)) for gate in verdict.gates]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [f"{verdict.outcome.value.upper()}: {why(verdict)}"]
    lines += [
        f"  {outcome:<{widths[0]}}  {title:<{widths[1]}}  {value:<{widths[2]}}  limit {limit}"
        for outcome, title, value, limit in rows
    ]
    return lines + [f"  note: {note}" for note in verdict.notes]


def _tell_ci(run: Path, assessment: Assessment) -> None:
    """GitHub reads commands from either stream, so stdout stays what it is."""
    from harness.gate.annotations import append_summary, github_commands

    for command in github_commands(assessment.verdict, os.environ):
        sys.stderr.write(command + "\n")
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        from harness.report.markdown import markdown_text
        from harness.report.pictures import Scene
        from harness.report.sections import build_page
        from harness.report.source import read_facts

        facts = read_facts(run, assessment.evidence.primary)
        page = build_page(Scene(facts, assessment.verdict, assessment.evidence), None)
        try:
            append_summary(markdown_text(page, picture=None), os.environ)
        except OSError as error:
            sys.stderr.write(f"soak: the step's summary could not be written: {error}; the outcome stands\n")
