"""How many seconds of load until a correct verdict, with early stop, beside a fixed soak judged by usual methods.

    python benchmarks/time_to_verdict.py [--quick] [--seeds N] [--jobs 2] [--recorded FOLDER]

Simulated runs have a known truth: leaks by use, by one kind alone and by time, under noise that is correlated over five
seconds, against budgets of 1, 10 and 50 MB/min. A decision is wrong when it is FAIL for growth below the limit or PASS
for growth above it. ``--recorded`` plays the runs that
``record_runs.py`` made in a folder again, row by row, with the judge looking as it would have; their truth is the
backend's own ledger.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _replay import Replayed, replay
from _simulated_soak import KINDS, Soak, Truth, simulate, until
from scipy.stats import kendalltau, linregress

from harness.analysis.facts import analyse
from harness.analysis.regression import Floats
from harness.analysis.sequential import look
from harness.judge.bench import AGAIN, question_for
from harness.model import Limits, Outcome
from harness.rules.circumstances import Circumstances
from harness.rules.gates import judge_gates
from harness.rules.obstacles import obstacles_of, outcome_of

MB_PER_MIN = 1e6 / 60.0
LOOK_S = 5.0
FIXED_S = 600.0
BUDGETS = (1.0, 10.0, 50.0)
LEAKS = (1.0, 5.0, 20.0, 100.0, 500.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One row: growth at the mix and budget in MB/min (None: the default limits), and how the leak comes about."""

    leak: float
    budget: float | None
    shape: str
    duration_s: float
    queries_per_s: float

    @property
    def wanted(self) -> Outcome:
        return Outcome.FAIL if self.leak > 0.0 else Outcome.PASS

    @property
    def limits(self) -> Limits:
        return Limits() if self.budget is None else Limits(self.budget * MB_PER_MIN * 3600.0)


@dataclass(frozen=True, slots=True)
class Decision:
    """``early`` says whether the run ended before its plan."""

    at_s: float
    outcome: Outcome
    early: bool


def cases() -> Iterator[Case]:
    yield Case(1.0, None, "mix", FIXED_S, 2.0)
    for budget in BUDGETS:
        for leak in (leak for leak in LEAKS if leak >= 2.0 * budget):
            shape = ("mix", "one kind", "time")[int(leak) % 3]
            yield Case(leak, budget, shape, FIXED_S, 2.0)
        yield Case(0.0, budget, "clean", FIXED_S, 2.0)
    yield Case(500.0, 50.0, "mix", 130.0, 8.0)
    yield Case(0.0, 50.0, "clean", 130.0, 8.0)


def soak_of(case: Case, seed: int) -> Soak:
    """One simulated run of a case."""
    rates = simulate(Truth(), case.duration_s, case.queries_per_s, seed).rates_per_s
    growth = case.leak * MB_PER_MIN
    truth = Truth()
    if case.shape == "mix":
        truth = replace(truth, bytes_per_query={kind: growth / sum(rates.values()) for kind in KINDS})
    elif case.shape == "one kind":
        truth = replace(truth, bytes_per_query={"disconnect": growth / rates["disconnect"]})
    elif case.shape == "time":
        truth = replace(truth, bytes_per_s=growth)
    return simulate(truth, case.duration_s, case.queries_per_s, seed)


def decide(soak: Soak, limits: Limits) -> Decision:
    """The run with early stop: looks as the judge makes them, the full analysis at each decision."""
    question = question_for(limits, soak.duration_s, soak.rates_per_s)
    again_s = 0.0
    for now_s in np.arange(LOOK_S, soak.duration_s, LOOK_S).tolist():
        t_s, y, setting = until(soak, now_s)
        found = look(t_s, y, setting, question)
        if found.decision in (Outcome.FAIL, Outcome.PASS) and now_s >= again_s:
            outcome = full(t_s, y, setting, limits)
            if outcome is found.decision:
                return Decision(now_s, outcome, early=True)
            again_s = AGAIN * now_s
    return Decision(soak.duration_s, full(soak.t_s, soak.y, soak.setting, limits), early=False)


def full(t_s: Floats, y: Floats, setting: object, limits: Limits) -> Outcome:
    """The full analysis of what there is."""
    facts = analyse(t_s, y, setting)  # type: ignore[arg-type]
    circumstances = Circumstances(limits)
    gates = judge_gates(facts, circumstances)
    return outcome_of(gates, obstacles_of(facts, gates, circumstances), ())


def least_squares(soak: Soak, budget: float) -> Outcome:
    """Slope of least squares with its usual 99 % interval, the warm-up left out."""
    used = soak.t_s > 0.1 * soak.duration_s
    line = linregress(soak.t_s[used], soak.y[used])
    return _by_interval(float(line.slope), 2.576 * float(line.stderr), budget)


def mann_kendall(soak: Soak, budget: float) -> Outcome:
    """A trend at 1 %, sized by its least-squares slope."""
    used = soak.t_s > 0.1 * soak.duration_s
    rising = float(kendalltau(soak.t_s[used], soak.y[used]).pvalue) < 0.01
    slope = float(linregress(soak.t_s[used], soak.y[used]).slope)
    return Outcome.FAIL if rising and slope > budget else Outcome.PASS


