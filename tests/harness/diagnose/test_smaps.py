"""Tests of ``harness.diagnose.smaps``: groups of mappings, arenas, and what grew between two moments."""

from __future__ import annotations

import os

import pytest

from harness.diagnose import smaps
from harness.diagnose.smaps import Amount, DrainedMaps, MemoryMap, map_growth, parse_map, read_map
from harness.errors import ProbeError
from tests.support.target_processes import python_process, tell

_TEXT = """\
55d0c0a00000-55d0c0b00000 rw-p 00000000 00:00 0                          [heap]
Size:               1024 kB
Rss:                 100 kB
Pss:                  90 kB
Anonymous:            80 kB
Swap:                 10 kB
VmFlags: rd wr mr mw me ac sd
7f0000000000-7f0000021000 rw-p 00000000 00:00 0
Rss:                  40 kB
Anonymous:            40 kB
7f0000021000-7f0004000000 ---p 00000000 00:00 0
Rss:                   0 kB
7f1000010000-7f1000030000 rw-p 00000000 00:00 0
Rss:                  32 kB
Anonymous:            32 kB
7f2000000000-7f2000100000 r-xp 00000000 08:01 12    /usr/lib/libc.so.6
Rss:                 500 kB
7f2000100000-7f2000110000 rw-p 00100000 08:01 12    /usr/lib/libc.so.6 (deleted)
Rss:                  16 kB
Anonymous:             8 kB
7f2000200000-7f2000210000 rw-p 00000000 00:00 0     [anon: v8]
Anonymous:             4 kB
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0     [stack]
Anonymous:            12 kB
7ffd00100000-7ffd00102000 r-xp 00000000 00:00 0     [vdso]
"""


def _map(**held_kib: int) -> MemoryMap:
    return MemoryMap({name: Amount(anon_bytes=1024 * kib) for name, kib in held_kib.items()}, processes_count=1)


def test_mappings_are_summed_up_by_what_they_are_for() -> None:
    """Heap, arenas, anonymous memory, each library, named memory, stacks, and the kernel's own."""
    found = parse_map(_TEXT.encode().splitlines())

    assert {name: amount.anon_bytes // 1024 for name, amount in found.groups.items()} == {
        "heap": 80,
        "malloc arenas": 40,
        "anonymous": 32,
        "libc.so.6": 8,
        "anon: v8": 4,
        "stacks": 12,
        "kernel": 0,
    }
    assert found.groups["libc.so.6"].rss_bytes == 516 * 1024
    assert found.groups["heap"].held_bytes == 90 * 1024
    assert found.arenas_count == 1


def test_the_difference_names_what_gained_most_first() -> None:
    """What did not change is left out; what shrank is last."""
    growth = map_growth(_map(heap=10, libc=5, cache=9), _map(heap=50, libc=5, anonymous=100))

    assert [(name, amount.anon_bytes // 1024) for name, amount in growth.groups] == [
        ("anonymous", 100),
        ("heap", 40),
        ("cache", -9),
    ]
    assert growth.total.anon_bytes == 131 * 1024


def test_a_real_process_grows_where_it_allocates() -> None:
    """Twenty megabytes in one block are anonymous memory; a child process counts with its parent."""
    code = (
        "import sys, subprocess\nprint('ready')\nkept = []\n"
        "for line in sys.stdin:\n    kept.append(bytearray(b'x' * int(line)))\n    print('ok')\n"
    )
    with python_process(code) as child:
        before = read_map(child.pid)
        tell(child, str(20 * 2**20))
        growth = map_growth(before, read_map(child.pid))

    assert growth.groups[0][0] == "anonymous"
    assert growth.groups[0][1].held_bytes == pytest.approx(20 * 2**20, rel=0.05)


def test_children_are_part_of_the_map() -> None:
    """As they are of the process probe's sums."""
    code = "import subprocess, sys; subprocess.Popen(['sleep', '60']); print('ready'); sys.stdin.read()"
    with python_process(code) as child:
        assert read_map(child.pid).processes_count == 2


def test_a_process_that_is_not_there_is_a_probe_error() -> None:
    """The reason says which."""
    with pytest.raises(ProbeError, match="memory map of process 4194306"):
        read_map(2**22 + 2)


def test_a_map_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process can have millions of mappings."""
    monkeypatch.setattr(smaps, "READ_LIMIT_BYTES", 200)

    assert len(read_map(os.getpid()).groups) <= 1


def test_the_first_and_the_last_drained_moment_are_kept() -> None:
    """Those between are only steps on the way."""
    sizes = iter((10, 20, 60))
    maps = DrainedMaps(lambda t_s: MemoryMap({"heap": Amount(anon_bytes=next(sizes))}, 0, 1, t_s, 1.0))
    for t_s in (10.0, 20.0, 30.0):
        maps.drained(t_s)
    growth = maps.growth()

    assert growth is not None
    assert (growth.seconds, growth.total.anon_bytes) == (20.0, 50)
    assert maps.cost_ms == 3.0


def test_a_dear_reading_is_not_repeated_too_soon() -> None:
    """Half a percent of the time and no more: 100 ms are paid for by 20 s."""
    readings: list[float] = []

    def read(t_s: float) -> MemoryMap:
        readings.append(t_s)
        return MemoryMap({}, 0, 1, t_s, 100.0)

    maps = DrainedMaps(read)
    for t_s in (10.0, 20.0, 29.0, 31.0):
        maps.drained(t_s)

    assert readings == [10.0, 31.0]


def test_a_reading_that_fails_is_said_and_no_more() -> None:
    """The run goes on."""

    def read(t_s: float) -> MemoryMap:
        raise ProbeError("no permission")

    maps = DrainedMaps(read)
    maps.drained(10.0)

    assert maps.problem == "no permission"
    assert maps.growth() is None


def test_other_processes_begin_a_new_comparison() -> None:
    """A worker that was started meanwhile is no growth of what was there."""
    counts = iter((1, 2, 2))
    maps = DrainedMaps(lambda t_s: MemoryMap({}, 0, next(counts), t_s, 0.1))
    for t_s in (10.0, 20.0, 30.0):
        maps.drained(t_s)
    growth = maps.growth()

    assert growth is not None
    assert growth.seconds == 10.0
