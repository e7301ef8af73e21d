"""Draws the pictures of ``docs/verdict.md``: each shape as recorded, with the levels, the fit and what naive rules
would say.

``python benchmarks/verdict_pictures.py`` writes ``docs/img/verdict-*.svg``, the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import _known_shapes as known
import matplotlib
import numpy as np
from accuracy import BASELINES, FAIL_PER_S, PASS_PER_S
from matplotlib.figure import Figure

from harness.analysis.facts import Facts, analyse
from harness.model import Limits
from harness.rules.circumstances import Circumstances
from harness.rules.gates import judge_gates
from harness.rules.obstacles import obstacles_of, outcome_of

FOLDER = Path(__file__).parent.parent / "docs" / "img"
MB = 1e6
SHOWN: dict[str, tuple[str, Callable[[np.random.Generator, float], known.Series], float]] = {
    "flat": ("Flat, with memory of its own past", known.ar9, 0.0),
    "sawtooth": ("Collections, and nothing is kept", known.saw, 0.0),
    "leak-under-saw": ("Collections, and 0.5 MB a minute is kept", known.saw, 0.5 * MB / 60),
    "plateau": ("Warm-up that ends", known.warm, 0.0),
    "step": ("One cache is filled once", known.step, 0.0),
    "staircase": ("Grows only while one kind of use goes on", known.staircase, 1.5 * MB / 60),
    "accelerating": ("Grows faster and faster", known.accelerating, 1.5 * MB / 60),
    "part-of-a-cycle": ("Part of one cycle: cannot be told from a trend", known.partial_cycle, 0.0),
}


def sentence(facts: Facts, series: known.Series) -> str:
    """Our outcome and growth, and what the baselines say."""
    circumstances = Circumstances(Limits())
    gates = tuple(gate for gate in judge_gates(facts, circumstances) if gate.name == "max_growth")
    ours = outcome_of(gates, obstacles_of(facts, gates, circumstances), ())
    growth = facts.growth
    assert growth is not None
    low, estimate, high = (
        (value or 0.0) * 60 / MB for value in (growth.at_end.low, growth.at_end.estimate, growth.at_end.high)
    )
    theirs = ", ".join(
        f"{name} {rule(series.t_s, series.y, FAIL_PER_S, PASS_PER_S)}" for name, rule in BASELINES.items()
    )
    return (
        f"{facts.form.shape}: {ours.upper()}, {estimate:.2f} MB/min ({low:.2f} to {high:.2f}); "
        f"truth {series.slope * 60 / MB:.2f}\nnaive rules: {theirs}"
    )


def draw(name: str, title: str, series: known.Series) -> None:
    facts = analyse(series.t_s, series.y, series.setting)
    levels, growth = facts.levels, facts.growth
    assert levels is not None
    assert growth is not None
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for phase in series.setting.phases:
        if phase.kind == "voice":
            axes.axvspan(phase.start_s / 60, phase.end_s / 60, color="0.9", lw=0)
    axes.plot(series.t_s[::4] / 60, series.y[::4] / MB, color="0.65", lw=0.5, label="samples")
    axes.plot(levels.t_s / 60, levels.y / MB, ".", color="black", ms=3, label=f"levels ({levels.kind})")
    axes.plot(levels.t_s / 60, growth.fitted / MB, color="#c0392b", lw=1.4, label="fit")
    axes.set_title(f"{title}\n{sentence(facts, series)}", fontsize=8, loc="left")
    axes.set_xlabel("minutes", fontsize=8)
    axes.set_ylabel("MB", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=7, loc="lower right")
    with matplotlib.rc_context({"svg.hashsalt": "verdict"}):
        figure.savefig(FOLDER / f"verdict-{name}.svg", metadata={"Date": None})


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number, (name, (title, make, leak)) in enumerate(SHOWN.items()):
        draw(name, title, make(np.random.default_rng(40 + number), leak))
        print(FOLDER / f"verdict-{name}.svg")


if __name__ == "__main__":
    main()
