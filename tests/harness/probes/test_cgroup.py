"""Control groups of both versions, read from the files of real ones (data/cgroup_v1 was copied from a container)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.probes.cgroup import CgroupReading, CgroupV1, CgroupV2, find_cgroup, memory_of_v1, parse_stat

DATA = Path(__file__).parent / "data"
ID = "47dc09869e176e39b204e8e45dc006f630615870bead6396b1a66479405d2d50"
PID = 4242

SAME_CONTAINER = CgroupReading(
    anon_bytes=22_695_936,
    file_bytes=42_278_912 - 4_096_000,
    shmem_bytes=4_096_000,
    kernel_bytes=1_298_432,
    swap_bytes=8192,
    working_set_bytes=66_273_280 - 37_699_584,
    limit_bytes=67_108_864,
    oom_kills_count=2,
    cpu_s=0.207172,
    pids_count=3,
)


def fake_proc(tmp_path: Path, cgroup: str, mountinfo: str) -> Path:
    proc = tmp_path / "proc"
    (proc / str(PID)).mkdir(parents=True)
    (proc / str(PID) / "cgroup").write_text(cgroup)
    (proc / "self").mkdir()
    (proc / "self" / "mountinfo").write_text(mountinfo)
    return proc


def v1_machine(tmp_path: Path) -> Path:
    """A machine of version 1 with the unified hierarchy beside it, as systemd's hybrid mode sets it up."""
    for controller in ("memory", "cpu,cpuacct", "pids"):
        shutil.copytree(DATA / "cgroup_v1" / controller.split(",")[-1], tmp_path / controller / "docker" / ID)
    (tmp_path / "unified").mkdir()
    return fake_proc(
        tmp_path,
        f"4:memory:/docker/{ID}\n3:pids:/docker/{ID}\n2:cpu,cpuacct:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/\n",
        f"30 25 0:26 / {tmp_path}/memory rw,nosuid shared:1 - cgroup cgroup rw,memory\n"
        f"31 25 0:27 / {tmp_path}/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
        f"32 25 0:28 / {tmp_path}/pids rw,nosuid - cgroup cgroup rw,pids\n"
        f"33 25 0:29 / {tmp_path}/unified rw,nosuid - cgroup2 cgroup2 rw\n",
    )


def v2_machine(tmp_path: Path, group: str) -> Path:
    """A machine of version 2; the group above the container's has a limit of its own, the container's has none."""
    folder = tmp_path / "fs" / "system.slice" / f"docker-{ID}.scope"
    shutil.copytree(DATA / "cgroup_v2", folder)
    (folder.parent / "memory.max").write_text("67108864\n")
    return fake_proc(
        tmp_path,
        f"0::{group}\n",
        f"24 20 0:22 / {tmp_path}/proc rw - proc proc rw\n30 25 0:26 / {tmp_path}/fs rw,nosuid - cgroup2 cgroup2 rw\n",
    )


def test_version_1_files(tmp_path: Path) -> None:
    """Every column of version 1 comes from its file, shared memory taken out of the page cache."""
    cgroup = find_cgroup(PID, ID, v1_machine(tmp_path))

    assert isinstance(cgroup, CgroupV1)
    reading = cgroup.read()
    assert reading.cpu_s == pytest.approx(SAME_CONTAINER.cpu_s, abs=1e-6)
    assert (reading.anon_bytes, reading.file_bytes) == (SAME_CONTAINER.anon_bytes, SAME_CONTAINER.file_bytes)
    assert (reading.shmem_bytes, reading.kernel_bytes) == (SAME_CONTAINER.shmem_bytes, SAME_CONTAINER.kernel_bytes)
    assert (reading.swap_bytes, reading.limit_bytes) == (SAME_CONTAINER.swap_bytes, SAME_CONTAINER.limit_bytes)
    assert (reading.oom_kills_count, reading.pids_count) == (2, 3)
    assert reading.working_set_bytes == SAME_CONTAINER.working_set_bytes


@pytest.mark.parametrize("inside", ["", "/init.scope"])
def test_version_2_files(tmp_path: Path, inside: str) -> None:
    """Every column of version 2 comes from its file, the limit from a group above, also with groups inside."""
    proc = v2_machine(tmp_path, f"/system.slice/docker-{ID}.scope{inside}")

    cgroup = find_cgroup(PID, ID, proc)

    assert isinstance(cgroup, CgroupV2)
    assert cgroup.read() == SAME_CONTAINER


