"""Tests of ``harness.diagnose.command_capture``: run twice, kept, bounded."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.diagnose import command_capture
from harness.diagnose.command_capture import CommandCapture
from harness.diagnose.room import Moment, OutOfRoom, Room
from harness.errors import ProbeError


def _room(folder: Path, seconds: float = 20.0) -> Room:
    return Room(folder, time.monotonic() + seconds, 10**8, lambda: None)


def test_both_outputs_are_kept(tmp_path: Path) -> None:
    """With what stands for the pid and the moment replaced, and how the command ended."""
    capture = CommandCapture("sh -c 'echo {pid} {moment}; exit 3'", 4242)
    room = _room(tmp_path)
    for moment in Moment:
        capture.take(moment, room)

    assert (tmp_path / "command-before.txt").read_text() == "4242 before\n"
    assert (tmp_path / "command-after.txt").read_text() == "4242 after\n"
    assert capture.compare(room)["after"] == {"file": "command-after.txt", "exit_code": 3}
    assert not capture.findings()
    assert not capture.remarks()


def test_a_command_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    """One reason, as for every other capture."""
    with pytest.raises(ProbeError, match="no-such-program"):
        CommandCapture("no-such-program-here", None).take(Moment.BEFORE, _room(tmp_path))


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """With all it started."""
    with pytest.raises(OutOfRoom):
        CommandCapture("sh -c 'sleep 60 & wait'", None).take(Moment.BEFORE, _room(tmp_path, 0.3))


def test_a_command_that_does_not_stop_talking_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is the user's."""
    monkeypatch.setattr(command_capture, "OUTPUT_LIMIT_BYTES", 1000)

    with pytest.raises(ProbeError, match="at most 1000 bytes"):
        CommandCapture("yes", None).take(Moment.BEFORE, _room(tmp_path))
