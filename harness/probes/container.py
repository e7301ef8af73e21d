"""The memory that a container really holds: from its control group's files where they can be seen, else by the engine.

Files cost a fraction of a millisecond and no question to the engine, which is asked only when the group has gone
(the container ended or was started again). A remote engine is asked for its statistics at every reading.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import ProbeError
from harness.model import Column, ColumnKind, ContainerIdentity, Role, Unit
from harness.probes.base import Gone, Reading
from harness.probes.cgroup import Cgroup, CgroupReading, find_cgroup, memory_of_v1, memory_of_v2
from harness.probes.engine import ContainerState, DockerEngine, Engine, NoContainer, parse_time_s

COLUMNS = (
    Column("anon_bytes", Unit.BYTES, ColumnKind.GAUGE, "memory the container's processes hold; page cache not counted"),
    Column("file_bytes", Unit.BYTES, ColumnKind.GAUGE, "page cache, which the kernel takes back at need"),
    Column("shmem_bytes", Unit.BYTES, ColumnKind.GAUGE, "shared memory and tmpfs, which nothing takes back"),
    Column("kernel_bytes", Unit.BYTES, ColumnKind.GAUGE, "kernel memory on the container's account"),
    Column("swap_bytes", Unit.BYTES, ColumnKind.GAUGE, "held memory that was moved to swap"),
    Column(
        "working_set_bytes",
        Unit.BYTES,
        ColumnKind.GAUGE,
        "usage less inactive page cache: what `docker stats` and the kubelet show",
    ),
    Column("limit_bytes", Unit.BYTES, ColumnKind.GAUGE, "memory limit; blank = none"),
    Column("oom_kills_count", Unit.COUNT, ColumnKind.COUNTER, "processes killed out of memory"),
    Column("restarts_count", Unit.COUNT, ColumnKind.COUNTER, "starts after the first"),
    Column("cpu_s", Unit.SECONDS, ColumnKind.COUNTER, "processor time since this start"),
    Column("pids_count", Unit.COUNT, ColumnKind.GAUGE, "processes and threads"),
)

RESTART_GRACE_S = 3.0
"""Time between the end and the next start in a `docker restart` (measured: under 0.5 s), with room to spare."""

STATISTICS_PERIOD_S = 2.0
"""An engine answers with statistics only at its own next second (measured: 1.00 s a reading, also with one-shot)."""


@dataclass(frozen=True, slots=True)
class _Life:
    """One start of the container: where its numbers are until it ends. ``inode`` tells the group from its successor."""

    state: ContainerState
    cgroup: Cgroup | None
    inode: int | None
    earlier_oom_kills_count: int

    @property
    def identity(self) -> ContainerIdentity:
        return ContainerIdentity(self.state.container_id, self.state.started_at)


class ContainerProbe:
    """Reads one container by name or id, through its restarts. ``connect`` is called at the first use, not before."""

    columns = COLUMNS

    def __init__(
        self,
        container: str,
        *,
        name: str = "target",
        role: Role = Role.TARGET,
        period_s: float = 1.0,
        connect: Callable[[], Engine] = DockerEngine,
        proc: Path = Path("/proc"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._container = container
        self._name, self._role, self._period_s = name, role, period_s
        self._connect, self._proc, self._clock = connect, proc, clock
        self._engine: Engine | None = None
        self._since_s = 0.0
        self._life: _Life | None = None
        self._ended_s: float | None = None
        self._restarts_count = 0
        self._oom_kills_count = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def role(self) -> Role:
        return self._role

    @property
    def period_s(self) -> float:
        """As asked for; longer once it is known that the engine must be asked at every reading."""
        if self._life is not None and self._life.cgroup is None:
            return max(self._period_s, STATISTICS_PERIOD_S)
        return self._period_s

    @property
    def waits(self) -> bool:
        return True  # for the engine, at every restart, or at every reading when it is remote

    @property
    def local_pid(self) -> int | None:
        """The main process of its last known start; None before the first reading, and on another machine."""
        life = self._life
        return None if life is None or life.cgroup is None else life.state.pid

    def check(self) -> str | None:
        try:
            reading = self._read_life(self._current_life())
        except ProbeError as error:
            return str(error)
        if reading.anon_bytes is None:
            return (
                f"expected the memory of container {self._container!r}, found neither its control group nor statistics "
                "with anonymous memory; the engine's host needs the memory controller"
            )
        return None

    def identity(self) -> ContainerIdentity | None:
        if self._life is None:
            try:
                self._current_life()
            except ProbeError:
                return None
        return None if self._life is None else self._life.identity

    def read(self) -> Reading:
        life = self._current_life()
        try:
            reading = self._read_life(life)
        except OSError as error:  # its control group went away between two lines of this method
            raise ProbeError(f"container {life.state.name} ended while it was read") from error
        counts: dict[str, int] = {"restarts_count": self._restarts_count}
        if reading.oom_kills_count is not None or life.earlier_oom_kills_count:
            kills = life.earlier_oom_kills_count + (reading.oom_kills_count or 0)
            counts["oom_kills_count"] = self._oom_kills_count = max(self._oom_kills_count, kills)
        return asdict(reading) | counts

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _read_life(self, life: _Life) -> CgroupReading:
        if life.cgroup is not None:
            return life.cgroup.read()
        limit_bytes = life.state.memory_limit_bytes
        reading = reading_of_statistics(self._asked().statistics(life.state.container_id))
        return replace(reading, limit_bytes=limit_bytes)

    def _current_life(self) -> _Life:
        """Who is there now. Raises ProbeError when nobody is."""
        life = self._life
        if life is not None and life.inode is not None and life.inode == _inode(life.cgroup):
            return life
        try:
            state = self._asked().state(self._container)
        except NoContainer as error:
            if life is None:
                raise
            self._raise_ended(f"container {life.state.name} was removed", error)
        if not state.running or state.pid is None:
            if state.restarting:
                raise ProbeError(state.why_not_running())
            self._raise_ended(state.why_not_running())
        self._ended_s = None
        if life is None or life.identity != ContainerIdentity(state.container_id, state.started_at):
            self._restarts_count = max(state.restarts_count, self._restarts_count + (life is not None))
            life = self._life = self._begin_life(state, state.pid)
        return life

    def _raise_ended(self, why: str, cause: ProbeError | None = None) -> NoReturn:
        """Gone only after a while: a container that somebody restarts, or makes anew, is away for a moment."""
        if self._ended_s is None:
            self._ended_s = self._clock()
        if self._clock() - self._ended_s >= RESTART_GRACE_S:
            raise Gone(why) from cause
        raise ProbeError(why) from cause

    def _begin_life(self, state: ContainerState, pid: int) -> _Life:
        """What is known at a start: the last kill of an earlier life was never read, only the engine noted it."""
        cgroup = find_cgroup(pid, state.container_id, self._proc)
        kills, started_s = self._oom_kills_count, parse_time_s(state.started_at)
        if started_s is not None and self._since_s < started_s:
            earlier = self._asked().events(state.container_id, self._since_s, started_s)
            kills = max(kills, sum(event.action == "oom" for event in earlier))
        return _Life(state, cgroup, _inode(cgroup), kills)

    def _asked(self) -> Engine:
        if self._engine is None:
            self._engine = self._connect()
            self._since_s = self._engine.now_s()
        return self._engine


def reading_of_statistics(statistics: Mapping[str, Any]) -> CgroupReading:
    """One reading from the engine's statistics. Raises ProbeError when they say nothing about memory.

    Their limit is the host's memory where none is set, and they lack the count of kills: both stay None.
    """
    memory = statistics.get("memory_stats", {})
    stat = memory.get("stats")
    if not stat:
        raise ProbeError("expected the engine's statistics to tell memory, found none; has the container ended?")
    held = memory_of_v1 if "total_rss" in stat else memory_of_v2
    cpu_ns = statistics.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage")
    return CgroupReading(
        **held(stat, memory.get("usage")),
        cpu_s=None if cpu_ns is None else cpu_ns / 1e9,
        pids_count=statistics.get("pids_stats", {}).get("current"),
    )


def local_pid(state: ContainerState) -> int | None:
    """The container's main process where it is one of this machine, so that its files can be read here."""
    if state.pid is None or find_cgroup(state.pid, state.container_id) is None:
        return None
    return state.pid


def _inode(cgroup: Cgroup | None) -> int | None:
    """Number of the group's folder, which no later group of the same path gets again; None when it is gone."""
    if cgroup is None:
        return None
    try:
        return cgroup.folder.stat().st_ino
    except OSError:
        return None