def test_version_2_before_kernel_5_18(tmp_path: Path) -> None:
    """Without the kernel's own sum its parts are summed."""
    folder = tmp_path / "group"
    shutil.copytree(DATA / "cgroup_v2", folder)
    stat = (folder / "memory.stat").read_text()
    (folder / "memory.stat").write_text(stat.replace("kernel 1298432\n", ""))

    assert CgroupV2(folder, tmp_path).read().kernel_bytes == 16384 + 131072 + 1200 + 4096 + 749568


def test_no_limit_is_blank(tmp_path: Path) -> None:
    """The largest number of version 1 and the word ``max`` of version 2 both mean none."""
    v1, v2 = tmp_path / "v1", tmp_path / "v2"
    shutil.copytree(DATA / "cgroup_v1" / "memory", v1)
    shutil.copytree(DATA / "cgroup_v2", v2)
    stat = (v1 / "memory.stat").read_text()
    (v1 / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (v1 / "memory.stat").write_text(
        stat.replace("hierarchical_memory_limit 67108864", "hierarchical_memory_limit 9223372036854771712")
    )

    assert CgroupV1(v1, None, None).read().limit_bytes is None
    assert CgroupV2(v2, tmp_path).read().limit_bytes is None


def test_missing_files_are_blank_never_zero(tmp_path: Path) -> None:
    """A controller that is not mounted leaves its cells empty."""
    folder = tmp_path / "group"
    folder.mkdir()
    shutil.copy(DATA / "cgroup_v1" / "memory" / "memory.stat", folder)

    reading = CgroupV1(folder, None, None).read()

    assert reading.anon_bytes == 22_695_936
    assert (reading.cpu_s, reading.pids_count, reading.kernel_bytes, reading.working_set_bytes) == (None,) * 4


def test_gone_group_raises(tmp_path: Path) -> None:
    """A group that was removed is an error, not an empty container."""
    with pytest.raises(OSError, match=r"memory\.stat"):
        CgroupV2(tmp_path / "gone", tmp_path).read()


@pytest.mark.parametrize("group", ["/user.slice/session-1.scope", "/../docker-short.scope", "/"])
def test_a_pid_of_another_machine_is_not_believed(tmp_path: Path, group: str) -> None:
    """The engine's pid belongs to somebody else here: no group is better than a wrong one."""
    assert find_cgroup(PID, ID, v2_machine(tmp_path, group)) is None
    assert find_cgroup(PID + 1, ID, tmp_path / "proc") is None


def test_a_mount_of_a_part_of_the_hierarchy(tmp_path: Path) -> None:
    """The root of the mount is taken off the path; a group outside it cannot be seen."""
    shutil.copytree(DATA / "cgroup_v2", tmp_path / "fs" / ID)
    line = f"30 25 0:26 /outer {tmp_path}/fs rw - cgroup2 cgroup2 rw\n"
    inside = fake_proc(tmp_path / "a", f"0::/outer/{ID}\n", line)
    outside = fake_proc(tmp_path / "b", f"0::/outermost/{ID}\n", line)

    found = find_cgroup(PID, ID, inside)

    assert found is not None
    assert found.folder == tmp_path / "fs" / ID
    assert find_cgroup(PID, ID, outside) is None


def test_statistics_without_shared_memory_do_not_call_it_page_cache() -> None:
    """The engine leaves total_shmem out, and then the page cache alone is not known."""
    held = memory_of_v1({"total_cache": 10, "total_rss": 5, "total_inactive_file": 3}, 15)

    assert held == {
        "anon_bytes": 5,
        "file_bytes": None,
        "shmem_bytes": None,
        "swap_bytes": None,
        "working_set_bytes": 12,
    }


def test_parse_stat_skips_what_is_no_pair() -> None:
    """Lines of other forms (numa, pressure) do not break the reading."""
    assert parse_stat("anon 5\n\nsome avg10=0.00 total=0\nlimit max\nfile 7") == {"anon": 5, "file": 7}
