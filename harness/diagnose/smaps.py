"""Where in the address space a process has grown: ``/proc/PID/smaps`` at two drained moments, and their difference.

Mappings are summed up by what they are for (the heap, the allocator's arenas, other anonymous memory, a library, a
file), because single ones come and go. Reading takes the target's mmap lock, so it is done at drained moments only, and
its cost is kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from harness.errors import ProbeError

ARENA_BYTES = 64 * 2**20
"""glibc's HEAP_MAX_SIZE on 64-bit machines: each further arena of malloc begins at a multiple of it."""
READ_LIMIT_BYTES = 256 * 2**20
LEAST_HELD_BYTES = 4096
LEAST_RSS_BYTES = 256 * 1024
HEAP, ARENAS, ANONYMOUS, STACKS = "heap", "malloc arenas", "anonymous", "stacks"
_HEADER = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ *(.*)$")
_FIELDS = {b"Rss:": "rss_bytes", b"Pss:": "pss_bytes", b"Anonymous:": "anon_bytes", b"Swap:": "swap_bytes"}


@dataclass(frozen=True, slots=True)
class Amount:
    """What a group of mappings holds; differences of two may be negative."""

    rss_bytes: int = 0
    pss_bytes: int = 0
    anon_bytes: int = 0
    swap_bytes: int = 0
    mappings_count: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def __sub__(self, other: Amount) -> Amount:
        return Amount(*(getattr(self, name) - getattr(other, name) for name in self.__slots__))

    @property
    def held_bytes(self) -> int:
        """What would have to be freed: anonymous memory, swapped out or not."""
        return self.anon_bytes + self.swap_bytes

    @property
    def matters(self) -> bool:
        """Whether a difference is more than a page or two that were shared otherwise."""
        return abs(self.held_bytes) >= LEAST_HELD_BYTES or abs(self.rss_bytes) >= LEAST_RSS_BYTES

    def to_json(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """The mappings of a process and its children by group, and how many arenas malloc has made beside its heap."""

    groups: dict[str, Amount] = field(default_factory=dict)
    arenas_count: int = 0
    processes_count: int = 0
    t_s: float = 0.0
    read_ms: float = 0.0

    @property
    def total(self) -> Amount:
        return sum(self.groups.values(), Amount())

    def __add__(self, other: MemoryMap) -> MemoryMap:
        names = dict.fromkeys((*self.groups, *other.groups))
        groups = {name: self.groups.get(name, Amount()) + other.groups.get(name, Amount()) for name in names}
        return replace(
            self,
            groups=groups,
            arenas_count=self.arenas_count + other.arenas_count,
            processes_count=self.processes_count + other.processes_count,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "t_s": round(self.t_s, 3),
            "read_ms": round(self.read_ms, 3),
            "processes_count": self.processes_count,
            "arenas_count": self.arenas_count,
            "groups": {name: amount.to_json() for name, amount in self.groups.items()},
        }


@dataclass(frozen=True, slots=True)
class MapGrowth:
    """How two maps differ: groups with the most held memory gained first."""

    seconds: float
    total: Amount
    groups: tuple[tuple[str, Amount], ...]
    arenas_gained: int

    def to_json(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 3),
            "total": self.total.to_json(),
            "arenas_gained": self.arenas_gained,
            "groups": [{"group": name, **amount.to_json()} for name, amount in self.groups],
        }


def parse_map(lines: Iterable[bytes]) -> MemoryMap:
    """The map that the lines of an ``smaps`` file describe."""
    groups: dict[str, Amount] = {}
    arenas = 0
    name, counts = "", {}
    for line in lines:
        header = _HEADER.match(line)
        if header is None:
            words = line.split()
            if words and words[0] in _FIELDS:
                counts[_FIELDS[words[0]]] = 1024 * int(words[1])
            continue
        if name:
            groups[name] = groups.get(name, Amount()) + Amount(**counts, mappings_count=1)
        start, end = int(header[1], 16), int(header[2], 16)
        name, counts = _group(header[4].strip(), start, end, header[3]), {}
        arenas += name == ARENAS and header[3].startswith(b"rw") and start % ARENA_BYTES == 0
    if name:
        groups[name] = groups.get(name, Amount()) + Amount(**counts, mappings_count=1)
    return MemoryMap(groups, arenas, 1)