def first_and_last(soak: Soak, budget: float) -> Outcome:
    """The last tenth less the first after the warm-up, over the time between."""
    used = soak.t_s > 0.1 * soak.duration_s
    t_s, y = soak.t_s[used], soak.y[used]
    tenth = t_s.size // 10
    slope = float(np.mean(y[-tenth:]) - np.mean(y[:tenth])) / float(np.mean(t_s[-tenth:]) - np.mean(t_s[:tenth]))
    return Outcome.FAIL if slope > budget else Outcome.PASS


def _by_interval(slope: float, half: float, budget: float) -> Outcome:
    if slope - half > budget:
        return Outcome.FAIL
    return Outcome.PASS if slope + half < budget else Outcome.INCONCLUSIVE


BASELINES: dict[str, Callable[[Soak, float], Outcome]] = {
    "least squares": least_squares,
    "Mann-Kendall": mann_kendall,
    "first and last": first_and_last,
}


def row(case: Case, seeds: range) -> tuple[str, int, int]:
    """A line of the table, the early decisions, and those that were wrong."""
    decisions, right = [], dict.fromkeys(BASELINES, 0)
    for seed in seeds:
        soak = soak_of(case, seed)
        decisions.append(decide(soak, case.limits))
        for name, judge in BASELINES.items():
            budget = (0.1 if case.budget is None else case.budget) * MB_PER_MIN
            right[name] += judge(soak, budget) is case.wanted
    correct = sorted(d.at_s for d in decisions if d.outcome is case.wanted)
    wrong = sum(1 for d in decisions if d.outcome not in (case.wanted, Outcome.INCONCLUSIVE))
    early = sum(1 for d in decisions if d.early)
    times = f"{np.median(correct):6.0f} {np.quantile(correct, 0.95):6.0f}" if correct else "     –      –"
    budget_text = "default" if case.budget is None else f"{case.budget:g}"
    others = " ".join(f"{right[name]:>14}" for name in BASELINES)
    line = (
        f"{case.leak:6g} {budget_text:>8} {case.shape:>9} {case.duration_s:5.0f} {times} "
        f"{len(correct):>4}/{len(decisions)} {early:>6} {wrong:>6}  {others}"
    )
    return line, early, wrong


def play(run: Path) -> Replayed:
    with TemporaryDirectory() as scratch:
        return replay(run, Path(scratch) / "run")


def recorded(played: list[Replayed]) -> None:
    """Real runs by the fault that they had: how many the judge ended, when, and how many wrongly."""
    head = (
        f"{'real runs':<28} {'runs':>5} {'decided early':>14} {'median s':>9} {'p95 s':>6} {'given up':>9} {'wrong':>6}"
    )
    print(f"\n{head}")
    for what in dict.fromkeys(run.name.rpartition("-")[0] for run in played):
        rows = [run for run in played if run.name.rpartition("-")[0] == what]
        times = sorted(run.at_s for run in rows if run.outcome is run.wanted)
        text = f"{np.median(times):9.0f} {np.quantile(times, 0.95):6.0f}" if times else f"{'–':>9} {'–':>6}"
        given_up = sum(run.outcome is Outcome.INCONCLUSIVE for run in rows)
        print(f"{what:<28} {len(rows):>5} {len(times):>14} {text} {given_up:>9} {sum(map(is_wrong, rows)):>6}")
    print(f"wrong decisions: {sum(map(is_wrong, played))} in {len(played)} real runs")


def is_wrong(run: Replayed) -> bool:
    """Whether it was failed or passed against the ledger; a run that is given up as undecidable is not judged."""
    return run.outcome not in (run.wanted, Outcome.INCONCLUSIVE, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two seeds a row")
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--jobs", type=int, default=1, help="processes, 1 or 2")
    parser.add_argument("--recorded", type=Path, help="the folder of record_runs.py")
    arguments = parser.parse_args()
    seeds = range(2 if arguments.quick else arguments.seeds)
    print("MB/min; right answers of a whole soak by other methods at the right")
    header = f"{'leak':>6} {'budget':>8} {'shape':>9} {'plan':>5} {'median':>6} {'p95':>6} {'right':>7} "
    print(header + f"{'early':>6} {'wrong':>6}  " + " ".join(f"{name:>14}" for name in BASELINES))
    total = wrong = 0
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for line, early, bad in pool.map(partial(row, seeds=seeds), cases()):
            total, wrong = total + early, wrong + bad
            print(line, flush=True)
        print(f"wrong decisions: {wrong} in {len(seeds) * len(list(cases()))} runs, {total} of them ended early")
        if arguments.recorded is not None:
            runs = sorted(file.parent for file in arguments.recorded.glob("*/*/end.json"))
            recorded(list(pool.map(play, runs)))


if __name__ == "__main__":
    main()
