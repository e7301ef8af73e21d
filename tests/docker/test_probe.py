"""The probe on real control groups, held against what the engine itself says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.probes.cgroup import CgroupV1, CgroupV2, find_cgroup
from harness.probes.container import STATISTICS_PERIOD_S, ContainerProbe
from tests.support.containers import BASE_IMAGE, docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120), pytest.mark.usefixtures("images")]

HELD_BYTES = 40_000_000
CACHED_BYTES = 60_000_000
SHARED_BYTES = 8_000_000
LIMIT_BYTES = 256 * 2**20
STILL_BYTES = 500_000
MOVES = 10
"""Readings after which a working set that never stands still fails the test."""
CODE = f"""
held = bytearray(b"x" * {HELD_BYTES})
with open("/var/tmp/cached", "wb") as file:
    for _ in range({CACHED_BYTES} // 1000000):
        file.write(b"x" * 1000000)
with open("/dev/shm/shared", "wb") as file:
    file.write(b"x" * {SHARED_BYTES})
print("ready", flush=True)
import time
time.sleep(600)
"""


@pytest.fixture
def container() -> Iterator[str]:
    """A container that holds, caches and shares known amounts."""
    name = docker(
        "run", "--detach", "--memory", str(LIMIT_BYTES), BASE_IMAGE, "python3", "-c", CODE,
    )  # fmt: skip
    try:
        follow_until_ready(name)
        yield name
    finally:
        docker("rm", "--force", name)


def follow_until_ready(name: str) -> None:
    while "ready" not in docker("logs", name):
        docker("inspect", name)


def test_files_of_this_machine(container: str) -> None:
    """Each kind of memory is where it belongs, under whichever version this machine has."""
    probe = ContainerProbe(container)
    try:
        assert probe.check() is None
        reading = probe.read()
    finally:
        probe.close()

    assert reading["anon_bytes"] == pytest.approx(HELD_BYTES + 8e6, abs=6e6)
    assert reading["file_bytes"] == pytest.approx(CACHED_BYTES, rel=0.3)
    assert reading["shmem_bytes"] == pytest.approx(SHARED_BYTES, rel=0.05)
    assert reading["limit_bytes"] == LIMIT_BYTES
    assert reading["kernel_bytes"] is not None
    assert (reading["oom_kills_count"], reading["restarts_count"], reading["pids_count"]) == (0, 0, 1)


def test_version_of_this_machine(container: str) -> None:
    """The group is found under version 1 where the memory controller is mounted there, else under version 2."""
    pid = int(docker("inspect", "--format", "{{.State.Pid}}", container))
    full_id = docker("inspect", "--format", "{{.Id}}", container)
    expected = CgroupV1 if ":memory:" in Path(f"/proc/{pid}/cgroup").read_text() else CgroupV2

    assert isinstance(find_cgroup(pid, full_id), expected)


def test_the_engine_s_statistics_agree(container: str) -> None:
    """What a remote engine would be asked for says the same, at its pace; working set is what `docker stats` shows.

    The kernel moves file pages between its active and its inactive list when it likes, and the working set with them,
    so that three readings in a row can lie on either side of a move: `docker stats`, the slowest, takes two seconds.
    A reading of the files before and one after say whether there was one.
    """
    files = ContainerProbe(container)
    remote = ContainerProbe(container, period_s=0.25, proc=Path("/nonexistent"))
    try:
        for _ in range(MOVES):
            before, there = files.read(), remote.read()
            shown = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container).split("MiB")[0]
            after = files.read()
            if after["working_set_bytes"] == pytest.approx(before["working_set_bytes"], abs=STILL_BYTES):
                break
        assert remote.period_s == STATISTICS_PERIOD_S
    finally:
        files.close()
        remote.close()

    assert there["anon_bytes"] == pytest.approx(after["anon_bytes"], abs=1e6)
    assert there["working_set_bytes"] == pytest.approx(after["working_set_bytes"], abs=2e6)
    assert float(shown) * 2**20 == pytest.approx(after["working_set_bytes"], abs=2e6)


def test_a_restart_by_hand(container: str) -> None:
    """`docker restart` is a new identity and a restart that the engine itself does not count."""
    probe = ContainerProbe(container)
    try:
        first, _ = probe.identity(), probe.read()
        docker("restart", "--time", "0", container)
        reading, second = probe.read(), probe.identity()
    finally:
        probe.close()

    assert first != second
    assert reading["restarts_count"] == 1