def _group(path: bytes, start: int, end: int, rights: bytes) -> str:
    text = path.decode("utf-8", "replace")
    if not text:
        reserved = rights.startswith(b"---") and end % ARENA_BYTES == 0 and end - start < ARENA_BYTES
        grown = start % ARENA_BYTES == 0 and end - start <= ARENA_BYTES and rights.startswith(b"rw")
        return ARENAS if grown or reserved else ANONYMOUS
    if text == "[heap]":
        return HEAP
    if text.startswith("[stack"):
        return STACKS
    if text.startswith("[anon:"):
        return text.strip("[]")
    if text.startswith("["):
        return "kernel"
    return Path(text.removesuffix(" (deleted)")).name


def read_map(pid: int, t_s: float = 0.0, *, proc: Path = Path("/proc")) -> MemoryMap:
    """The map of ``pid`` and its children now. Raises ProbeError; children that end meanwhile are left out."""
    began_s = time.perf_counter()
    total = _read_one(pid, proc)
    try:
        children = [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        children = []
    for child in children:
        try:
            total = total + _read_one(child, proc)
        except ProbeError:
            continue
    return replace(total, t_s=t_s, read_ms=1000 * (time.perf_counter() - began_s))


def _read_one(pid: int, proc: Path) -> MemoryMap:
    try:
        with (proc / str(pid) / "smaps").open("rb") as file:
            return parse_map(_bounded(file))
    except PermissionError:
        raise ProbeError(
            f"expected to read the memory map of process {pid}, found no permission: run as root or as its user"
        ) from None
    except OSError as error:
        raise ProbeError(f"expected the memory map of process {pid}, found: {error.strerror}") from None


def _bounded(file: Iterable[bytes]) -> Iterable[bytes]:
    left = READ_LIMIT_BYTES
    for line in file:
        left -= len(line)
        if left < 0:
            return
        yield line


def map_growth(before: MemoryMap, after: MemoryMap) -> MapGrowth:
    """What ``after`` holds more than ``before``; groups without a difference are left out."""
    names = dict.fromkeys((*after.groups, *before.groups))
    grown = ((name, after.groups.get(name, Amount()) - before.groups.get(name, Amount())) for name in names)
    changed = sorted(
        ((name, amount) for name, amount in grown if amount.matters),
        key=lambda item: (-item[1].held_bytes, item[0]),
    )
    return MapGrowth(
        after.t_s - before.t_s, after.total - before.total, tuple(changed), after.arenas_count - before.arenas_count
    )


class DrainedMaps:
    """The first map after the warm-up and the last one of a run, read when the load has drained.

    A reading that cost more than ``DUTY_RATIO`` of the time since the one before is not repeated so soon.
    """

    DUTY_RATIO = 0.005

    def __init__(self, read: Callable[[float], MemoryMap]) -> None:
        self._read = read
        self.first: MemoryMap | None = None
        self.last: MemoryMap | None = None
        self.problem: str | None = None
        self.cost_ms = 0.0

    def drained(self, t_s: float) -> None:
        """Reads at a drained moment, where the budget allows. Never raises ProbeError: ``problem`` keeps why."""
        newest = self.last or self.first
        if newest is not None and newest.read_ms / 1000 > self.DUTY_RATIO * (t_s - newest.t_s):
            return
        try:
            found = self._read(t_s)
        except ProbeError as error:
            self.problem = str(error)
            return
        self.cost_ms += found.read_ms
        if self.first is None or found.processes_count != self.first.processes_count:
            self.first, self.last = found, None  # other processes than before: nothing to compare with
        else:
            self.last = found

    def growth(self) -> MapGrowth | None:
        """None without two moments."""
        return None if self.first is None or self.last is None else map_growth(self.first, self.last)
