"""The walk over memory maps."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from harness.probes.procfs import ProcessFiles, Rollup, Stat, Status
from harness.probes.tree import Look, Member
from harness.probes.walk import Walk, Walker

SMALL_BYTES = 10 * 2**20
HUGE_BYTES = 64 * 2**30


class _Files(ProcessFiles):
    """A process whose walk is told by the test."""

    def __init__(self, pid: int, failure: OSError | None = None, gate: threading.Event | None = None) -> None:
        super().__init__(pid, hold=False)
        self._failure = failure
        self._gate = gate

    def rollup(self) -> Rollup:
        if self._gate is not None:
            assert self._gate.wait(10)
        if self._failure is not None:
            raise self._failure
        return Rollup(100, 50, 20, 0)


def _look(files: _Files, rss_bytes: int = SMALL_BYTES) -> Look:
    return Look(Member(files, 1), Stat(1, 0, False, 0.0, None), Status(rss_bytes, 0, 0, 0, 1, b""))


@pytest.fixture
def walker() -> Iterator[Walker]:
    walker = Walker("target", 0.005)
    yield walker
    walker.close()


def test_a_small_walk_is_done_at_once(walker: Walker) -> None:
    """Its figures stand in the row that asked for them."""
    walk = walker.poll([_look(_Files(1)), _look(_Files(2))], frozenset(), 0.0, 5.0)

    assert walk is not None
    assert (walk.pss_bytes, walk.uss_bytes, walk.refused) == (200, 100, None)


def test_the_next_walk_waits(walker: Walker) -> None:
    """For its interval, however cheap it is."""
    looks = [_look(_Files(1))]
    walker.poll(looks, frozenset(), 0.0, 5.0)

    assert walker.poll(looks, frozenset(), 4.9, 5.0) is None
    assert walker.poll(looks, frozenset(), 5.0, 5.0) is not None


def test_a_long_walk_delays_no_tick(walker: Walker) -> None:
    """64 GiB take a second: ticks go on, and the result comes when it is there, once."""
    gate = threading.Event()
    looks = [_look(_Files(1, gate=gate), HUGE_BYTES)]
    during = [walker.poll(looks, frozenset(), t_s, 5.0) for t_s in (0.0, 1.0, 20.0)]
    gate.set()
    walk: Walk | None = None
    while walk is None:
        walk = walker.poll(looks, frozenset(), 21.0, 1e9)

    assert during == [None, None, None]
    assert walk.pss_bytes == 100
    assert walker.poll(looks, frozenset(), 22.0, 1e9) is None


def test_what_may_not_be_read_says_what_to_do(walker: Walker) -> None:
    """Another user's process: no figures, a reason."""
    walk = walker.poll([_look(_Files(7, PermissionError(13, "Permission denied")))], frozenset(), 0.0, 5.0)

    assert walk is not None
    assert walk.refused is not None
    assert "process 7" in walk.refused
    assert "run as root or as its user" in walk.refused


def test_a_process_that_ended_meanwhile_is_left_out(walker: Walker) -> None:
    """The others are still read."""
    walk = walker.poll([_look(_Files(1, ProcessLookupError())), _look(_Files(2))], frozenset(), 0.0, 5.0)

    assert walk is not None
    assert list(walk.rollups) == [(2, 1)]
