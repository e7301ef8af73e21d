"""A process and everything it started, as the operating system accounts for it.

``anon_bytes`` is the memory to judge. At every tick it is the anonymous resident memory of each process (``RssAnon``,
9 µs) less what forked processes share: a page that a parent and its workers still have in common counts once. That
share is known from walks over the memory maps, which cost the target something and are rare (``walk.py``). Processes
that run another program share nothing, so most trees need no correction; where a group of forked processes has
changed and has not been walked since, ``anon_bytes`` is blank and never guessed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import ProbeError
from harness.model import Column, ColumnKind, ProcessIdentity, Role, Unit
from harness.probes.base import Gone, PartialReading, Reading
from harness.probes.duty import DutyBudget
from harness.probes.procfs import PROC, start_time_s
from harness.probes.sockets import read_sockets
from harness.probes.tree import GONE, Key, Look, ProcessTree, forked_groups
from harness.probes.walk import Walk, Walker

PSS_DUTY_RATIO = 0.005
"""Share of the time that the target's memory maps may be walked (DESIGN.md: what is measured about ourselves)."""
_WALK_PERIOD_S = 10.0
_SHARED_WALK_PERIOD_S = 1.0
"""Sooner for forked processes, whose ``anon_bytes`` rests on the last walk."""
_SOCKETS_PERIOD_S = 10.0


def _gauge(name: str, unit: Unit, meaning: str) -> Column:
    return Column(name, unit, ColumnKind.GAUGE, meaning)


COLUMNS = (
    _gauge("rss_bytes", Unit.BYTES, "resident memory, summed: what processes share counts once for each (advisory)"),
    _gauge("pss_bytes", Unit.BYTES, "resident memory, shared pages divided among all who map them; read rarely"),
    _gauge("uss_bytes", Unit.BYTES, "resident memory that no other process maps; read rarely"),
    _gauge("anon_bytes", Unit.BYTES, "anonymous resident memory; what forked processes share counts once"),
    _gauge("swap_bytes", Unit.BYTES, "memory in swap; what forked processes share counts once"),
    Column("cpu_s", Unit.SECONDS, ColumnKind.COUNTER, "processor time, with that of children that were waited for"),
    _gauge("fds_count", Unit.COUNT, "open file descriptors"),
    _gauge("threads_count", Unit.COUNT, "threads"),
    _gauge("processes_count", Unit.COUNT, "processes: the root and its descendants"),
    _gauge("sockets_count", Unit.COUNT, "sockets of every kind; read rarely"),
    _gauge("tcp_established_count", Unit.COUNT, "open TCP connections; read rarely"),
    _gauge(
        "tcp_close_wait_count", Unit.COUNT, "TCP connections that the peer closed and this side did not; read rarely"
    ),
    _gauge("tcp_listen_count", Unit.COUNT, "listening TCP sockets; read rarely"),
    _gauge("pss_read_ms", Unit.MILLISECONDS, "what reading the PSS and USS of this row cost"),
)


