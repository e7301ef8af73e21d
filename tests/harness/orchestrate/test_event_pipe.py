"""The pipe from the load to the harness."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from harness.model import Event
from harness.orchestrate.event_pipe import EventPipe


@pytest.fixture
def pipe() -> Iterator[EventPipe]:
    made = EventPipe()
    yield made
    made.close()


def test_lines_become_events_also_when_they_arrive_in_pieces(pipe: EventPipe) -> None:
    """A line is an event once its newline is there."""
    os.write(pipe.write_fd, b'{"t_s": 1.5, "event": "phase_start", "phase": "a", "kind": "normal", "cyc')
    assert pipe.drain() == []

    os.write(pipe.write_fd, b'le": 1}\n')

    assert pipe.drain() == [Event(1.5, "phase_start", {"phase": "a", "kind": "normal", "cycle": 1})]


@pytest.mark.parametrize(
    "line", [b"", b"no json", b"[1]", b'{"event": "x"}', b'{"t_s": "1", "event": "x"}', b'{"t_s": NaN, "event": "x"}']
)
def test_what_is_no_event_is_passed_over(pipe: EventPipe, line: bytes) -> None:
    """A user's scenario may print anything there."""
    os.write(pipe.write_fd, line + b'\n{"t_s": 2, "event": "note", "text": "ok"}\n')

    assert pipe.drain() == [Event(2.0, "note", {"text": "ok"})]


def test_an_endless_line_does_not_grow_the_harness(pipe: EventPipe) -> None:
    """What has no newline for 64 KiB is dropped."""
    for _ in range(3):
        os.write(pipe.write_fd, b"x" * 40_000)
        pipe.drain()
    os.write(pipe.write_fd, b'\n{"t_s": 3, "event": "note"}\n')

    assert pipe.drain() == [Event(3.0, "note", {})]
