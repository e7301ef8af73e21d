"""Writes ``load.csv``: one row a second and kind that had traffic, flushed as it is written.

Only one process writes it, the one that runs alone or the master; the others report to it. A second is written when all
of them have reported it, or when it is clear that one never will.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from harness.model import LOAD_COLUMNS
from locustfiles._tally import Bucket, Histogram, Kinds, Report

LOAD_FILE = "load.csv"

LATE_ROW_S = 0.001
"""What a process reports after its second has been written goes into a row of its own, this much later."""

LOST_AFTER_S = 10
"""A process whose last report is so much older than the newest of the others that it has missed one, and this much
besides, is given up."""


class LoadFile:
    """``load.csv`` of one run directory, which must not have one yet."""

    def __init__(self, run_dir: Path) -> None:
        self._file = (run_dir / LOAD_FILE).open("x", newline="", encoding="utf-8", buffering=1)
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(LOAD_COLUMNS)

    def write(self, end_s: float, kind: str, bucket: Bucket, users: int | str) -> None:
        """One row; times that nobody measured stay empty. ``users`` are those that run, ``""`` where nobody knows."""
        self._writer.writerow(
            (
                f"{end_s:.3f}",
                kind,
                bucket.started_count,
                bucket.completed_count,
                bucket.failed_count,
                bucket.dropped_count,
                users,
                bucket.bytes_in,
                bucket.bytes_out,
                *_quantiles(bucket.first_ms, (0.5, 0.95)),
                *_quantiles(bucket.total_ms, (0.5, 0.95, 0.99)),
            )
        )

    def close(self) -> None:
        """Closes the file; calling it again does nothing."""
        self._file.close()


def _quantiles(times_ms: list[float], shares: Sequence[float]) -> list[str]:
    """The smallest time that at least ``share`` of all do not exceed, for each share."""
    if not times_ms:
        return [""] * len(shares)
    times_ms = sorted(times_ms)
    return [
        f"{times_ms[min(max(-int(-share * len(times_ms) // 1) - 1, 0), len(times_ms) - 1)]:.3f}" for share in shares
    ]


class UsersInTime:
    """How many users of a locustfile run in all processes; holds only what is said of seconds that are still to come.

    A process that says nothing of a second has as many as it said last.
    """

    def __init__(self) -> None:
        self._now: dict[str, int] = {}
        self._later: dict[float, dict[str, int]] = {}
        self.are_told = False

    def add(self, client: str, end_s: float, users_count: int) -> None:
        """``client`` has that many in the interval ended at ``end_s``."""
        self.are_told = True
        self._later.setdefault(end_s, {})[client] = users_count

    def forget(self, client: str) -> None:
        """The process has gone, with its users."""
        self._now.pop(client, None)

    def pass_over(self, until_s: float) -> None:
        """What was said of the time up to ``until_s`` is how things stand now."""
        for end_s in sorted(end_s for end_s in self._later if end_s <= until_s):
            self._now |= self._later.pop(end_s)

    @property
    def total(self) -> int:
        return sum(self._now.values())


class Recorder:
    """Puts the reports of all processes together and writes the seconds that are complete.

    ``failures`` and the histograms run over the whole load; they stay small. ``begins_s``: on the run's clock, when the
    load begins, before which nobody has anything to report; ``row_period_s``: between two reports of a process.
    """

    def __init__(
        self, load_file: LoadFile, clients: Sequence[str], begins_s: float = 0.0, row_period_s: int = 1
    ) -> None:
        self._file = load_file
        self._lost_after_s = LOST_AFTER_S + row_period_s
        self._waiting: dict[float, dict[str, Bucket]] = {}
        self._reported: dict[str, float] = dict.fromkeys(clients, begins_s)
        self._users = UsersInTime()
        self._written_until_s = 0.0
        self._drained: dict[str, int] = dict.fromkeys(clients, -1)
        self._finished: set[str] = set()
        self.kinds = Kinds()
        self.failures: dict[str, int] = {}
        self.failed_count = 0
        self.stopped_count = 0
        self.posts_count = 0
        self.forbidden_count = 0
        self.lateness = Histogram()
        self.gaps = Histogram()
        self.first_events = Histogram()
        self.started_count = 0
        self.dropped_count = 0

    def add(self, client: str, report: Report) -> None:
        """Takes one report in; those of a client that was given up still count."""
        end_s = report.end_s if report.end_s > self._written_until_s else self._written_until_s + LATE_ROW_S
        for kind, bucket in report.buckets.items():
            if not bucket.is_empty:
                self._waiting.setdefault(end_s, {}).setdefault(self.kinds.bounded(kind), Bucket()).merge(bucket)
                self.started_count += bucket.started_count
                self.failed_count += bucket.failed_count
                self.dropped_count += bucket.dropped_count
        if report.users_count is not None:
            self._users.add(client, end_s, report.users_count)
        for name, count in report.failures.items():
            self.failures[name] = self.failures.get(name, 0) + count
        self.stopped_count += report.stopped_count
        self.posts_count += report.posts_count
        self.forbidden_count += report.forbidden_count
        self.lateness.merge(report.lateness)
        self.gaps.merge(report.gaps)
        self.first_events.merge(report.first_events)
        if client in self._reported:
            self._reported[client] = max(self._reported[client], report.end_s)
            self._drained[client] = max(self._drained[client], report.drained)
            if report.finished:
                self._finished.add(client)
        self._write_complete()

    def give_up_lost(self) -> list[str]:
        """Clients that have stopped reporting without having finished; they are no longer waited for."""
        newest_s = max(self._reported.values(), default=0.0)
        lost = [
            client
            for client, end_s in self._reported.items()
            if client not in self._finished and end_s < newest_s - self._lost_after_s
        ]
        for client in lost:
            self.give_up(client)
        return lost

    def give_up(self, client: str) -> None:
        """No longer waits for ``client``."""
        self._users.forget(client)
        self._reported.pop(client, None)
        self._drained.pop(client, None)
        self._write_complete()

    def has_drained(self, phase_number: int) -> bool:
        """Whether no conversation of that phase is in flight anywhere any more."""
        return all(number >= phase_number for number in self._drained.values())

    @property
    def has_finished(self) -> bool:
        """Whether every client that is still waited for has played the whole plan."""
        return all(client in self._finished for client in self._reported)

    @property
    def clients(self) -> tuple[str, ...]:
        return tuple(self._reported)

    def finish(self) -> None:
        """Writes what is left and closes the file."""
        for end_s in sorted(self._waiting):
            self._write(end_s)
        self._file.close()

    def _write_complete(self) -> None:
        waited_for = [end_s for client, end_s in self._reported.items() if client not in self._finished]
        complete_s = min(waited_for, default=max(self._waiting, default=0.0))
        for end_s in sorted(end_s for end_s in self._waiting if end_s <= complete_s):
            self._write(end_s)
        self._users.pass_over(complete_s)

    def _write(self, end_s: float) -> None:
        self._written_until_s = end_s
        self._users.pass_over(end_s)
        for kind, bucket in self._waiting.pop(end_s).items():
            known = self._users.total or ""  # users that nobody has seen are not known: requests come from somebody
            self._file.write(end_s, kind, bucket, known if self._users.are_told else bucket.users_count)
