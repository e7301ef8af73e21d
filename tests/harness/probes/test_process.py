"""The process tree probe, on real processes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.model import Role, Unit
from harness.probes.base import Gone, Reading
from harness.probes.process import COLUMNS, ProcessTreeProbe
from harness.probes.procfs import ProcessFiles
from tests.support.target_processes import answer, process, python_process, tell

MIB = 1 << 20
NOBODY = 65534

FORKED = """
import os, sys
shared = bytearray(os.urandom(1 << 20) * 64)
pipes = []
for _ in range(4):
    theirs, ours = os.pipe()
    done_read, done_write = os.pipe()
    if os.fork() == 0:
        kept = []
        while True:
            order = os.read(theirs, 1)
            if order == b"g":
                kept.append(b"x" * (8 << 20))
            elif order == b"w":
                for i in range(0, 16 << 20, 4096):
                    shared[i] = 1
            else:
                os._exit(0)
            os.write(done_write, b".")
    pipes.append((ours, done_read))
print("up")
while True:
    line = input()
    for ours, done in pipes:
        os.write(ours, line.encode())
        if line != "e":
            os.read(done, 1)
    if line == "e":
        for _ in pipes:
            os.wait()
        pipes = []
    print("done")
"""


class Clock:
    """Time as the test wants it."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@contextmanager
def probe_of(pid: int, clock: Clock | None = None, *, children: bool = True) -> Iterator[ProcessTreeProbe]:
    probe = ProcessTreeProbe("target", Role.TARGET, pid, 0.2, clock=clock or Clock(), children=children)
    try:
        yield probe
    finally:
        probe.close()


def value(reading: Reading, column: str) -> float:
    found = reading.get(column)
    assert found is not None, f"{column} is blank"
    return found


def test_the_columns_of_the_format_are_there() -> None:
    """Those of schema 1, each ending in its unit."""
    names = [column.name for column in COLUMNS]

    assert names[:9] == [
        *("rss_bytes", "pss_bytes", "uss_bytes", "anon_bytes", "swap_bytes"),
        *("cpu_s", "fds_count", "threads_count", "processes_count"),
    ]
    assert all(column.name.endswith(f"_{column.unit.value}") for column in COLUMNS)
    assert {column.unit for column in COLUMNS} == {Unit.BYTES, Unit.SECONDS, Unit.COUNT, Unit.MILLISECONDS}


def test_shared_pages_of_forked_workers_count_once() -> None:
    """64 MiB that five processes share are 64 MiB by PSS and by anonymous memory, and 320 MiB by summed RSS."""
    clock = Clock()
    with python_process(FORKED) as child, probe_of(child.pid, clock) as probe:
        reading = probe.read()
        tell(child, "g")
        clock.now_s = 100.0
        grown = probe.read()
        tell(child, "e")

    assert value(reading, "processes_count") == 5
    assert value(reading, "rss_bytes") > 5 * 64 * MIB
    for column in ("pss_bytes", "anon_bytes"):
        assert 64 * MIB < value(reading, column) < 100 * MIB
        assert value(grown, column) - value(reading, column) == pytest.approx(32 * MIB, rel=0.1)


def test_growth_of_workers_is_seen_between_walks() -> None:
    """Anonymous memory moves at every tick although what is shared was measured before."""
    clock = Clock()
    with python_process(FORKED) as child, probe_of(child.pid, clock) as probe:
        before = probe.read()
        tell(child, "g")
        clock.now_s = 0.2
        after = probe.read()
        tell(child, "e")

    assert after.get("pss_bytes") is None
    assert value(after, "anon_bytes") - value(before, "anon_bytes") == pytest.approx(32 * MIB, rel=0.1)


def test_pages_that_workers_make_their_own_are_seen_by_the_next_walk() -> None:
    """Writing to 16 MiB of shared memory in each of four workers is 64 MiB more, without any new allocation."""
    clock = Clock()
    with python_process(FORKED) as child, probe_of(child.pid, clock) as probe:
        before = probe.read()
        tell(child, "w")
        clock.now_s = 100.0
        after = probe.read()
        tell(child, "e")

    assert value(after, "anon_bytes") - value(before, "anon_bytes") == pytest.approx(64 * MIB, rel=0.1)
    assert value(after, "rss_bytes") - value(before, "rss_bytes") < 16 * MIB  # each may fault in a megabyte of code


def test_a_changed_group_is_blank_until_it_is_walked() -> None:
    """A worker ends before the budget allows a walk: what the others share is unknown and is not guessed."""
    clock = Clock()
    with python_process(FORKED) as child, probe_of(child.pid, clock) as probe:
        before = probe.read()
        worker = ProcessFiles(child.pid, hold=False).children(1)[0]
        os.kill(worker, signal.SIGKILL)
        _await_end(worker)
        changed = probe.read()
        clock.now_s = 100.0
        walked = probe.read()

    assert changed.get("anon_bytes") is None
    assert value(changed, "rss_bytes") > 0
    assert value(walked, "anon_bytes") == pytest.approx(value(before, "anon_bytes"), rel=0.05)


