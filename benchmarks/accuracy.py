"""How often the verdict is wrong: labelled series, class by class, beside four rules that people use.

Prints false alarms (FAIL on a clean series), false passes, recall, coverage of the 95 % interval, the slope that a run
could have seen, and milliseconds. ``--quick`` runs a tenth; ``--jobs`` processes (1 or 2; the work is numpy in one
thread each). Clean series are judged under the default limits (fails above 0.1 MB/min, passes below 1 MB/min). A
leaking class is judged twice: with a leak of ``STRENGTH`` standard errors of the best linear estimate, under a limit
of an eighth of it (recall), and with a leak of twice a budget of 1 MB/min (false pass).
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _known_shapes import MB, Floats, Series
from _recorded_runs import Judge, show_recorded
from labelled import KINDS, Kind
from scipy.stats import kendalltau
from scipy.stats import t as student

from harness.analysis.facts import analyse
from harness.model import Limits, Outcome
from harness.rules.circumstances import Circumstances
from harness.rules.figures import held_back
from harness.rules.gates import judge_gates
from harness.rules.obstacles import obstacles_of, outcome_of

STRENGTH = 16.0
SHARE = 8.0
FAIL_PER_S, PASS_PER_S = 0.1 * MB / 60.0, 1.0 * MB / 60.0


def tracker_rule(t_s: Floats, y: Floats, fail: float, passes: float) -> Outcome:
    """The incident's own tracker: an alarm when any minute grew faster than the limit (there, 50 MB/min)."""
    minutes = np.arange(t_s[0], t_s[-1], 60.0)
    grown = np.diff(np.interp(minutes, t_s, y)) / 60.0
    return Outcome.FAIL if np.max(grown) > max(fail, passes) else Outcome.PASS


def ordinary_least_squares(t_s: Floats, y: Floats, fail: float, passes: float) -> Outcome:
    """A line through all samples with its textbook 99 % interval."""
    u = t_s - t_s.mean()
    slope = float(u @ (y - y.mean()) / (u @ u))
    residual = y - y.mean() - slope * u
    half = float(student.ppf(0.995, t_s.size - 2)) * np.sqrt(residual @ residual / (t_s.size - 2) / (u @ u))
    return _three(slope - half, slope + half, fail, passes)


def mann_kendall_sen(t_s: Floats, y: Floats, fail: float, passes: float) -> Outcome:
    """Mann-Kendall at 1 % on minute means, Sen's slope against the limits."""
    edges = np.floor((t_s - t_s[0]) / 60.0).astype(int)
    counts = np.bincount(edges)
    seen = counts > 0
    means = np.bincount(edges, y)[seen] / counts[seen]
    times = np.bincount(edges, t_s)[seen] / counts[seen]
    i, j = np.triu_indices(means.size, 1)
    slope = float(np.median((means[j] - means[i]) / (times[j] - times[i])))
    trend = kendalltau(times, means).pvalue < 0.01 and slope > 0
    if trend and slope > fail:
        return Outcome.FAIL
    return Outcome.PASS if slope < passes else Outcome.INCONCLUSIVE


def r_squared(t_s: Floats, y: Floats, fail: float, passes: float) -> Outcome:
    """A leak is what a straight line explains to 80 %."""
    u = t_s - t_s.mean()
    slope = float(u @ (y - y.mean()) / (u @ u))
    explained = float(np.corrcoef(t_s, y)[0, 1]) ** 2
    return Outcome.FAIL if explained >= 0.8 and slope > fail else Outcome.PASS


def _three(low: float, high: float, fail: float, passes: float) -> Outcome:
    if low > fail:
        return Outcome.FAIL
    return Outcome.PASS if high < passes else Outcome.INCONCLUSIVE


