"""``soak compare``: what a candidate does to the growth of a base, from stored runs or from runs made for it."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.cli.loading import loading
from harness.errors import UsageError
from harness.model import EXIT_CODE_OF_OUTCOME, ExitCode, Outcome

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
    no_write: Annotated[bool, typer.Option("--no-write", help="Write no report.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Compare although machine or plan differ.")] = False,
    out: options.Out = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Say what CANDIDATE does to the growth of BASE: how much it removes, of which kind, and whether a leak persists.

    The report (HTML, Markdown, JSON) goes beside the candidate, into --out DIR, or with --run beside the runs made; the
    runs themselves are left alone. Exits 1 on a regression, 3 when it cannot tell, 2 when the runs cannot be compared.
    Examples:

      soak compare reports/20261122T131500Z-mixed-1a2b reports/20261122T134000Z-mixed-77c0

      soak compare before/ after/

      soak compare --run 3 -c before.toml -c after.toml
    """
    if run_count is not None or resume is not None:
        made = _made(run_count, configs, resume, out, quiet)
        if made is None:
            return ExitCode.INTERRUPTED
        sides, page_path = made
    else:
        sides = _named(base, candidate, configs)
        page_path = (_folder_of(sides[1][0]) if out is None else out) / f"{_stem(sides)}.html"

    with loading():
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
    data = found.to_json()
    if as_json:
        sys.stdout.write(json.dumps(data, allow_nan=False) + "\n")
    stream = sys.stderr if as_json else sys.stdout
    if not (as_json and quiet):
        stream.write(f"{_WORDS[found.outcome]}\n")
        write_comparison(found, stream)
    if not no_write:
        from harness.cli.experiments import write_report
        from harness.report.experiments import comparison_page

        write_report(lambda: comparison_page(found), data, page_path, None if as_json and quiet else stream)
    return EXIT_CODE_OF_OUTCOME[found.outcome]


def _folder_of(run: Path) -> Path:
    """Where ``run`` lies; never the run itself, however it was named (``.``)."""
    return run.parent if run.name not in ("", "..") else run.resolve().parent


def _stem(sides: tuple[tuple[Path, ...], tuple[Path, ...]]) -> str:
    """A name that says what is compared, the same for the same runs."""
    names = [side[0].resolve().name + (f"+{len(side) - 1}-{_digest(side)}" if len(side) > 1 else "") for side in sides]
    return f"comparison-{names[0]}-{names[1]}"


def _digest(side: tuple[Path, ...]) -> str:
    return hashlib.sha256("/".join(path.name for path in side).encode()).hexdigest()[:4]


def _named(
    base: str | None, candidate: str | None, configs: list[Path] | None
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    from harness.store.runs import runs_at

    if configs:
        raise UsageError("expected --run N beside -c, found none; stored runs bring their own plan")
    if base is None or candidate is None:
        raise UsageError("expected two runs to compare, or --run N -c BASE.toml -c CANDIDATE.toml")
    return runs_at(base), runs_at(candidate)


def _made(
    count: int | None, configs: list[Path] | None, resume: Path | None, out: Path | None, quiet: bool
) -> tuple[tuple[tuple[Path, ...], tuple[Path, ...]], Path] | None:
    """Runs of both plans in turn, and where their report goes; None when interrupted."""
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
    if not results.complete:
        return None
    return (results.runs["base"], results.runs["candidate"]), results.path / "comparison.html"
