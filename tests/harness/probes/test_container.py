"""The container probe through starts, kills and ends, on an engine and control groups made of files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ProbeError
from harness.model import ContainerIdentity
from harness.probes.base import Gone
from harness.probes.container import (
    COLUMNS,
    RESTART_GRACE_S,
    STATISTICS_PERIOD_S,
    ContainerProbe,
    reading_of_statistics,
)
from harness.probes.engine import ContainerState, EngineEvent, LogSlice, NoContainer, parse_time_s

DATA = Path(__file__).parent / "data"
ID = "47dc09869e176e39b204e8e45dc006f630615870bead6396b1a66479405d2d50"
FIRST, SECOND = "2026-11-22T16:40:57.5Z", "2026-11-22T16:50:57.5Z"

STATISTICS = {
    "memory_stats": {"usage": 100, "limit": 10**12, "stats": {"anon": 40, "file": 50, "shmem": 5, "inactive_file": 30}},
    "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
    "pids_stats": {"current": 7},
}


class FakeEngine:
    """An engine whose answers a test sets; ``asked`` counts the questions."""

    def __init__(self) -> None:
        self.now = ContainerState(ID, "backend", running=True, started_at=FIRST, pid=10, memory_limit_bytes=500)
        self.past: list[EngineEvent] = []
        self.asked = 0
        self.closed = False
        self.removed = False

    def state(self, container: str) -> ContainerState:
        self.asked += 1
        if self.removed:
            raise NoContainer(f"expected one container {container!r}, found none")
        return self.now

    def statistics(self, container: str) -> Mapping[str, Any]:
        return STATISTICS

    def events(self, container: str, since_s: float, until_s: float) -> tuple[EngineEvent, ...]:
        return tuple(event for event in self.past if since_s <= event.time_s < until_s)

    def log(self, container: str, since_s: float, until_s: float) -> LogSlice:
        return LogSlice(b"")

    def now_s(self) -> float:
        return (parse_time_s(FIRST) or 0) + 60

    def close(self) -> None:
        self.closed = True


class Machine:
    """Files of a version 2 machine with one container, whose group can be ended and begun again."""

    def __init__(self, folder: Path) -> None:
        self.engine = FakeEngine()
        self.proc = folder / "proc"
        self.group = folder / "fs" / "docker" / ID
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self" / "mountinfo").write_text(f"30 25 0:26 / {folder}/fs rw - cgroup2 cgroup2 rw\n")
        self.start(10)

    def start(self, pid: int) -> None:
        (self.proc / str(pid)).mkdir()
        (self.proc / str(pid) / "cgroup").write_text(f"0::/docker/{ID}\n")
        shutil.copytree(DATA / "cgroup_v2", self.group)
        (self.group / "memory.events").write_text("oom_kill 0\n")

    def end(self) -> None:
        # kept aside, so that the file system cannot give its inode to the next group (the kernel's never does)
        self.group.rename(self.group.with_name(f"ended-{len(list(self.group.parent.iterdir()))}"))

    def probe(self) -> ContainerProbe:
        return ContainerProbe("backend", connect=lambda: self.engine, proc=self.proc)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_reads_every_column_it_promises(machine: Machine) -> None:
    """A reading has the promised columns, and the engine is asked once for any number of readings."""
    probe = machine.probe()

    assert probe.check() is None
    reading = probe.read()
    for _ in range(20):
        probe.read()
        probe.identity()

    assert set(reading) == {column.name for column in COLUMNS}
    assert reading["anon_bytes"] == 22_695_936
    assert probe.identity() == ContainerIdentity(ID, FIRST)
    assert machine.engine.asked == 1


def test_columns_of_the_contract_are_all_there() -> None:
    """The run directory's format names these at least."""
    promised = (
        "anon_bytes file_bytes shmem_bytes kernel_bytes working_set_bytes limit_bytes "
        "oom_kills_count restarts_count cpu_s pids_count"
    )

    assert set(promised.split()) <= {column.name for column in COLUMNS}
    assert all(column.name.endswith(f"_{column.unit}") for column in COLUMNS)


def test_a_kill_and_restart_is_a_new_identity_and_counted(machine: Machine) -> None:
    """The last kill of a life is never in its files: the engine's past events tell it."""
    probe = machine.probe()
    probe.read()
    machine.end()
    machine.start(11)
    machine.engine.past.append(EngineEvent((parse_time_s(SECOND) or 0) - 1, "oom"))
    machine.engine.now = replace(machine.engine.now, started_at=SECOND, pid=11, restarts_count=1)

    reading = probe.read()

    assert probe.identity() == ContainerIdentity(ID, SECOND)
    assert (reading["oom_kills_count"], reading["restarts_count"]) == (1, 1)


def test_a_restart_by_hand_counts_too(machine: Machine) -> None:
    """The engine counts only the restarts of its own policy."""
    probe = machine.probe()
    probe.read()
    machine.end()
    machine.start(11)
    machine.engine.now = replace(machine.engine.now, started_at=SECOND, pid=11)

    assert probe.read()["restarts_count"] == 1


def test_kills_inside_a_running_container_add_up(machine: Machine) -> None:
    """A worker killed while the main process lives is counted from the group's own file."""
    probe = machine.probe()
    probe.read()
    (machine.group / "memory.events").write_text("oom_kill 3\n")

    assert probe.read()["oom_kills_count"] == 3


