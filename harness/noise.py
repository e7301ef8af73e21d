"""The noise of a stored run, for planning the next: what is left of its primary metric when its growth is taken out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.analysis.facts import analyse
from harness.analysis.planning import Noise, noise_of
from harness.errors import RunFormatError
from harness.judge.growing import GrowingRun
from harness.model import WARMUP_PHASE
from harness.recorded import phases_of


def noise_of_run(run_dir: Path) -> tuple[Noise, str, float]:
    """Noise, scenario and speedup of the run in ``run_dir``. Raises RunFormatError where it is too short to know."""
    run = GrowingRun(run_dir)
    run.read()
    facts = analyse(run.t_s, run.y, run.setting())
    noise = noise_of(facts)
    if noise is None:
        raise RunFormatError(
            f"expected a run with at least 8 usable levels at {run_dir}, found fewer: run a longer pilot"
        )
    phases = phases_of(tuple(run.events), facts.end_s)
    cycles = {p.cycle for p in phases if p.loaded and p.name != WARMUP_PHASE and p.cycle is not None}
    if cycles and facts.length_s > 0:
        noise = replace(noise, cycle_s=facts.length_s / len(cycles))
    return noise, run.manifest.scenario, run.manifest.speedup
