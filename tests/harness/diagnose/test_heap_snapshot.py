"""Tests of ``harness.diagnose.heap_snapshot``: the same heap however the file is cut into blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.diagnose import heap_snapshot
from harness.diagnose.heap_snapshot import read_heap
from harness.errors import ProbeError
from tests.support.heap_files import leaking_heap, write_heap


@pytest.mark.parametrize("block_bytes", [37, 64, 1000, 2**22])
def test_nodes_edges_and_names_are_read(tmp_path: Path, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and names that lie across two blocks are whole."""
    monkeypatch.setattr(heap_snapshot, "BLOCK_BYTES", block_bytes)
    path = write_heap(tmp_path / "a.heapsnapshot", leaking_heap(3), texts=('quote " and \\ and ]', "ü\n"))
    heap = read_heap(path)

    assert heap.nodes_count == 11
    assert [heap.name(node) for node in range(6)] == ["(synthetic)", "global", "(GC roots)", "App", "Array", "Chunk"]
    assert heap.self_bytes.tolist()[5:7] == [40, 1000]
    assert heap.edge_counts.sum() == len(heap.edge_targets) == 2 + 1 + 1 + 3 + 3 + 3
    assert heap.edge_starts()[-1] == len(heap.edge_targets)
    assert heap.strings[heap.edge_names[4]] == "history"


def test_the_targets_own_texts_are_not_held(tmp_path: Path) -> None:
    """They may be secrets, and they may be many."""
    nodes = leaking_heap(1)
    nodes.append(("string", "the secret", 999, 32, []))
    heap = read_heap(write_heap(tmp_path / "a.heapsnapshot", nodes))

    assert "the secret" not in heap.strings
    assert heap.name(len(nodes) - 1) == "(string)"


def test_a_long_text_is_passed_over_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in it, also escapes at a block's end; the names after it are found."""
    monkeypatch.setattr(heap_snapshot, "BLOCK_BYTES", 1000)
    long = '\\"]' * 3000
    heap = read_heap(write_heap(tmp_path / "a.heapsnapshot", leaking_heap(2), texts=(long, "x" * 5001)))

    assert heap.name(3) == "App"
    assert heap.name(6) == "system / JSArrayBufferData"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", "its members"),
        ('{"nodes":[', "its description"),
        ('{"snapshot":{"meta":{}},"nodes":[', "its description"),
    ],
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, text: str, missing: str) -> None:
    """One line that says what is missing."""
    path = tmp_path / "a.heapsnapshot"
    path.write_text(text)

    with pytest.raises(ProbeError, match=missing):
        read_heap(path)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_a_snapshot_that_was_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    """In its numbers or in its names: half a heap would say wrong things."""
    path = write_heap(tmp_path / "a.heapsnapshot", leaking_heap(50))
    text = path.read_bytes()
    path.write_bytes(text[: int(share * len(text))])

    with pytest.raises(ProbeError, match="cut short"):
        read_heap(path)


def test_edges_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    """An edge beyond the last node would be an error deep in the difference."""
    nodes = leaking_heap(1)
    nodes[1] = ("object", "global", 3, 100, [("property", "app", 4711)])

    with pytest.raises(ProbeError, match="edges that fit"):
        read_heap(write_heap(tmp_path / "a.heapsnapshot", nodes))


def test_reading_stops_when_there_is_no_time(tmp_path: Path) -> None:
    """``check`` is asked at every block."""

    def out_of_time() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        read_heap(write_heap(tmp_path / "a.heapsnapshot", leaking_heap(1)), out_of_time)
