"""A file is put in its place whole, or what was there stays."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from harness.store.whole import write_whole


def test_the_new_takes_the_place_of_the_old(tmp_path: Path) -> None:
    """And nothing else is left in the folder."""
    path = tmp_path / "verdict.json"
    path.write_text("old")

    assert write_whole(path, b"new") == path
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("verdict.json", b"new")]


def test_a_full_disk_leaves_what_was_there_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun goes."""
    path = tmp_path / "verdict.json"
    path.write_text("old")

    def full(self: Path, content: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("verdict.json", "old")]
