"""Which use leaks, against the truth: bytes per query by kind and bytes per idle hour beside the backend's own ledger.

    python benchmarks/record_runs.py --out FOLDER      makes the runs, about an hour
    python benchmarks/attribution.py FOLDER            judges them anew, by the fault that they had

A kind leaks where the ledger says so (over 1 KiB a query), and is called leaking where the whole interval lies above
the limit: that of the run's plan (16 KiB a query), or the default one (1 KiB). The error is that of the estimate, in
per cent of the truth, of kinds that leak.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.assess import assess
from harness.ledger_truth import ledger_truth
from harness.model import IDLE_KIND, Interval
from harness.store.reader import read_run

LEAK_BYTES = 1024.0
PLAN_LIMIT_BYTES = 16_384.0
IDLE_LEAK_BYTES_PER_H = 1e6


@dataclass(frozen=True, slots=True)
class Found:
    """One figure of one run beside its truth: bytes per query of a kind, or bytes per idle hour."""

    fault: str
    kind: str
    interval: Interval
    truth: float

    @property
    def given(self) -> bool:
        return self.interval.low is not None and self.interval.high is not None

    @property
    def leaks(self) -> bool:
        return self.truth > (IDLE_LEAK_BYTES_PER_H if self.kind == IDLE_KIND else LEAK_BYTES)

    @property
    def covered(self) -> bool:
        low, high = self.interval.low, self.interval.high
        return low is not None and high is not None and low <= self.truth <= high

    @property
    def error_percent(self) -> float:
        return 100.0 * abs((self.interval.estimate or 0.0) / self.truth - 1.0)

    def called_leaking(self, limit: float) -> bool:
        return self.kind != IDLE_KIND and (self.interval.low or 0.0) > limit


def found_in(path: Path) -> list[Found]:
    """The figures of one run directory."""
    truth, verdict = ledger_truth(read_run(path)), assess(path).verdict
    if truth is None:
        raise SystemExit(f"expected a ledger among the probes of {path}, found none")
    fault = path.parent.name.rpartition("-")[0]
    rows = [
        Found(fault, kind.kind, kind.bytes_per_query, truth.bytes_per_query[kind.kind])
        for kind in verdict.kinds
        if kind.kind in truth.bytes_per_query
    ]
    idle = Found(fault, IDLE_KIND, verdict.idle_per_h or Interval(), truth.time_bytes_per_h)
    return [*rows, idle]


def row(name: str, found: list[Found]) -> str:
    """One line of the table."""
    given = [one for one in found if one.given]
    errors = [one.error_percent for one in given if one.leaks]
    covered = sum(one.covered for one in given)
    false_plan, false_default = (
        sum(one.called_leaking(limit) for one in given if not one.leaks) for limit in (PLAN_LIMIT_BYTES, LEAK_BYTES)
    )
    error = f"{np.median(errors):7.1f} %" if errors else f"{'–':>9}"
    share = f"{covered / len(given):6.0%}" if given else f"{'–':>6}"
    return f"{name:<34} {len(found):>7} {len(given):>6} {share} {error} {false_plan:>6} {false_default:>8}"


def table(found: Iterable[Found]) -> None:
    rows = list(found)
    print(f"{'':<34} {'':>7} {'':>6} {'':>6} {'median':>9} {'called leaking':>15}")
    print(f"{'fault, kind':<34} {'figures':>7} {'given':>6} {'cover':>6} {'error':>9} {'> 16 K':>6} {'> 1 K':>8}")
    for fault in dict.fromkeys(one.fault for one in rows):
        print(row(fault, [one for one in rows if one.fault == fault]))
        for kind in dict.fromkeys(one.kind for one in rows):
            print(row(f"  {kind}", [one for one in rows if one.fault == fault and one.kind == kind]))
    print(row("all", rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where record_runs.py has put its runs")
    runs = sorted(file.parent for file in parser.parse_args().folder.glob("*/*/end.json"))
    print(f"{len(runs)} real runs")
    table(one for run in runs for one in found_in(run))


if __name__ == "__main__":
    main()