BASELINES: dict[str, Judge] = {
    "tracker": tracker_rule,
    "OLS": ordinary_least_squares,
    "MK+Sen": mann_kendall_sen,
    "R2": r_squared,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """One series judged: our outcome, the baselines', and what our estimate was worth."""

    ours: Outcome
    theirs: tuple[Outcome, ...]
    covered: bool
    per_query: tuple[bool, ...]
    detectable: float
    took_s: float


def judge(series: Series, fail: float, passes: float, baselines: bool) -> Mark:
    """``series`` under limits in bytes per second."""
    began = time.perf_counter()
    facts = analyse(series.t_s, series.y, series.setting)
    same = fail == passes
    limits = Limits(max_growth_bytes_per_h=passes * 3600.0) if same else Limits()
    circumstances = Circumstances(limits)
    gates = tuple(gate for gate in judge_gates(facts, circumstances) if gate.name == "max_growth")
    ours = outcome_of(gates, obstacles_of(facts, gates, circumstances), ())
    took_s = time.perf_counter() - began
    growth = facts.growth
    assert growth is not None
    shown = held_back(growth, growth.at_end)
    low, high = shown.low, shown.high
    assert low is not None
    assert high is not None
    parts = tuple(
        p.per_query.low <= series.per_query[p.kind] <= p.per_query.high
        for p in growth.parts
        if p.per_query.low is not None and p.per_query.high is not None
    )
    theirs = tuple(rule(series.t_s, series.y, fail, passes) for rule in BASELINES.values()) if baselines else ()
    return Mark(ours, theirs, low <= series.slope <= high, parts, growth.detectable, took_s)


def class_marks(work: tuple[int, str, int, int]) -> tuple[int, str, list[Mark]]:
    """All series of one class in one mode."""
    index, mode, count, seed = work
    kind = KINDS[index]
    leak = {"clean": 0.0, "recall": STRENGTH * kind.error, "double": 2.0 * PASS_PER_S}[mode]
    fail, passes = FAIL_PER_S, PASS_PER_S
    if mode == "recall":
        fail = passes = leak / SHARE
    marks = [
        judge(kind.make(np.random.default_rng([seed, index, i]), leak), fail, passes, mode != "double")
        for i in range(count)
    ]
    return index, mode, marks


def share(marks: list[Mark], outcome: Outcome) -> float:
    return sum(mark.ours is outcome for mark in marks) / len(marks)


def row(kind: Kind, marks: list[Mark], double: list[Mark] | None) -> str:
    wrong = Outcome.PASS if kind.leaks else Outcome.FAIL
    right = Outcome.FAIL if kind.leaks else Outcome.PASS
    theirs = [sum(mark.theirs[b] is wrong for mark in marks) / len(marks) for b in range(len(BASELINES))]
    right_theirs = [sum(mark.theirs[b] is right for mark in marks) / len(marks) for b in range(len(BASELINES))]
    queries = [covered for mark in marks for covered in mark.per_query]
    cells = [
        f"{kind.name:<22}{'held out' if kind.held_out else '':<9}",
        f"{share(marks, wrong):6.1%} {share(marks, right):6.1%} {share(marks, Outcome.INCONCLUSIVE):6.1%}",
        f"{np.mean([mark.covered for mark in marks]):6.1%}",
        f"{np.mean(queries):6.1%}" if queries else "      ",
        f"{share(double, Outcome.PASS):6.1%}" if double is not None else "      ",
        f"{np.median([mark.detectable for mark in marks]) * 60 / MB:7.3f}",
        f"{np.median([mark.took_s for mark in marks]) * 1e3:4.0f}",
        " ".join(f"{bad:4.0%}/{good:4.0%}" for bad, good in zip(theirs, right_theirs, strict=True)),
    ]
    return "  ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=50, help="series of each class and mode; 0 for none")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--recorded", type=Path, help="also judge the runs that record_runs.py made in this folder")
    parser.add_argument("--each", action="store_true", help="a line for every recorded run")
    arguments = parser.parse_args()
    count = 5 if arguments.quick else arguments.count
    if count:
        show_simulated(count, arguments.seed, arguments.jobs)
    if arguments.recorded is not None:
        show_recorded(arguments.recorded, BASELINES, each=arguments.each)


def show_simulated(count: int, seed: int, jobs: int) -> None:
    work = [
        (index, mode, count, seed)
        for index, kind in enumerate(KINDS)
        for mode in (("recall", "double") if kind.leaks else ("clean",))
    ]
    results: dict[tuple[int, str], list[Mark]] = {}
    with ProcessPoolExecutor(jobs) as pool:
        for index, mode, marks in pool.map(class_marks, work):
            results[index, mode] = marks
    show(results, count)


def show(results: dict[tuple[int, str], list[Mark]], count: int) -> None:
    total = sum(len(marks) for marks in results.values())
    print(f"{total} labelled series, {count} of each class and mode\n")
    print(
        f"{'':<33}ours: wrong  right  incon.  cover   /query  2x:pass detect. ms   wrong/right of "
        + ", ".join(BASELINES)
    )
    print(f"{'':<33}                                                 MB/min")
    for leaks in (False, True):
        print("leaking: a PASS is wrong" if leaks else "clean: a FAIL is wrong")
        for index, kind in enumerate(KINDS):
            if kind.leaks is leaks:
                mode = "recall" if leaks else "clean"
                print(row(kind, results[index, mode], results.get((index, "double"))), flush=True)
    summary(results)


def summary(results: dict[tuple[int, str], list[Mark]]) -> None:
    def pick(mode: str, possible: bool) -> list[Mark]:
        return [
            mark
            for (index, m), marks in results.items()
            if m == mode and (not possible or KINDS[index].impossible is None)
            for mark in marks
        ]

    print()
    for name, possible in (("all classes", False), ("without the impossible ones", True)):
        clean = pick("clean", possible)
        print(f"false FAIL, {name}: {share(clean, Outcome.FAIL):.2%} of {len(clean)}")
    double, recall = pick("double", True), pick("recall", True)
    print(f"false PASS at twice the budget: {share(double, Outcome.PASS):.2%} of {len(double)}")
    print(f"recall at {STRENGTH:g} standard errors: {share(recall, Outcome.FAIL):.1%} of {len(recall)}")
    every = [*pick("clean", True), *recall, *double]
    print(f"coverage of 95 % intervals: {np.mean([mark.covered for mark in every]):.1%} of {len(every)}")
    for kind in KINDS:
        if kind.impossible is not None:
            print(f"impossible: {kind.name}: {kind.impossible}")
        if kind.weak is not None:
            print(f"covers too little: {kind.name}: {kind.weak}")


if __name__ == "__main__":
    main()
