"""A file is read as it grows."""

from __future__ import annotations

from pathlib import Path

from harness.store.tail import Tail


def test_a_tail_gives_whole_lines_once(tmp_path: Path) -> None:
    """What is still being written waits until it is whole."""
    file = tmp_path / "a.csv"
    tail = Tail(file)
    assert tail.lines() == []

    file.write_text("one\ntw")
    assert tail.lines() == ["one"]

    file.write_text("one\ntwo\n")
    assert tail.lines() == ["two"]
