"""Labelled memory series: what is in them is known, so a method can be marked right or wrong.

Classes of sections 4.1 and 4.2 of the method study, and held-out shapes that no constant of the analysis was chosen
on. ``strength`` is the leak in standard errors of the best linear estimate under the class's own noise
(``SE = sqrt(12 w / T**3)``, study, section 2.1), so classes can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import _known_shapes as known
import _unforeseen_shapes as unforeseen
import numpy as np
from _known_shapes import LENGTH_S, MB, Series


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of series. ``make`` takes a generator and the leak in bytes per second.

    ``error`` is the oracle's standard error of a slope in bytes per second under the class's noise. ``weak`` says why
    the interval covers less than it should.
    """

    name: str
    make: Callable[[np.random.Generator, float], Series]
    error: float
    leaks: bool
    held_out: bool = False
    impossible: str | None = None
    weak: str | None = None


def oracle_error(long_run_variance: float) -> float:
    """Standard error of a slope per second over the hour, for noise of that long-run variance (bytes squared x s)."""
    return float(np.sqrt(12.0 * long_run_variance / LENGTH_S**3))


WHITE = oracle_error((5 * MB) ** 2)
AR9 = oracle_error((5 * MB) ** 2 * 1.9 / 0.1)
AR99 = oracle_error((10 * MB) ** 2 * 1.99 / 0.01)
SAW = oracle_error((7.0 * MB) ** 2 * 8.0)
SQUARE = 3.1 * AR9
"""Spread of an ordinary slope over 400 clean square waves: who does not know the wave has it as noise."""
CUT = 1.87 * AR9
"""A run cut at p of its length, by a restart or by a rise of unknown height, has two levels to find:
(p**3 + (1 - p)**3) ** -0.5, over p from 0.3 to 0.7."""
TRIANGLE, JOBS = 2.8 * AR9, 2.8 * AR9
"""The same for the others that come and go."""
TWO = oracle_error((4 * MB) ** 2 * 1.9 / 0.1 + (6 * MB) ** 2 * 1.98 / 0.02)
GARBAGE = AR9
"""What is left in a quiet span differs by up to a minute of garbage, as much as that noise does."""
NESTED = oracle_error((16.0 * MB) ** 2 * 40.0)


_RW = "random-walk memory cannot be told from a trend in one run (study, section 5, point 3)"
_BEND = "where chance hides the bend, the end is taken for the mean slope, which is less"
_PAUSE = "where chance hides the pause, the end is taken for the mean slope, which is less"
_FALL = "the last of a fall, too faint for a term of its own, tilts the line"
_TAIL = "the long tail of a stretched warm-up is taken for growth"
_PART = "less than half a cycle within the run is a straight trend (study, section 5, point 2)"

KINDS: tuple[Kind, ...] = (
    Kind("white", known.white, WHITE, False),
    Kind("AR 0.9", known.ar9, AR9, False),
    Kind("AR 0.99", known.ar99, AR99, False),
    Kind("sawtooth", known.saw, SAW, False),
    Kind("nested collections", known.nested, NESTED, False),
    Kind("warm-up", known.warm, AR9, False),
    Kind("log to plateau", known.log_plateau, AR9, False),
    Kind("one step", known.step, AR9, False),
    Kind("three steps", known.three_steps, AR9, False),
    Kind("restart", known.restart, CUT, False),
    Kind("missing samples", known.missing, AR9, False),
    Kind("cycle", known.cycle, AR9, False),
    Kind("load-coupled level", known.load_coupled, AR9, False),
    Kind("bursts", known.bursts, AR9, False),
    Kind("partial cycle", known.partial_cycle, AR9, False, impossible=_PART),
    Kind("random walk", known.random_walk, AR99, False, impossible=_RW),
    Kind("logistic start", unforeseen.logistic, AR9, False, held_out=True),
    Kind("cache to a cap", unforeseen.cache_cap, AR9, False, held_out=True),
    Kind("square wave", known.square_wave, SQUARE, False),
    Kind("heavy tails", unforeseen.heavy_tails, AR9, False, held_out=True),
    Kind("random telegraph", unforeseen.telegraph, AR99, False, held_out=True),
    Kind("growing saw", unforeseen.growing_saw, SAW, False, held_out=True),
    Kind("two warm-ups", unforeseen.two_warmups, AR9, False, held_out=True),
    Kind("spikes", unforeseen.spikes, AR9, False, held_out=True),
    Kind("quantised", unforeseen.quantised, AR9, False, held_out=True),
    Kind("memory given back", unforeseen.trimmed, AR9, False, held_out=True, weak=_FALL),
    Kind("triangle wave", unforeseen.triangle_wave, TRIANGLE, False, held_out=True),
    Kind("jobs", known.jobs, JOBS, False),
    Kind("stretched warm-up", unforeseen.stretched_warmup, AR9, False, held_out=True, weak=_TAIL),
    Kind("two memories", unforeseen.two_memories, TWO, False, held_out=True),
    Kind("noise that triples", unforeseen.noisy_half, 2.2 * AR9, False, held_out=True),
    Kind("leak + white", known.white, WHITE, True),
    Kind("leak + AR 0.9", known.ar9, AR9, True),
    Kind("leak + AR 0.99", known.ar99, AR99, True),
    Kind("leak under sawtooth", known.saw, SAW, True),
    Kind("leak under nested", known.nested, NESTED, True),
    Kind("leak + warm-up", known.warm, AR9, True),
    Kind("leak + cycle", known.cycle, AR9, True),
    Kind("leak + restart", known.restart, CUT, True),
    Kind("leak + missing", known.missing, AR9, True),
    Kind("leak + step", known.step, AR9, True),
    Kind("staircase by use", known.staircase, AR9, True),
    Kind("staircase under saw", known.staircase_saw, SAW, True),
    Kind("accelerating", known.accelerating, AR9, True, weak=_BEND),
    Kind("late onset", known.late, AR9, True),
    Kind("leak + square wave", known.square_wave, SQUARE, True),
    Kind("leak + heavy tails", unforeseen.heavy_tails, AR9, True, held_out=True),
    Kind("leak + telegraph", unforeseen.telegraph, AR99, True, held_out=True),
    Kind("leak, growing saw", unforeseen.growing_saw, SAW, True, held_out=True),
    Kind("leak + spikes", unforeseen.spikes, AR9, True, held_out=True),
    Kind("leak, quantised", unforeseen.quantised, AR9, True, held_out=True),
    Kind("leak + triangle wave", unforeseen.triangle_wave, TRIANGLE, True, held_out=True),
    Kind("leak + jobs", known.jobs, JOBS, True),
    Kind("leak + stretched start", unforeseen.stretched_warmup, AR9, True, held_out=True, weak=_TAIL),
    Kind("leak + two memories", unforeseen.two_memories, TWO, True, held_out=True),
    Kind("leak with hiccups", unforeseen.hiccups, AR9, True, held_out=True),
    Kind("leak + noise triples", unforeseen.noisy_half, 2.2 * AR9, True, held_out=True),
    Kind("polled garbage", known.polled_garbage, GARBAGE, False),
    Kind("leak + polled garbage", known.polled_garbage, GARBAGE, True),
    Kind("slow step", known.ramp, CUT, False),
    Kind("compound", known.compound, AR9, True, weak=_BEND),
    Kind("paused", known.paused, AR9, True, weak=_PAUSE),
    Kind("leak + slow step", known.ramp, CUT, True),
)
