"""Tests of ``harness.diagnose.room``: a diagnosis ends in time and does not fill the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.diagnose.room import OutOfRoom, Room


def test_the_time_ends(tmp_path: Path) -> None:
    """The message names the setting."""
    room = Room(tmp_path, 10.0, 100, lambda: None, clock=lambda: 10.5)

    with pytest.raises(OutOfRoom, match=r"diagnose\.timeout"):
        room.check()


def test_the_users_end_comes_first(tmp_path: Path) -> None:
    """Whatever is asked."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Room(tmp_path, 10.0, 100, interrupted, clock=lambda: 0.0).check()


def test_what_is_written_counts(tmp_path: Path) -> None:
    """Also in folders below."""
    (tmp_path / "load").mkdir()
    (tmp_path / "load" / "load.csv").write_bytes(b"x" * 30)
    (tmp_path / "a").write_bytes(b"x" * 20)

    assert Room(tmp_path, 10.0, 100, lambda: None).left_bytes == 50
