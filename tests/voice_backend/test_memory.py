"""Tests of ``voice_backend.memory``."""

import os
import subprocess
import sys

from voice_backend.memory import heap_use, rss_bytes


def test_resident_bytes_of_this_process_and_of_one_that_ended() -> None:
    """Megabytes for a live process, zero for none."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()

    assert rss_bytes() > 5_000_000
    assert rss_bytes(os.getpid()) > 5_000_000
    assert rss_bytes(child.pid) == 0


def test_the_heap_grows_with_what_is_allocated() -> None:
    """Used bytes follow an allocation of ten megabytes, where the allocator can say."""
    before = heap_use()
    held = bytearray(10_000_000)
    after = heap_use()

    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert after.used_bytes - before.used_bytes >= len(held)
        assert after.total_bytes >= after.used_bytes


def test_large_blocks_go_back_to_the_system_at_once() -> None:
    """After freeing a hundred large blocks the heap is no larger than before (in a process of its own)."""
    script = """
from voice_backend.memory import heap_use, keep_large_blocks_out_of_the_heap
keep_large_blocks_out_of_the_heap()
before = heap_use()
blocks = [bytes(70_000) for _ in range(100)]
del blocks
after = heap_use()
print(0 if before is None else after.total_bytes - before.total_bytes)
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert int(output) < 70_000
