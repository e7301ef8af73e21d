"""Files of ``/proc`` parsed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from harness.probes.procfs import (
    NewestPid,
    ProcessFiles,
    boot_time_s,
    parse_rollup,
    parse_stat,
    parse_statm,
    parse_status,
    start_time_s,
)
from tests.support.target_processes import python_process, tell

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STAT = (
    b"42 (odd) name) S 7 42 42 0 -1 4194560 1 0 0 0 11 22 33 44 20 0 3 0 9876 1000 50 18446744073709551615 "
    b"100 200 300 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 400 500 600 700 800 900 1000 0\n"
)


def test_stat_survives_brackets_and_spaces_in_the_name() -> None:
    """Fields are counted from the last bracket; processor time includes children that were waited for."""
    stat = parse_stat(STAT)

    assert (stat.start_ticks, stat.parent_pid, stat.zombie, stat.cpu_s, stat.threads_count) == (9876, 7, False, 1.1, 3)
    assert stat.lineage == (b"100", b"200", b"300", b"400", b"500", b"600", b"700")


def test_a_hidden_layout_is_no_lineage() -> None:
    """Another user's process shows zeros, which must not look like one common program."""
    assert parse_stat(STAT.replace(b"100 200 300", b"1 1 0")).lineage is None


def test_a_zombie_is_told() -> None:
    """It holds nothing any more."""
    assert parse_stat(STAT.replace(b" S 7", b" Z 7")).zombie


def test_status_without_memory_is_zero() -> None:
    """A zombie and a kernel thread have no section on memory."""
    status = parse_status(b"Name:\tx\nState:\tZ (zombie)\nThreads:\t1\n")

    assert (status.swap_bytes, status.section) == (0, b"")


def test_anonymous_memory_is_what_is_neither_of_a_file_nor_shared() -> None:
    """In pages: all, resident, of files and shared, program."""
    assert parse_statm(b"900 500 100 20 0 300 0\n") == (500 * PAGE_BYTES, 400 * PAGE_BYTES, 20 * PAGE_BYTES)


def test_rollup_tells_what_others_account_for() -> None:
    """Of 100 kB anonymous, 40 count here and 60 at the others."""
    rollup = parse_rollup(
        b"55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss:  150 kB\nPss:  60 kB\nPss_Anon:  40 kB\n"
        b"Private_Clean:  5 kB\nPrivate_Dirty:  20 kB\nAnonymous:  100 kB\nSwap:  8 kB\nSwapPss:  2 kB\n"
    )

    assert (rollup.pss_bytes, rollup.uss_bytes) == (60 * 1024, 25 * 1024)
    assert (rollup.shared_anon_bytes, rollup.shared_swap_bytes) == (60 * 1024, 6 * 1024)


def test_a_real_process_reads_as_psutil_reads_it() -> None:
    """RSS, threads, start time and descriptors of a quiet child, by two ways."""
    with python_process("print('up'); input()") as child:
        files = ProcessFiles(child.pid, hold=True)
        other = psutil.Process(child.pid)
        stat = files.stat()
        seen = (files.memory().rss_bytes, stat.threads_count, files.fds_count(), len(files.children(1)))
        start_s = start_time_s(stat.start_ticks)
        expected = (other.memory_info().rss, other.num_threads(), other.num_fds(), 0)
        expected_start_s = other.create_time()
        files.close()

    assert seen == expected
    assert start_s == pytest.approx(expected_start_s, abs=0.011)


def test_anonymous_memory_is_what_was_allocated() -> None:
    """32 MiB more of touched memory are 32 MiB more of it, by statm and by the walk."""
    with python_process("print('up'); input(); keep = b'x' * (32 << 20); print('kept'); input()") as child:
        files = ProcessFiles(child.pid, hold=True)
        before, pss_before = files.memory().anon_bytes, files.rollup().pss_bytes
        tell(child, "keep")
        grown, pss_grown = files.memory().anon_bytes - before, files.rollup().pss_bytes - pss_before
        files.close()

    assert grown == pytest.approx(32 << 20, rel=0.02)
    assert pss_grown == pytest.approx(32 << 20, rel=0.02)


def test_open_files_of_an_ended_process_say_so() -> None:
    """They belong to that process for good: no later one with the same pid can answer through them."""
    with python_process("print('up'); input()") as child:
        files = ProcessFiles(child.pid, hold=True)
        files.stat()
        files.memory()
        files.fds_count()
        child.kill()
        child.wait()

        for read in (files.stat, files.memory, files.fds_count):
            with pytest.raises((ProcessLookupError, FileNotFoundError)):
                read()
        files.close()


def test_children_of_every_thread_are_found() -> None:
    """A child is listed under the thread that started it."""
    code = (
        "import subprocess, threading\n"
        "def work(): child = subprocess.Popen(['sleep', '60']); print(child.pid); input(); child.kill(); child.wait()\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()"
    )
    child = subprocess.Popen(["python3", "-u", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    found = ProcessFiles(child.pid, hold=False).children(2)
    child.communicate("end\n")

    assert found == [grandchild]


def test_the_newest_pid_changes_with_a_new_process() -> None:
    """It is the reason to look for children, and its absence a reason to look always."""
    newest = NewestPid()
    before = newest.read()
    subprocess.run(["true"], check=True)
    after = newest.read()
    newest.close()

    assert before is not None
    assert after != before


def test_no_newest_pid_without_the_file(tmp_path: Path) -> None:
    """None means look for children at every tick."""
    assert NewestPid(tmp_path).read() is None


def test_a_machine_without_boot_time_is_named(tmp_path: Path) -> None:
    """The file is there and lacks the line."""
    (tmp_path / "stat").write_text("cpu 1 2 3\n")

    with pytest.raises(OSError, match="btime"):
        boot_time_s(tmp_path)


def test_descriptors_are_counted_on_old_kernels_too(tmp_path: Path) -> None:
    """Where the folder's size does not tell, they are listed; an ordinary folder's size is never zero here."""
    folder = tmp_path / "7" / "fd"
    folder.mkdir(parents=True)
    for name in "012":
        (folder / name).touch()
    size = os.stat(folder).st_size

    assert ProcessFiles(7, hold=False, proc=tmp_path).fds_count() == (size or 3)
