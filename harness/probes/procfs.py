"""One process as Linux tells it in ``/proc``: its files read, parsed, and nothing decided.

Files that are read every tick stay open: reading again costs a third of opening again (4 µs against 9 for ``stat``,
measured), and the kernel answers ESRCH once that very process has ended, so an open file can never tell of a later
process with the same pid. ``smaps_rollup`` is the exception: an open one would hold the target's memory map.

``statm`` has resident and anonymous memory for a seventh of what ``status`` costs (1.4 µs against 10, measured). What
is made at every tick is a NamedTuple: a frozen dataclass takes four times as long to make.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
_READ_BYTES = 1 << 16
_LINE_BYTES = 1 << 12
"""More than the one line of ``stat`` or ``statm`` ever has; the buffer is made at every reading."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_KIB = 1024
_GROUP_LINE = re.compile(rb"^Tgid:\s+(\d+)$", re.MULTILINE)
_ROLLUP_LINE = re.compile(rb"^(\w+):\s+(\d+) kB$", re.MULTILINE)


class Stat(NamedTuple):
    """``/proc/PID/stat``. ``lineage`` is where the kernel laid out the program: processes that forked from one another
    without starting another program share it, and only they can share anonymous memory. None when it is hidden from us.
    """

    start_ticks: int
    parent_pid: int
    zombie: bool
    cpu_s: float
    threads_count: int
    lineage: tuple[bytes, ...] | None


class Memory(NamedTuple):
    """``/proc/PID/statm``; zeros for a process without memory (a zombie)."""

    rss_bytes: int
    anon_bytes: int
    text_size_bytes: int


class Status(NamedTuple):
    """``/proc/PID/status``. ``section`` is its text on memory: equal only for two tasks on one memory map (vfork), and
    empty for a task without memory of its own. ``group_pid`` is the process that it is a thread of, as a rule itself.
    """

    swap_bytes: int
    section: bytes
    group_pid: int | None = None


@dataclass(frozen=True, slots=True)
class Rollup:
    """``/proc/PID/smaps_rollup``; the ``shared`` figures are what other processes account for, page by page."""

    pss_bytes: int
    uss_bytes: int
    shared_anon_bytes: int
    shared_swap_bytes: int


