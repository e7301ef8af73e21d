"""What ``compare`` and ``ablate`` share: carry an experiment out, say how far it is, and write its report."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from harness.cli.carry import carry_out_with_view, judgement
from harness.cli.evidence import require_diagnosable
from harness.errors import UsageError
from harness.model import EndReason, ExitCode
from harness.orchestrate.experiment import Arm, Experiment, Progress, Results
from harness.orchestrate.run import Finished, prepare
from harness.plan.document import Plan
from harness.units import format_duration

if TYPE_CHECKING:
    from harness.report.page import Page

ATTEMPTS = 2
"""An invalid run (generator saturated, target died) is made once more: it says nothing about its arm."""


def carry_out_experiment(experiment: Experiment, *, quiet: bool, stream: TextIO | None = None) -> Results:
    """Makes the runs that are missing, each judged and reported like any other, with the time left said before each."""
    told = stream if stream is not None else sys.stderr

    def run_one(plan: Plan) -> Finished:
        for _ in range(ATTEMPTS):
            finished = carry_out_with_view(plan, quiet=quiet, stream=told)
            if finished.reason is EndReason.INTERRUPTED or judgement(finished)[0] is not ExitCode.INVALID:
                break
            told.write(f"{finished.path} is invalid; it is kept and made again\n")
        return finished

    def tell(progress: Progress) -> None:
        if not quiet:
            left = "" if progress.left_s is None else f", about {format_duration(progress.left_s)} left"
            told.write(f"\nrun {progress.number} of {progress.count}: {progress.trial.arm}{left}\n")

    results = experiment.carry_out(run_one, tell)
    if not results.complete:
        told.write(f"interrupted; what was recorded is stored: go on with --resume {results.path}\n")
    return results


def write_report(build: Callable[[], Page], data: dict[str, Any], path: Path, told: TextIO | None) -> None:
    """Writes the page to ``path`` with ``data`` as JSON beside it, says where, and adds to GitHub's step summary.

    Whatever goes wrong in that, the findings stand.
    """
    try:
        from harness.gate.annotations import append_summary
        from harness.report.experiments import write_page
        from harness.report.markdown import markdown_text
        from harness.store.whole import write_whole

        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path.with_suffix(".json"), (json.dumps(data, indent=1, allow_nan=False) + "\n").encode())
        page = build()
        write_page(page, path)
        append_summary(markdown_text(page, picture=None), os.environ)
    except Exception as error:
        sys.stderr.write(f"soak: the report could not be written: {error}; what was found stands\n")
        return
    if told is not None:
        told.write(f"report: {path}\n")


def begin_or_resume(what: str, arms: list[Arm], replicates: int, resume: Path | None) -> Experiment:
    """A new experiment in the first plan's folder, or an interrupted one. Raises UsageError, RunFormatError.

    What is wrong with any of the arms is told now, not when its first run comes, hours later.
    """
    for arm in arms:
        require_diagnosable(arm.plan)
        prepare(arm.plan)
    if resume is not None:
        return Experiment.resume(resume, arms)
    if replicates < 1:
        raise UsageError(f"expected at least one run a side, found {replicates}")
    return Experiment.begin(arms[0].plan.run.out, what, arms, replicates)