class ProcessTreeProbe:
    """Reads process ``pid`` and, unless ``children`` is false, its descendants, also those whose parent has ended."""

    columns = COLUMNS
    waits = False

    def __init__(
        self,
        name: str,
        role: Role,
        pid: int,
        period_s: float = 1.0,
        pss_duty_ratio: float = PSS_DUTY_RATIO,
        *,
        children: bool = True,
        clock: Callable[[], float] = time.monotonic,
        proc: Path = PROC,
    ) -> None:
        self.name = name
        self.role = role
        self.period_s = period_s
        self._pid = pid
        self._children = children
        self._clock = clock
        self._proc = proc
        self._pss_duty_ratio = pss_duty_ratio
        self._walker = Walker(name, pss_duty_ratio)
        self._walk: Walk | None = None
        self._socket_reads = DutyBudget(pss_duty_ratio)
        self._tree: ProcessTree | None = None
        self._identity: ProcessIdentity | None = None
        self._cpu_s = 0.0

    def follow(self, pid: int) -> None:
        """Reads process ``pid`` from now on: the target was started again."""
        self.close()
        self._walker = Walker(self.name, self._pss_duty_ratio)
        self._pid = pid
        self._identity = None
        self._walk = None
        self._cpu_s = 0.0

    def check(self) -> str | None:
        if not (self._proc / "self" / "stat").exists():
            return f"expected Linux's {self._proc}, found none: process trees are read on Linux only"
        try:
            self._open_tree()
        except ProbeError as error:
            return str(error)
        return None

    def identity(self) -> ProcessIdentity | None:
        if self._identity is None and self.check() is not None:
            return None
        return self._identity

    def read(self) -> Reading:
        """Raises Gone once the process has ended, PartialReading where permission for a part is missing."""
        looks = self._open_tree().look()
        if not looks:
            self._close_tree()
            raise self._ended()
        now_s = self._clock()
        groups = forked_groups(looks)
        walk = self._walk_when_due(groups, now_s)
        reading: dict[str, float | int | None] = {
            "rss_bytes": sum(look.status.rss_bytes for look in looks),
            "cpu_s": self._count_cpu_s(looks),
            "threads_count": sum(look.status.threads_count for look in looks),
            "processes_count": len(looks),
            **self._held(groups),
        }
        if walk is not None and walk.refused is None:
            reading |= {"pss_bytes": walk.pss_bytes, "uss_bytes": walk.uss_bytes}
            reading["pss_read_ms"] = round(walk.cost_s * 1000, 3)
        self._add_descriptors(looks, now_s, reading)
        refused = None if self._walk is None else self._walk.refused
        if refused is not None:
            raise PartialReading(refused, reading)
        return reading

    def close(self) -> None:
        self._walker.close()
        self._close_tree()

    def _open_tree(self) -> ProcessTree:
        """The tree, opened at the first use. Raises Gone, and ProbeError when it may not be read."""
        if self._tree is not None:
            return self._tree
        if self._identity is not None:
            raise self._ended()
        try:
            self._tree = ProcessTree(self._pid, children=self._children, proc=self._proc)
            self._identity = ProcessIdentity(self._pid, start_time_s(self._tree.root.start_ticks, self._proc))
        except GONE:
            raise Gone(f"expected a running process {self._pid}, found none: name one that runs") from None
        except OSError as error:
            raise ProbeError(
                f"expected to read {self._proc}/{self._pid}, found: {error.strerror}; run as root or as its user"
            ) from error
        return self._tree

    def _close_tree(self) -> None:
        if self._tree is not None:
            self._tree.close()
            self._tree = None

    def _ended(self) -> Gone:
        return Gone(f"process {self._pid} has ended")

    def _walk_when_due(self, groups: Sequence[Sequence[Look]], now_s: float) -> Walk | None:
        """The walk that has just ended, which ``anon_bytes`` rests on from now; None between walks."""
        forked = frozenset(_keys(group) for group in groups if len(group) > 1)
        known = frozenset() if self._walk is None else self._walk.groups
        if forked - known and not self._is_refused():
            min_interval_s = 0.0  # the budget alone decides: anon_bytes waits for it
        else:
            min_interval_s = _SHARED_WALK_PERIOD_S if forked else _WALK_PERIOD_S
        looks = [look for group in groups for look in group]
        walk = self._walker.poll(looks, forked, now_s, min_interval_s)
        self._walk = walk or self._walk
        return walk

    def _is_refused(self) -> bool:
        return self._walk is not None and self._walk.refused is not None

    def _held(self, groups: Sequence[Sequence[Look]]) -> dict[str, float | int | None]:
        """Anonymous memory and swap; nothing while a group of forked processes waits for its walk."""
        anon_bytes = sum(look.status.anon_bytes for group in groups for look in group)
        swap_bytes = sum(look.status.swap_bytes for group in groups for look in group)
        for group in groups:
            if len(group) == 1:
                continue
            keys = _keys(group)
            if self._walk is None or keys not in self._walk.groups or not keys <= self._walk.rollups.keys():
                return {}
            anon_bytes -= sum(self._walk.rollups[key].shared_anon_bytes for key in keys)
            swap_bytes -= sum(self._walk.rollups[key].shared_swap_bytes for key in keys)
        return {"anon_bytes": max(0, anon_bytes), "swap_bytes": max(0, swap_bytes)}

    def _count_cpu_s(self, looks: Sequence[Look]) -> float:
        """Never less than before: what an ended process used is missing until its parent has waited for it."""
        self._cpu_s = max(self._cpu_s, round(sum(look.stat.cpu_s for look in looks), 2))
        return self._cpu_s

    def _add_descriptors(self, looks: Sequence[Look], now_s: float, reading: dict[str, float | int | None]) -> None:
        """Descriptors at every tick, sockets now and then; both stay blank where they may not be read."""
        try:
            reading["fds_count"] = sum(look.member.files.fds_count() for look in looks if not look.stat.zombie)
            if not self._socket_reads.is_due(now_s, _SOCKETS_PERIOD_S):
                return
            started_s = time.perf_counter()
            sockets = read_sockets([look.member.files.pid for look in looks if not look.stat.zombie], self._proc)
            self._socket_reads.spend(now_s, time.perf_counter() - started_s)
        except OSError:  # another user's (the refused walk says so), or one has ended in between
            return
        reading |= {
            "sockets_count": sockets.all_count,
            "tcp_established_count": sockets.established_count,
            "tcp_close_wait_count": sockets.close_wait_count,
            "tcp_listen_count": sockets.listen_count,
        }


def _keys(group: Sequence[Look]) -> frozenset[Key]:
    return frozenset(look.member.key for look in group)
