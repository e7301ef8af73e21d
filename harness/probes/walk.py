"""The walk over a process tree's memory maps (PSS, USS, what forked processes share): rare, never in the way.

It takes a lock of the target for 11–15 ms a GiB, so it is done within a duty budget, and in a thread when it would
delay the next readings. The thread spends its time in the kernel, without Python's lock.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from harness.probes.duty import DutyBudget
from harness.probes.procfs import Rollup
from harness.probes.tree import GONE, Key, Member

_INLINE_S = 0.02
"""A walk that should take longer than this (about 1.5 GiB) leaves the tick."""
_S_PER_BYTE = 15e-3 / 2**30
_S_PER_PROCESS = 200e-6


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk found. ``groups`` are the sets of forked processes as they were; ``refused`` says why it may not."""

    rollups: dict[Key, Rollup]
    groups: frozenset[frozenset[Key]]
    cost_s: float
    refused: str | None = None

    @property
    def pss_bytes(self) -> int:
        return sum(rollup.pss_bytes for rollup in self.rollups.values())

    @property
    def uss_bytes(self) -> int:
        return sum(rollup.uss_bytes for rollup in self.rollups.values())


class Walker:
    """Does walks within a duty budget. ``poll`` gives each walk's result once."""

    def __init__(self, name: str) -> None:
        self._budget = DutyBudget()
        self._name = name
        self._threads: ThreadPoolExecutor | None = None
        self._pending: Future[Walk] | None = None
        self._started_s = 0.0

    def poll(
        self,
        groups: Sequence[Sequence[Member]],
        forked: frozenset[frozenset[Key]],
        now_s: float,
        min_interval_s: float,
        duty_ratio: float,
    ) -> Walk | None:
        """Starts a walk of ``groups`` when one is due, and gives the one that has just ended, or None."""
        if self._pending is None:
            if not self._budget.is_due(now_s, min_interval_s, duty_ratio):
                return None
            self._started_s = now_s
            members = [member for group in groups for member in group]
            if sum(member.memory.rss_bytes * _S_PER_BYTE + _S_PER_PROCESS for member in members) <= _INLINE_S:
                return self._ended(_walk(members, forked))
            self._threads = self._threads or ThreadPoolExecutor(1, thread_name_prefix=f"walk-{self._name}")
            self._pending = self._threads.submit(_walk, members, forked)
        if self._pending.done():
            pending, self._pending = self._pending, None
            return self._ended(pending.result())
        return None

    def close(self) -> None:
        """Waits for a walk under way."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    def _ended(self, walk: Walk) -> Walk:
        self._budget.spend(self._started_s, walk.cost_s)
        return walk


def _walk(members: Sequence[Member], groups: frozenset[frozenset[Key]]) -> Walk:
    started_s = time.perf_counter()
    rollups: dict[Key, Rollup] = {}
    refused = None
    for member in members:
        files = member.files
        try:
            rollups[member.key] = files.rollup()
        except GONE:  # it has ended: its group is another one at the next tick
            continue
        except OSError as error:
            refused = (
                f"PSS and USS of process {files.pid} could not be read ({error.strerror}): run as root or as its user"
            )
            break
    return Walk(rollups, groups, time.perf_counter() - started_s, refused)