def _await_end(pid: int) -> None:
    """Returns once process ``pid``, which is no child of ours, has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)


def test_processor_time_and_threads_are_read() -> None:
    """A child that works has used time, and its threads are counted."""
    code = (
        "import threading, time\nstop = threading.Event()\nthreading.Thread(target=stop.wait).start()\n"
        "until = time.process_time() + 0.2\nwhile time.process_time() < until: pass\nprint('up'); input(); stop.set()"
    )
    with python_process(code) as child, probe_of(child.pid) as probe:
        reading = probe.read()

    assert value(reading, "cpu_s") >= 0.19
    assert value(reading, "threads_count") == 2
    assert value(reading, "fds_count") >= 3


def test_processor_time_of_children_that_ended_is_kept() -> None:
    """A counter never goes back when a child goes."""
    code = (
        "import subprocess, sys\nprint('up')\nwork = 'import time; print(1, flush=True)\\n'"
        "'while time.process_time() < 0.3: pass\\nprint(2, flush=True); input()'\n"
        "child = subprocess.Popen([sys.executable, '-c', work], stdout=subprocess.PIPE, stdin=subprocess.PIPE)\n"
        "child.stdout.readline(); child.stdout.readline(); print('worked'); input()\n"
        "child.communicate(b'\\n'); print('waited'); input()"
    )
    with python_process(code) as child, probe_of(child.pid) as probe:
        assert child.stdout is not None
        child.stdout.readline()
        with_child = value(probe.read(), "cpu_s")
        tell(child, "end")
        without = value(probe.read(), "cpu_s")

    assert with_child >= 0.29
    assert without >= with_child


def test_a_killed_target_is_gone_and_a_new_one_is_followed() -> None:
    """Readings fail with a reason until the probe is told the new pid; the identity is then another."""
    with python_process("print('up'); input()") as first, probe_of(first.pid) as probe:
        old = probe.identity()
        probe.read()
        first.kill()
        first.wait()
        for _ in range(2):
            with pytest.raises(Gone, match=f"process {first.pid} has ended"):
                probe.read()
        with python_process("print('up'); input()") as second:
            probe.follow(second.pid)
            reading = probe.read()
            new = probe.identity()

    assert value(reading, "rss_bytes") > 0
    assert old is not None
    assert new is not None
    assert (old.pid, new.pid) == (first.pid, second.pid)


def test_a_zombie_is_gone() -> None:
    """It has ended although its pid is still taken."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with probe_of(child.pid) as probe, pytest.raises(Gone):
        probe.read()
    child.wait()


def test_no_such_process_is_said_beforehand() -> None:
    """``check`` has the reason, and there is nobody to identify."""
    with probe_of(2**22 + 1) as probe:
        assert probe.check() == "expected a running process 4194305, found none: name one that runs"
        assert probe.identity() is None


def test_what_has_no_memory_of_its_own_is_said_beforehand() -> None:
    """A zombie, a thread, a thread of the kernel: each would be a flat line of zeros, or somebody else's memory."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with probe_of(child.pid) as probe:
        assert "found one that has ended (a zombie)" in (probe.check() or "")
    child.wait()
    threaded = "import threading; t = threading.Thread(target=input); t.start(); print('up'); print(t.native_id)"
    with python_process(threaded) as other:
        thread = int(answer(other))
        with probe_of(thread) as probe:
            assert f"found that {thread} is a thread of process {other.pid}" in (probe.check() or "")


def test_a_thread_of_the_kernel_is_said_beforehand(tmp_path: Path) -> None:
    """It has no memory map, and no line about one."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "stat").touch()
    kernel = tmp_path / "7"
    kernel.mkdir()
    (tmp_path / "stat").write_text("btime 1700000000\n")
    (kernel / "stat").write_text(f"7 (kworker/0:0) I 2 {'0 ' * 48}\n")
    (kernel / "statm").write_text("0 0 0 0 0 0 0\n")
    (kernel / "status").write_text("Name:\tkworker/0:0\nTgid:\t7\nPid:\t7\nThreads:\t1\n")
    probe = ProcessTreeProbe("target", Role.TARGET, 7, proc=tmp_path)
    reason = probe.check()
    probe.close()

    assert reason == "expected a process with memory of its own, found that 7 is a thread of the kernel: name a program"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to start a process as another user and drop its own rights")
def test_another_users_process_is_read_as_far_as_allowed() -> None:
    """RSS, anonymous memory and counts are everybody's to read; PSS and sockets are blank, with the reason."""
    script = (
        "import os, sys, subprocess\n"
        "from harness.probes.process import ProcessTreeProbe\n"
        "from harness.probes.base import PartialReading\n"
        "from harness.model import Role\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "probe = ProcessTreeProbe('target', Role.TARGET, int(sys.argv[1]))\n"
        "print(probe.check())\n"
        "try: probe.read()\n"
        "except PartialReading as partial:\n"
        "    print(sorted(name for name, value in partial.reading.items() if value is not None)); print(partial)\n"
    )
    with process(["sleep", "60"]) as child:
        out = subprocess.run(
            [sys.executable, "-c", script, str(child.pid)], capture_output=True, text=True, check=True
        ).stdout.splitlines()

    assert out == [
        "None",
        "['anon_bytes', 'cpu_s', 'fds_count', 'processes_count', 'rss_bytes', 'swap_bytes', 'threads_count']",
        f"PSS and USS of process {child.pid} could not be read (Permission denied): run as root or as its user",
    ]


def test_the_harness_is_read_without_what_it_started() -> None:
    """Its children are sampled for their own sake."""
    with python_process("print('up'); input()"), probe_of(os.getpid(), children=False) as probe:
        assert value(probe.read(), "processes_count") == 1