class ProcessFiles:
    """The files of process ``pid``; OSError (ESRCH, ENOENT) once it has ended. ``hold`` keeps frequent ones open."""

    def __init__(self, pid: int, *, hold: bool, proc: Path = PROC) -> None:
        self.pid = pid
        self._folder = f"{proc}/{pid}"
        self._hold = hold
        self._descriptors: dict[str, int] = {}
        self._fds_hidden = False

    def stat(self) -> Stat:
        return parse_stat(self._read("stat", _LINE_BYTES))

    def memory(self) -> Memory:
        return parse_statm(self._read("statm", _LINE_BYTES))

    def status(self) -> Status:
        """Prints all there is to know of a process: not for every tick."""
        return parse_status(self._read_once("status"))

    def rollup(self) -> Rollup:
        """Walks the whole memory map under its lock: 11–15 ms a GiB. PermissionError when it is another user's."""
        return parse_rollup(self._read_once("smaps_rollup"))

    def fds_count(self) -> int:
        """Open descriptors. PermissionError when it is another user's."""
        # Since Linux 6.2 the folder's size is their number; before, it was 0 and they had to be listed.
        return self._fds_folder().st_size or len(os.listdir(f"{self._folder}/fd"))

    def children(self, threads_count: int) -> list[int]:
        """The pids of its children, whichever of its threads started them."""
        if threads_count == 1:
            return list(map(int, self._read(f"task/{self.pid}/children", _READ_BYTES).split()))
        found: list[int] = []
        for thread in os.listdir(f"{self._folder}/task"):
            try:
                found.extend(map(int, self._read_once(f"task/{thread}/children").split()))
            except (FileNotFoundError, ProcessLookupError):  # that thread has just ended
                continue
        return found

    def close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def _fds_folder(self) -> os.stat_result:
        """Of the open folder where that is allowed: another user's may be looked at but not opened."""
        if self._hold and not self._fds_hidden:
            try:
                return os.fstat(self._descriptor("fd"))
            except PermissionError:
                self._fds_hidden = True
        return os.stat(f"{self._folder}/fd")

    def _read(self, name: str, size: int) -> bytes:
        if not self._hold:
            return self._read_once(name)
        return os.pread(self._descriptor(name), size, 0)

    def _descriptor(self, name: str) -> int:
        descriptor = self._descriptors.get(name)
        if descriptor is None:
            descriptor = os.open(f"{self._folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            self._descriptors[name] = descriptor
        return descriptor

    def _read_once(self, name: str) -> bytes:
        descriptor = os.open(f"{self._folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, _READ_BYTES)
        finally:
            os.close(descriptor)


def parse_stat(data: bytes) -> Stat:
    """Field numbers as in proc(5), minus the three up to the state; the command may hold spaces and brackets."""
    fields = data[data.rindex(b")") + 2 :].split()
    cpu_ticks = int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
    # start and end of the code, start of the stack, of the data and of the heap, start of the arguments
    lineage = None if fields[25] == b"0" else (*fields[23:26], *fields[42:46])
    zombie = fields[0] == b"Z" or fields[0] == b"X"
    return Stat(int(fields[19]), int(fields[1]), zombie, cpu_ticks / _TICKS_PER_S, int(fields[17]), lineage)


def parse_statm(data: bytes) -> Memory:
    """Anonymous is what is resident and neither of a file nor of shared memory."""
    _, resident, shared, text, _ = data.split(None, 4)
    rss_bytes = int(resident) * _PAGE_BYTES
    return Memory(rss_bytes, rss_bytes - int(shared) * _PAGE_BYTES, int(text) * _PAGE_BYTES)


def parse_status(data: bytes) -> Status:
    """A process without memory (a zombie) has zeros."""
    told = _GROUP_LINE.search(data)
    group_pid = int(told[1]) if told else None
    start = data.find(b"\nVmPeak:")
    if start < 0:
        return Status(0, b"", group_pid)
    section = data[start : data.find(b"\nCoreDumping:", start)]
    return Status(_kib(section, b"\nVmSwap:"), section, group_pid)


def parse_rollup(data: bytes) -> Rollup:
    values = {name: int(kib) * _KIB for name, kib in _ROLLUP_LINE.findall(data)}
    return Rollup(
        pss_bytes=values.get(b"Pss", 0),
        uss_bytes=sum(values.get(name, 0) for name in (b"Private_Clean", b"Private_Dirty", b"Private_Hugetlb")),
        shared_anon_bytes=values.get(b"Anonymous", 0) - values.get(b"Pss_Anon", 0),
        shared_swap_bytes=values.get(b"Swap", 0) - values.get(b"SwapPss", 0),
    )


def _kib(section: bytes, label: bytes) -> int:
    start = section.find(label)
    if start < 0:
        return 0
    return int(section[start + len(label) : section.index(b"kB", start)]) * _KIB


@cache
def boot_time_s(proc: Path = PROC) -> float:
    """Seconds since the epoch at boot, read once: the kernel's answer moves when the wall clock is set."""
    for line in (proc / "stat").read_bytes().splitlines():
        if line.startswith(b"btime "):
            return float(line.split()[1])
    raise OSError(f"expected a line 'btime' in {proc / 'stat'}, found none")


def start_time_s(start_ticks: int, proc: Path = PROC) -> float:
    """When a process started that did so ``start_ticks`` after boot, in seconds since the epoch, to the tick."""
    return round(boot_time_s(proc) + start_ticks / _TICKS_PER_S, 2)


class NewestPid:
    """The last pid given out on this machine: while it stays, nobody has a new child."""

    def __init__(self, proc: Path = PROC) -> None:
        try:
            self._descriptor = os.open(proc / "loadavg", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._descriptor = -1

    def read(self) -> bytes | None:
        """None where the machine does not tell."""
        return os.pread(self._descriptor, 256, 0).rpartition(b" ")[2] if self._descriptor >= 0 else None

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
