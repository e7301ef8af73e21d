"""Recorded real runs of the reference backend as labelled series: what its ledger retained is the truth.

``record_runs.py`` makes them. A run leaks where the ledger is beyond a limit of the run's own plan, by growth or by
query; what the process holds besides (heaps that grow, pages half used) is in no ledger, so a clean run may grow a
little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _known_shapes import MB, Floats

from harness.analysis.segments import loaded_spans
from harness.assess import Assessment, assess
from harness.ledger_truth import Truth, ledger_truth
from harness.model import Outcome
from harness.store.reader import read_run

Judge = Callable[[Floats, Floats, float, float], Outcome]


@dataclass(frozen=True, slots=True)
class RecordedMark:
    """One run: its fault, whether it leaks beyond its limits, our outcome and the baselines', coverage by kind."""

    fault: str
    name: str
    leaks: bool
    ours: Outcome
    theirs: tuple[Outcome, ...]
    covered: tuple[bool, ...]
    took_s: float
    words: str

    @property
    def wrong(self) -> bool:
        return self.ours is (Outcome.PASS if self.leaks else Outcome.FAIL)


def recorded_marks(folder: Path, baselines: Mapping[str, Judge]) -> list[RecordedMark]:
    """Every finished run in ``folder``; those without a ledger or a query are no truth and are left out."""
    marks = []
    for end in sorted(folder.glob("*/*/end.json")):
        path = end.parent
        truth = ledger_truth(read_run(path))
        if truth is not None and truth.bytes_per_query:
            marks.append(_mark(path, truth, baselines))
    return marks


def _mark(path: Path, truth: Truth, baselines: Mapping[str, Judge]) -> RecordedMark:
    began = time.perf_counter()
    found = assess(path)
    took_s = time.perf_counter() - began
    limits = {gate.name: gate.limit for gate in found.verdict.gates}
    growth_limit = limits.get("max_growth", np.inf)
    leaks = _true_growth_per_h(found, truth) > growth_limit or any(
        value > limits.get("max_growth_per_query", np.inf) for value in truth.bytes_per_query.values()
    )
    metric = found.evidence.metrics[found.evidence.primary]
    limit_per_s = growth_limit / 3600.0
    theirs = tuple(rule(metric.t_s, metric.y, limit_per_s, limit_per_s) for rule in baselines.values())
    covered, words = [], []
    for kind in found.verdict.kinds:
        low, high, known = kind.bytes_per_query.low, kind.bytes_per_query.high, truth.bytes_per_query.get(kind.kind)
        if low is None or high is None or known is None:
            continue
        covered.append(low <= known <= high)
        words.append(
            f"{kind.kind} {low / 1e3:.1f} to {high / 1e3:.1f} | {known / 1e3:.1f}{'' if covered[-1] else ' !'}"
        )
    shown = found.verdict.memory.growth_per_h
    growth = [(value or 0.0) / 60 / MB for value in (shown.low, shown.high)]
    says = f"{found.verdict.outcome.value:<13} {growth[0]:8.2f} to {growth[1]:8.2f} MB/min  {'; '.join(words)}"
    fault = path.parent.name.rpartition("-")[0].removesuffix("-long")
    return RecordedMark(fault, path.parent.name, leaks, found.verdict.outcome, theirs, tuple(covered), took_s, says)


def _true_growth_per_h(found: Assessment, truth: Truth) -> float:
    """What the ledger says that an hour under load retains."""
    load, spans = found.evidence.load, loaded_spans(found.evidence.phases)
    if load is None or not spans:
        return truth.time_bytes_per_h
    loaded_h = sum(high - low for low, high in spans) / 3600.0
    edges = np.array([spans[0][0], spans[-1][1]])
    used = {kind: float(np.diff(steps.at(edges))[0]) for kind, steps in zip(load.kinds, load.completed, strict=True)}
    by_use = sum(value * used.get(kind, 0.0) for kind, value in truth.bytes_per_query.items())
    return truth.time_bytes_per_h + by_use / loaded_h


def recorded_row(name: str, marks: list[RecordedMark]) -> str:
    """One line of the table: a class of real runs."""

    def share(hits: list[bool]) -> str:
        return f"{np.mean(hits):6.1%}" if hits else f"{'':>6}"

    right = [mark.ours is (Outcome.FAIL if mark.leaks else Outcome.PASS) for mark in marks]
    undecided = [mark.ours is Outcome.INCONCLUSIVE for mark in marks]
    covered = [hit for mark in marks for hit in mark.covered]
    theirs = []
    for b in range(len(marks[0].theirs)):
        bad = np.mean([mark.theirs[b] is (Outcome.PASS if mark.leaks else Outcome.FAIL) for mark in marks])
        good = np.mean([mark.theirs[b] is (Outcome.FAIL if mark.leaks else Outcome.PASS) for mark in marks])
        theirs.append(f"{bad:4.0%}/{good:4.0%}")
    leaking = sum(mark.leaks for mark in marks)
    cells = [
        f"{name:<22}{f'{leaking} of {len(marks)} leak':<14}",
        f"{share([mark.wrong for mark in marks])} {share(right)} {share(undecided)}",
        share(covered),
        f"{np.median([mark.took_s for mark in marks]) * 1e3:5.0f}",
        " ".join(theirs),
    ]
    return "  ".join(cells)


def show_recorded(folder: Path, baselines: Mapping[str, Judge], *, each: bool) -> None:
    """The table of real runs by fault; with ``each`` every run as well."""
    marks = recorded_marks(folder, baselines)
    print(f"\n{len(marks)} recorded real runs; a leak is beyond the run's own limits by the ledger")
    if not marks:
        return
    print(f"{'':<38}ours: wrong  right incon.  /query     ms  wrong/right of {', '.join(baselines)}")
    for fault in dict.fromkeys(mark.fault for mark in marks):
        print(recorded_row(fault, [mark for mark in marks if mark.fault == fault]))
    print(recorded_row("every run", marks))
    for mark in marks:
        if each or mark.wrong:
            print(f"{mark.name:<28} {mark.words}")
