"""The memory of a control group, version 1 and 2, read from its files.

What counts as held is ``anon`` (and ``shmem``): page cache belongs to the kernel, which takes it back at need, so it is
shown and never added. ``working_set`` is usage less inactive file pages: the number that ``docker stats`` and the
kubelet show. A figure that this kernel does not give is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

UNLIMITED_V1_BYTES = 2**62
"""Version 1 says "no limit" as the largest page-aligned number of 63 bits; nobody has a limit near it."""

_KERNEL_PARTS = ("kernel_stack", "pagetables", "percpu", "sock", "slab")
"""What ``kernel`` of memory.stat sums up, for kernels before 5.18 that lack it (the kernel's cgroup-v2.rst)."""


@dataclass(frozen=True, slots=True)
class CgroupReading:
    """One reading, in bytes, seconds and counts; ``limit_bytes`` None = no limit set."""

    anon_bytes: int | None = None
    file_bytes: int | None = None
    shmem_bytes: int | None = None
    kernel_bytes: int | None = None
    swap_bytes: int | None = None
    working_set_bytes: int | None = None
    limit_bytes: int | None = None
    oom_kills_count: int | None = None
    cpu_s: float | None = None
    pids_count: int | None = None


@dataclass(frozen=True, slots=True)
class CgroupV1:
    """A control group of version 1: one folder a controller, ``cpu`` and ``pids`` where they are mounted."""

    memory: Path
    cpu: Path | None
    pids: Path | None

    @property
    def folder(self) -> Path:
        return self.memory

    def read(self) -> CgroupReading:
        """Raises OSError when the group is gone."""
        stat = parse_stat((self.memory / "memory.stat").read_text())
        own_limit, above = _read_int(self.memory / "memory.limit_in_bytes"), stat.get("hierarchical_memory_limit")
        limits = [limit for limit in (own_limit, above) if limit is not None and limit < UNLIMITED_V1_BYTES]
        cpu_ns = _read_int(self.cpu / "cpuacct.usage") if self.cpu else None
        return CgroupReading(
            **memory_of_v1(stat, _read_int(self.memory / "memory.usage_in_bytes")),
            kernel_bytes=_read_int(self.memory / "memory.kmem.usage_in_bytes"),
            limit_bytes=min(limits, default=None),
            oom_kills_count=_read_stat(self.memory / "memory.oom_control").get("oom_kill"),
            cpu_s=None if cpu_ns is None else cpu_ns / 1e9,
            pids_count=_read_int(self.pids / "pids.current") if self.pids else None,
        )


@dataclass(frozen=True, slots=True)
class CgroupV2:
    """A control group of version 2 under ``mount``; limits of the groups above it hold for it too."""

    folder: Path
    mount: Path

    def read(self) -> CgroupReading:
        """Raises OSError when the group is gone."""
        stat = parse_stat((self.folder / "memory.stat").read_text())
        cpu_us = _read_stat(self.folder / "cpu.stat").get("usage_usec")
        return CgroupReading(
            **memory_of_v2(stat, _read_int(self.folder / "memory.current")),
            swap_bytes=_read_int(self.folder / "memory.swap.current"),
            limit_bytes=self._limit_bytes(),
            oom_kills_count=_read_stat(self.folder / "memory.events").get("oom_kill"),
            cpu_s=None if cpu_us is None else cpu_us / 1e6,
            pids_count=_read_int(self.folder / "pids.current"),
        )

    def _limit_bytes(self) -> int | None:
        groups = [self.folder, *self.folder.parents]
        within = groups[: groups.index(self.mount)] if self.mount in groups else [self.folder]
        limits = (_read_int(group / "memory.max") for group in within)  # "max" is no number: None
        return min((limit for limit in limits if limit is not None), default=None)


Cgroup = CgroupV1 | CgroupV2


def memory_of_v1(stat: Mapping[str, int], usage_bytes: int | None) -> dict[str, int | None]:
    """Columns from version 1's memory.stat, the same text in the file and in the engine's statistics.

    ``total_*`` include child groups; ``cache`` holds shared memory too, which no kernel can take back, so that without
    ``total_shmem`` (the engine's statistics leave it out) the page cache alone is not known.
    """
    cache, shmem = stat.get("total_cache"), stat.get("total_shmem")
    return {
        "anon_bytes": stat.get("total_rss"),
        "file_bytes": _less(cache, shmem),
        "shmem_bytes": shmem,
        "swap_bytes": stat.get("total_swap"),
        "working_set_bytes": _less(usage_bytes, stat.get("total_inactive_file")),
    }


def memory_of_v2(stat: Mapping[str, int], usage_bytes: int | None) -> dict[str, int | None]:
    """Columns from version 2's memory.stat; ``file`` there includes shared memory, which is taken out."""
    file, shmem = stat.get("file"), stat.get("shmem")
    parts = [stat[name] for name in _KERNEL_PARTS if name in stat]
    return {
        "anon_bytes": stat.get("anon"),
        "file_bytes": _less(file, shmem),
        "shmem_bytes": shmem,
        "kernel_bytes": stat.get("kernel", sum(parts) if parts else None),
        "working_set_bytes": _less(usage_bytes, stat.get("inactive_file")),
    }


def find_cgroup(pid: int, container_id: str, proc: Path = Path("/proc")) -> Cgroup | None:
    """The group that holds container ``container_id``, whose main process the engine calls ``pid``.

    None where its files cannot be seen from here: the engine is on another host or in a virtual machine, so that
    ``pid`` is somebody else's here, or the harness itself is in a container.
    """
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
        mounts = (proc / "self" / "mountinfo").read_text().splitlines()
    except OSError:
        return None
    paths = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        cut = _cut_at_container(path, container_id)
        if cut is not None:
            paths.update(dict.fromkeys(controllers.split(","), cut))
    if "memory" in paths:
        memory = _v1_folder(mounts, "memory", paths)
        if memory is None:
            return None
        return CgroupV1(memory, _v1_folder(mounts, "cpuacct", paths), _v1_folder(mounts, "pids", paths))
    for root, mount, _ in _cgroup_mounts(mounts, "cgroup2"):
        folder = _under_mount(paths.get(""), root, mount)
        if folder is not None and (folder / "memory.stat").is_file():
            return CgroupV2(folder, mount)
    return None


def parse_stat(text: str) -> dict[str, int]:
    """``name number`` lines; anything else is skipped."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _cut_at_container(path: str, container_id: str) -> str | None:
    """The group of the whole container, also where its main process sits in a group inside it (systemd)."""
    parts = path.split("/")
    for position, part in enumerate(parts):
        if container_id in part:
            return "/".join(parts[: position + 1])
    return None


def _v1_folder(mounts: list[str], controller: str, paths: Mapping[str, str]) -> Path | None:
    for root, mount, options in _cgroup_mounts(mounts, "cgroup"):
        if controller in options:
            folder = _under_mount(paths.get(controller), root, mount)
            if folder is not None and folder.is_dir():
                return folder
    return None


def _cgroup_mounts(mounts: list[str], kind: str) -> list[tuple[str, Path, list[str]]]:
    """(root, mount point, super options) of each mount of ``kind`` (proc_pid_mountinfo(5))."""
    found = []
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields, tail = before.split(), after.split()
        if len(fields) > 4 and len(tail) > 2 and tail[0] == kind:
            found.append((fields[3], Path(fields[4]), tail[2].split(",")))
    return found


def _under_mount(path: str | None, root: str, mount: Path) -> Path | None:
    if path is None:
        return None
    prefix = root.rstrip("/")
    if prefix and not (path == prefix or path.startswith(prefix + "/")):
        return None
    return mount / path[len(prefix) :].lstrip("/")


def _read_int(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _read_stat(path: Path) -> dict[str, int]:
    try:
        return parse_stat(path.read_text())
    except OSError:
        return {}


def _less(whole_bytes: int | None, part_bytes: int | None) -> int | None:
    """The rest; never below zero, for the kernel updates the two at different times."""
    if whole_bytes is None or part_bytes is None:
        return None
    return max(0, whole_bytes - part_bytes)
