"""The walk over memory maps."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from harness.probes.procfs import Memory, ProcessFiles, Rollup, Stat
from harness.probes.tree import Member
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


def _member(files: _Files, rss_bytes: int = SMALL_BYTES) -> Member:
    return Member(files, (files.pid, 1), Stat(1, 0, False, 0.0, 1, None), Memory(rss_bytes, 0, 0))


def _poll(walker: Walker, members: list[Member], now_s: float, interval_s: float) -> Walk | None:
    return walker.poll([members], frozenset(), now_s, interval_s, 0.005)


@pytest.fixture
def walker() -> Iterator[Walker]:
    walker = Walker("target")
    yield walker
    walker.close()


def test_a_small_walk_is_done_at_once(walker: Walker) -> None:
    """Its figures stand in the row that asked for them."""
    walk = _poll(walker, [_member(_Files(1)), _member(_Files(2))], 0.0, 5.0)

    assert walk is not None
    assert (walk.pss_bytes, walk.uss_bytes, walk.refused) == (200, 100, None)


def test_the_next_walk_waits(walker: Walker) -> None:
    """For its interval, however cheap it is."""
    members = [_member(_Files(1))]
    _poll(walker, members, 0.0, 5.0)

    assert _poll(walker, members, 4.9, 5.0) is None
    assert _poll(walker, members, 5.0, 5.0) is not None


def test_a_long_walk_delays_no_tick(walker: Walker) -> None:
    """64 GiB take a second: ticks go on, and the result comes when it is there, once."""
    gate = threading.Event()
    members = [_member(_Files(1, gate=gate), HUGE_BYTES)]
    during = [_poll(walker, members, t_s, 5.0) for t_s in (0.0, 1.0, 20.0)]
    gate.set()
    walk: Walk | None = None
    while walk is None:
        walk = _poll(walker, members, 21.0, 1e9)

    assert during == [None, None, None]
    assert walk.pss_bytes == 100
    assert _poll(walker, members, 22.0, 1e9) is None


def test_what_may_not_be_read_says_what_to_do(walker: Walker) -> None:
    """Another user's process: no figures, a reason."""
    walk = _poll(walker, [_member(_Files(7, PermissionError(13, "Permission denied")))], 0.0, 5.0)

    assert walk is not None
    assert walk.refused is not None
    assert "process 7" in walk.refused
    assert "run as root or as its user" in walk.refused


def test_a_process_that_ended_meanwhile_is_left_out(walker: Walker) -> None:
    """The others are still read."""
    walk = _poll(walker, [_member(_Files(1, ProcessLookupError())), _member(_Files(2))], 0.0, 5.0)

    assert walk is not None
    assert list(walk.rollups) == [(2, 1)]