def test_an_ended_container_is_an_error_with_its_reason(machine: Machine) -> None:
    """Nothing is made up for a container that is gone: a reason, and no identity."""
    probe = machine.probe()
    probe.read()
    machine.end()
    machine.engine.now = replace(machine.engine.now, running=False, pid=None, exit_code=137, oom_killed=True)

    with pytest.raises(ProbeError, match=r"container backend was killed out of memory \(exit code 137\)"):
        probe.read()
    assert probe.identity() == ContainerIdentity(ID, FIRST)


def test_gone_only_when_nobody_starts_it_again(machine: Machine) -> None:
    """A container between two starts is in trouble; one that stays ended has gone, which ends the run."""
    times_s = iter((201.0, 201.0, 201.0 + RESTART_GRACE_S))
    probe = ContainerProbe("backend", connect=lambda: machine.engine, proc=machine.proc, clock=lambda: next(times_s))
    probe.read()
    machine.end()
    kinds = []
    for restarting in (True, True, False, False):
        machine.engine.now = replace(machine.engine.now, running=False, pid=None, restarting=restarting)
        with pytest.raises(ProbeError) as caught:
            probe.read()
        kinds.append(caught.type)

    assert kinds == [ProbeError, ProbeError, ProbeError, Gone]


def test_a_removed_container_has_gone(machine: Machine) -> None:
    """After the same moment, in which it may be made anew; one that never was there is only not found."""
    times_s = iter((201.0, 201.0, 201.0 + RESTART_GRACE_S))
    probe = ContainerProbe("backend", connect=lambda: machine.engine, proc=machine.proc, clock=lambda: next(times_s))
    machine.engine.removed = True
    with pytest.raises(NoContainer):
        probe.read()
    machine.engine.removed = False
    probe.read()
    machine.end()
    machine.engine.removed = True
    kinds = []
    for _ in range(2):
        with pytest.raises(ProbeError, match="container backend was removed") as caught:
            probe.read()
        kinds.append(caught.type)

    assert kinds == [ProbeError, Gone]


def test_its_main_process_is_known_where_it_is_one_of_this_machine(machine: Machine) -> None:
    """Captures look into it; a remote engine's numbers are somebody else's here."""
    probe, remote = machine.probe(), ContainerProbe("b", connect=lambda: machine.engine, proc=Path("/nonexistent"))
    pids = [probe.local_pid]
    probe.read()
    remote.read()
    pids += [probe.local_pid, remote.local_pid]

    assert pids == [None, 10, None]


def test_a_group_that_goes_away_while_it_is_read(machine: Machine) -> None:
    """The engine may still say running for a moment after the group is gone."""
    probe = machine.probe()
    probe.read()
    machine.end()

    with pytest.raises(ProbeError, match="ended while it was read"):
        probe.read()


def test_a_remote_engine_answers_by_statistics(machine: Machine, tmp_path: Path) -> None:
    """Without files the engine's numbers are used; its own limit, not the host's memory, is the limit."""
    probe = ContainerProbe("backend", period_s=0.25, connect=lambda: machine.engine, proc=tmp_path / "elsewhere")

    assert probe.check() is None
    reading = probe.read()

    assert probe.period_s == STATISTICS_PERIOD_S
    assert (reading["anon_bytes"], reading["file_bytes"], reading["working_set_bytes"]) == (40, 45, 70)
    assert (reading["limit_bytes"], reading["cpu_s"], reading["pids_count"]) == (500, 2.5, 7)
    assert (reading["oom_kills_count"], reading["kernel_bytes"]) == (None, None)


def test_statistics_without_memory_are_an_error() -> None:
    """The engine answers with empty tables for a container that has ended."""
    with pytest.raises(ProbeError, match="found none"):
        reading_of_statistics({"memory_stats": {}})


def test_version_1_statistics() -> None:
    """The engine's statistics of version 1 use other names for the same numbers."""
    stats = {"total_rss": 40, "total_cache": 50, "total_inactive_file": 30, "cache": 50, "rss": 40}

    reading = reading_of_statistics({"memory_stats": {"usage": 100, "stats": stats}})

    assert (reading.anon_bytes, reading.working_set_bytes, reading.file_bytes) == (40, 70, None)


def test_check_says_why(machine: Machine) -> None:
    """An engine that cannot be reached and a machine without the memory controller are told in one line each."""

    def refuse() -> FakeEngine:
        raise ProbeError("expected a container engine, found none")

    failing: Callable[[], FakeEngine] = refuse
    (machine.group / "memory.stat").write_text("")

    assert ContainerProbe("backend", connect=failing).check() == "expected a container engine, found none"
    assert "the memory controller" in str(machine.probe().check())


def test_close_gives_the_connection_back(machine: Machine) -> None:
    """The engine's connection is closed, twice without harm."""
    probe = machine.probe()
    probe.read()
    probe.close()
    probe.close()

    assert machine.engine.closed


def test_the_client_library_is_not_loaded_before_it_is_needed() -> None:
    """A run without a container does not carry 17 MiB of client library."""
    code = "import sys, harness.probes.container; ContainerProbe = harness.probes.container.ContainerProbe('x'); "
    code += "print('docker' in sys.modules, 'requests' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]
