"""``soak ablate``: throw the target's switches one at a time and say what each contributes to its growth."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import options
from harness.cli.run import require_scenario
from harness.model import ExitCode, Outcome
from harness.orchestrate.ablate import BASE, REFERENCE_SWITCHES, arms_for, parse_switch
from harness.plan.document import Plan, load_plan


def ablate(
    scenario: Annotated[
        str | None, typer.Argument(envvar="SOAK_SCENARIO", help="What to drive; mixed without it.")
    ] = None,
    switch: Annotated[
        list[str] | None,
        typer.Option(
            "--switch", "-s", help="NAME=VALUE or --flag, 'label: ' before it if wanted; once each.", metavar="SWITCH"
        ),
    ] = None,
    run_count: Annotated[int, typer.Option("--run", help="Runs of each variant, interleaved.", metavar="N")] = 2,
    config: options.Config = None,
    duration: options.Duration = None,
    speedup: options.Speedup = None,
    seed: options.Seed = None,
    target_command: Annotated[
        str | None, typer.Option(envvar="SOAK_TARGET_COMMAND", help="Start this as target.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with an interrupted ladder.", metavar="DIR")] = None,
    out: options.Out = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Repeat a run with each switch of the target thrown, one at a time, and rank what they contribute to growth.

    Without --switch, the reference backend's five fixes. Exits 0 when all runs were made and are valid. Examples:

      soak ablate -s "tracker: DISABLE_MEMORY_TRACKER=true" -s "cache: --no-cache" --target-command "node server.js"

      soak ablate --config soak.toml --run 3

      soak ablate --resume reports/20261122T131500Z-ablate-1a2b --config soak.toml
    """
    overrides: dict[str, dict[str, Any]] = {
        "run": {"scenario": scenario, "duration": duration, "speedup": speedup, "seed": seed, "out": out},
        "target": {"command": target_command},
    }
    plan = _with_scenario(load_plan(config, overrides))
    require_scenario(plan)
    words = switch or (list(REFERENCE_SWITCHES) if plan.target.command is None else [])
    arms = arms_for(plan, [parse_switch(text) for text in words])

    from harness.cli.experiments import begin_or_resume, carry_out_experiment

    results = carry_out_experiment(begin_or_resume("ablate", arms, run_count, resume), quiet=quiet)
    if not all(results.runs.values()):
        return ExitCode.INTERRUPTED
    code = _report(results.path, results.runs, as_json=as_json, quiet=quiet)
    return code if results.complete else ExitCode.INTERRUPTED


def _with_scenario(plan: Plan) -> Plan:
    if plan.run.scenario is not None or plan.run.locustfile is not None:
        return plan
    return plan.model_copy(update={"run": plan.run.model_copy(update={"scenario": "mixed"})})


def _report(path: Path, runs: dict[str, tuple[Path, ...]], *, as_json: bool, quiet: bool) -> ExitCode:
    from harness.analysis.compare import pooled
    from harness.cli.compare_text import write_contributions
    from harness.cli.experiments import write_report
    from harness.comparison import measure
    from harness.contributions import contributions
    from harness.report.experiments import ladder_page

    measured = {name: [measure(run) for run in paths] for name, paths in runs.items()}
    base = measured.pop(BASE)
    growth = pooled([run.verdict.memory.growth_per_h for run in base])
    found = contributions(base, measured)
    data = {
        "experiment": str(path),
        "base_growth_bytes_per_h": growth.to_json(),
        "switches": [one.to_json() for one in found],
        "runs": {name: [str(run) for run in paths] for name, paths in runs.items()},
    }
    if as_json:
        sys.stdout.write(json.dumps(data, allow_nan=False) + "\n")
    told = None if as_json and quiet else sys.stderr if as_json else sys.stdout
    if told is not None:
        write_contributions(found, growth, told)
    write_report(lambda: ladder_page(found, growth, path.name), data, path / "ladder.html", told)
    invalid = [run for side in (base, *measured.values()) for run in side if run.verdict.outcome is Outcome.INVALID]
    for run in invalid:
        sys.stderr.write(f"soak: {run.path} is invalid: {run.verdict.reasons[0]}\n")
    return ExitCode.INVALID if invalid else ExitCode.PASS
