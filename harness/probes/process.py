"""A process and everything it started, as the operating system accounts for it.

``anon_bytes`` is the memory to judge. At every tick it is the anonymous resident memory of each process (``statm``,
1.4 µs) less what forked processes share: a page that a parent and its workers still have in common counts once. That
share is known from walks over the memory maps, which cost the target something and are rare (``walk.py``). Processes
that run another program share nothing, so most trees need no correction; where a group of forked processes has
changed and has not been walked since, ``anon_bytes`` is blank and never guessed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from harness.errors import ProbeError
from harness.model import Column, ColumnKind, ProcessIdentity, Role, Unit
from harness.probes.base import Gone, PartialReading, Reading
from harness.probes.duty import DutyBudget
from harness.probes.procfs import PROC, start_time_s
from harness.probes.sockets import read_sockets
from harness.probes.tree import GONE, Key, Member, ProcessTree
from harness.probes.walk import Walk, Walker

NEEDED_DUTY_RATIO = 0.005
"""Share of the time that the target's memory maps may be walked where ``anon_bytes`` rests on it (DESIGN.md: what is
measured about ourselves)."""
ADVISORY_DUTY_RATIO = 0.0001
"""Share of the time for what is only shown beside it (PSS, USS; sockets too): ten targets, however large, then take
0.1 % of a core for their memory maps, and a target of 1 GiB is held up for 15 ms every two and a half minutes."""
_WALK_PERIOD_S = 10.0
_SHARED_WALK_PERIOD_S = 0.9
"""Sooner for forked processes, whose ``anon_bytes`` rests on it: at every tick of one a second, late or not."""
_SOCKETS_PERIOD_S = 10.0
_SWAP_PERIOD_S = 10.0


def _gauge(name: str, unit: Unit, meaning: str) -> Column:
    return Column(name, unit, ColumnKind.GAUGE, meaning)


COLUMNS = (
    _gauge("rss_bytes", Unit.BYTES, "resident memory, summed: what processes share counts once for each (advisory)"),
    _gauge("pss_bytes", Unit.BYTES, "resident memory, shared pages divided among all who map them; read rarely"),
    _gauge("uss_bytes", Unit.BYTES, "resident memory that no other process maps; read rarely"),
    _gauge("anon_bytes", Unit.BYTES, "anonymous resident memory; what forked processes share counts once"),
    _gauge("swap_bytes", Unit.BYTES, "memory in swap; what forked processes share counts once; read rarely"),
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


class Shared(NamedTuple):
    """What forked processes have in common and each of them would count."""

    anon_bytes: int
    swap_bytes: int


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
        self._tree: ProcessTree | None = None
        self._identity: ProcessIdentity | None = None
        self._forget()

    def follow(self, pid: int) -> None:
        """Reads process ``pid`` from now on: the target was started again."""
        self.close()
        self._pid = pid
        self._identity = None
        self._forget()

    def _forget(self) -> None:
        """Begins as if nothing had been read yet."""
        self._walker = Walker(self.name)
        self._walk: Walk | None = None
        self._groups: Sequence[Sequence[Member]] = ()
        self._forked: frozenset[frozenset[Key]] = frozenset()
        self._shared: Shared | None = Shared(0, 0)
        self._socket_reads = DutyBudget()
        self._swap_read_s = -math.inf
        self._cpu_s = 0.0

    def check(self) -> str | None:
        if not (self._proc / "self" / "stat").exists():
            return f"expected Linux's {self._proc}, found none: process trees are read on Linux only"
        try:
            return _why_no_target(self._open_tree())
        except ProbeError as error:
            return str(error)

    def identity(self) -> ProcessIdentity | None:
        if self._identity is None:
            with suppress(ProbeError):
                self._open_tree()
        return self._identity

    def read(self) -> Reading:
        """Raises Gone once the process has ended, PartialReading where permission for a part is missing."""
        tree = self._open_tree()
        members = tree.look()
        if not members:
            self._close_tree()
            raise self._ended()
        now_s = self._clock()
        if tree.groups is not self._groups:
            self._regroup(tree.groups)
        walk = self._walk_when_due(now_s)
        reading = self._sums(members)
        self._add_held(now_s, reading)
        if walk is not None and walk.refused is None:
            reading |= {"pss_bytes": walk.pss_bytes, "uss_bytes": walk.uss_bytes}
            reading["pss_read_ms"] = round(walk.cost_s * 1000, 3)
        self._add_descriptors(members, now_s, reading)
        if self._walk is not None and self._walk.refused is not None:
            raise PartialReading(self._walk.refused, reading)
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
            self._identity = ProcessIdentity(self._pid, start_time_s(self._tree.root.key[1], self._proc))
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

    def _regroup(self, groups: Sequence[Sequence[Member]]) -> None:
        self._groups = groups
        self._forked = frozenset(frozenset(member.key for member in group) for group in groups if len(group) > 1)
        self._shared = self._find_shared()

    def _walk_when_due(self, now_s: float) -> Walk | None:
        """The walk that has just ended, which ``anon_bytes`` rests on from now; None between walks."""
        if not self._forked:
            min_interval_s, duty_ratio = _WALK_PERIOD_S, ADVISORY_DUTY_RATIO
        else:
            refused = self._walk is not None and self._walk.refused is not None
            waited_for = self._shared is None and not refused  # the budget alone decides
            min_interval_s, duty_ratio = 0.0 if waited_for else _SHARED_WALK_PERIOD_S, NEEDED_DUTY_RATIO
        walk = self._walker.poll(self._groups, self._forked, now_s, min_interval_s, duty_ratio)
        if walk is not None:
            self._walk = walk
            self._shared = self._find_shared()
        return walk

    def _find_shared(self) -> Shared | None:
        """What forked processes share by the last walk; None when that has not seen them as they are now."""
        if not self._forked:
            return Shared(0, 0)
        keys = frozenset().union(*self._forked)
        if self._walk is None or not self._forked <= self._walk.groups or not keys <= self._walk.rollups.keys():
            return None
        rollups = [self._walk.rollups[key] for key in keys]
        return Shared(
            sum(rollup.shared_anon_bytes for rollup in rollups), sum(rollup.shared_swap_bytes for rollup in rollups)
        )

    def _sums(self, members: Sequence[Member]) -> dict[str, float | int | None]:
        """``cpu_s`` is never less than before: what an ended process used is missing until its parent has waited."""
        rss_bytes = threads_count = 0
        cpu_s = 0.0
        for member in members:
            rss_bytes += member.memory.rss_bytes
            cpu_s += member.stat.cpu_s
            threads_count += member.stat.threads_count
        self._cpu_s = max(self._cpu_s, round(cpu_s, 2))
        return {
            "rss_bytes": rss_bytes,
            "cpu_s": self._cpu_s,
            "threads_count": threads_count,
            "processes_count": len(members),
        }

    def _add_held(self, now_s: float, reading: dict[str, float | int | None]) -> None:
        """Anonymous memory, and swap now and then; blank while a group of forked processes waits for its walk."""
        if self._shared is None:
            return
        anon_bytes = -self._shared.anon_bytes
        for group in self._groups:
            for member in group:
                anon_bytes += member.memory.anon_bytes
        reading["anon_bytes"] = max(0, anon_bytes)
        if now_s - self._swap_read_s < _SWAP_PERIOD_S:
            return
        self._swap_read_s = now_s
        try:
            swap_bytes = sum(member.files.status().swap_bytes for group in self._groups for member in group)
        except GONE:  # one has ended in between
            return
        reading["swap_bytes"] = max(0, swap_bytes - self._shared.swap_bytes)

    def _add_descriptors(self, members: Sequence[Member], now_s: float, reading: dict[str, float | int | None]) -> None:
        """Descriptors at every tick, sockets now and then; both stay blank where they may not be read."""
        with suppress(OSError):  # another user's (the refused walk says so), or one has ended in between
            fds_count = 0
            for member in members:
                if not member.stat.zombie:
                    fds_count += member.files.fds_count()
            reading["fds_count"] = fds_count
        if self._socket_reads.is_due(now_s, _SOCKETS_PERIOD_S, ADVISORY_DUTY_RATIO):
            started_s = time.perf_counter()
            with suppress(OSError):
                reading |= _count_sockets(members, self._proc)
            self._socket_reads.spend(now_s, time.perf_counter() - started_s)


def _why_no_target(tree: ProcessTree) -> str | None:
    """Why the root of ``tree`` has no memory to watch, with what to do, or None."""
    pid = tree.root.files.pid
    if tree.root.stat.zombie:
        return f"expected a running process {pid}, found one that has ended (a zombie): name one that runs"
    try:
        status = tree.root.files.status()
    except OSError:  # it is ending, or hidden: the first reading tells
        return None
    if status.group_pid not in (None, pid):
        return f"expected the pid of a process, found that {pid} is a thread of process {status.group_pid}: name that"
    if not status.section:
        return f"expected a process with memory of its own, found that {pid} is a thread of the kernel: name a program"
    return None


def _count_sockets(members: Sequence[Member], proc: Path) -> dict[str, float | int | None]:
    sockets = read_sockets([member.files.pid for member in members if not member.stat.zombie], proc)
    return {
        "sockets_count": sockets.all_count,
        "tcp_established_count": sockets.established_count,
        "tcp_close_wait_count": sockets.close_wait_count,
        "tcp_listen_count": sockets.listen_count,
    }
