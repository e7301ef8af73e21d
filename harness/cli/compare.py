"""``soak compare``: what a candidate does to the growth of a base, from stored runs or from runs made for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import UsageError
from harness.model import ExitCode, Outcome

_CODES = {
    Outcome.PASS: ExitCode.PASS,
    Outcome.FAIL: ExitCode.FAIL,
    Outcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Outcome.INVALID: ExitCode.INVALID,
}
_WORDS = {
    Outcome.PASS: "NO REGRESSION",
    Outcome.FAIL: "REGRESSION",
    Outcome.INCONCLUSIVE: "CANNOT TELL",
    Outcome.INVALID: "INVALID",
}


def compare(
    base: Annotated[str | None, typer.Argument(help="A run, several with commas between, or a folder of runs.")] = None,
    candidate: Annotated[str | None, typer.Argument(help="The same, of what is compared with it.")] = None,
    run_count: Annotated[
        int | None, typer.Option("--run", help="Make N runs a side, interleaved, from two plans (-c).", metavar="N")
    ] = None,
    configs: Annotated[
        list[Path] | None, typer.Option("--config", "-c", help="With --run: the base's plan, then the candidate's.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="With --run: go on with an interrupted comparison.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Compare although machine or plan differ.")] = False,
    out: options.Out = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Say what CANDIDATE does to the growth of BASE: how much it removes, of which kind, and whether a leak persists.

    Exits 1 on a regression, 3 when it cannot tell, 2 when the runs cannot be compared. Examples:

      soak compare reports/20261122T131500Z-mixed-1a2b reports/20261122T134000Z-mixed-77c0

      soak compare before/ after/

      soak compare --run 3 -c before.toml -c after.toml
    """
    makes_runs = run_count is not None or resume is not None
    sides = _made(run_count, configs, resume, out, quiet) if makes_runs else _named(base, candidate, configs)
    if sides is None:
        return ExitCode.INTERRUPTED

    from harness.cli.compare_text import write_comparison
    from harness.comparison import compare_runs, measure, mismatches

    measured = [[measure(path) for path in side] for side in sides]
    differing = mismatches(measured[0], measured[1])
    if differing and not anyway:
        shown = "; ".join(differing[:3]) + (f"; and {len(differing) - 3} more" if len(differing) > 3 else "")
        raise UsageError(
            f"expected runs of one plan on one machine, found: {shown}; --anyway compares them all the same"
        )
    found = compare_runs(measured[0], measured[1])
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), allow_nan=False) + "\n")
    if not (as_json and quiet):
        stream = sys.stderr if as_json else sys.stdout
        stream.write(f"{_WORDS[found.outcome]}\n")
        write_comparison(found, stream)
    return _CODES[found.outcome]


def _named(
    base: str | None, candidate: str | None, configs: list[Path] | None
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    from harness.comparison import runs_at

    if configs:
        raise UsageError("expected --run N beside -c, found none; stored runs bring their own plan")
    if base is None or candidate is None:
        raise UsageError("expected two runs to compare, or --run N -c BASE.toml -c CANDIDATE.toml")
    return runs_at(base), runs_at(candidate)


def _made(
    count: int | None, configs: list[Path] | None, resume: Path | None, out: Path | None, quiet: bool
) -> tuple[tuple[Path, ...], tuple[Path, ...]] | None:
    """Runs of both plans in turn; None when interrupted."""
    from harness.cli.experiments import begin_or_resume, carry_out_experiment
    from harness.cli.run import require_scenario
    from harness.orchestrate.experiment import Arm
    from harness.plan.document import load_plan

    if configs is None or len(configs) != 2:
        raise UsageError(f"expected two plans (-c BASE.toml -c CANDIDATE.toml) with --run, found {len(configs or ())}")
    arms = []
    for name, config in zip(("base", "candidate"), configs, strict=True):
        plan = load_plan(config, {"run": {"out": out}})
        require_scenario(plan)
        arms.append(Arm(name, plan))
    results = carry_out_experiment(begin_or_resume("compare", arms, 1 if count is None else count, resume), quiet=quiet)
    return (results.runs["base"], results.runs["candidate"]) if results.complete else None
