"""Tests of ``harness.diagnose.heap_growth``: what grew, what it holds, and who holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.diagnose.heap_growth import HeapGrowth, heap_growth, summary
from harness.diagnose.heap_snapshot import read_heap
from tests.support.heap_files import Node, leaking_heap, write_heap
from tests.support.target_processes import process


def _growth(folder: Path, before: list[Node], after: list[Node]) -> HeapGrowth:
    first = summary(read_heap(write_heap(folder / "a.heapsnapshot", before)))
    return heap_growth(first, read_heap(write_heap(folder / "b.heapsnapshot", after)))


def test_the_constructor_what_it_holds_and_the_path_are_named(tmp_path: Path) -> None:
    """Seven chunks more, each holding its thousand bytes, all in one history."""
    growth = _growth(tmp_path, leaking_heap(3), leaking_heap(10))
    chunk, data = growth.constructors

    assert growth.comparable
    assert growth.self_bytes == 7 * 1040
    assert (chunk.name, chunk.count, chunk.self_bytes, chunk.new_count) == ("Chunk", 7, 280, 7)
    assert chunk.held_bytes == 7 * 1040
    assert chunk.path == ("[…] of Array", "history of App", "app of global", "the roots")
    assert chunk.path_share == 1.0
    assert (data.name, data.held_bytes) == ("system / JSArrayBufferData", 7000)
    assert data.path[0] == "audio of Chunk"


def test_two_equal_heaps_have_no_growth(tmp_path: Path) -> None:
    """A clean run names no suspect."""
    assert _growth(tmp_path, leaking_heap(3), leaking_heap(3)).constructors == ()


def test_objects_with_new_numbers_are_compared_by_constructor(tmp_path: Path) -> None:
    """Another session numbers them anew; then nothing is known as new, and it is said so."""
    renumbered: list[Node] = [(k, name, 100_000 + number, size, e) for k, name, number, size, e in leaking_heap(10)]
    growth = _growth(tmp_path, leaking_heap(3), renumbered)

    assert not growth.comparable
    assert (growth.constructors[0].name, growth.constructors[0].count) == ("Chunk", 7)
    assert "history of App" in growth.constructors[0].path


def test_a_list_linked_through_itself_is_counted_once(tmp_path: Path) -> None:
    """Each new link holds the next; together they hold what they are, and the path is short."""

    def chain(length: int) -> list[Node]:
        nodes: list[Node] = [
            ("synthetic", "", 1, 0, [("shortcut", "global", 1)]),
            ("object", "global", 3, 100, [("property", "last", 2)]),
        ]
        for number in range(length):
            edges = [("property", "next", len(nodes) + 1)] if number < length - 1 else []
            nodes.append(("object", "Link", 1000 - 2 * number, 100, list(edges)))
        return nodes

    growth = _growth(tmp_path, chain(5), [*chain(5)[:2], *_renumbered_chain(chain(300)[2:])])
    (link,) = growth.constructors

    assert link.count == 295
    assert link.held_bytes <= 300 * 100
    assert link.path[-2:] == ("last of global", "the roots")
    assert len(link.path) <= 3


def _renumbered_chain(links: list[Node]) -> list[Node]:
    return [(kind, name, 2000 + 2 * at, size, edges) for at, (kind, name, _, size, edges) in enumerate(links)]


_LEAK = """
const v8 = require('v8');
class Chunk { constructor() { this.audio = Buffer.alloc(50000, 1); } }
const responseHistory = [];
const [first, second] = process.argv.slice(1);
for (let i = 0; i < 10; i++) responseHistory.push(new Chunk());
v8.writeHeapSnapshot(first);
for (let i = 0; i < 100; i++) responseHistory.push(new Chunk());
v8.writeHeapSnapshot(second);
console.log('written');
"""


@pytest.mark.slow
def test_a_real_heap_names_the_list_that_keeps_the_buffers(tmp_path: Path) -> None:
    """Node.js itself wrote both snapshots."""
    files = [tmp_path / name for name in ("a.heapsnapshot", "b.heapsnapshot")]
    with process(["node", "-e", _LEAK, *map(str, files)]) as child:
        assert child.wait(timeout=40) == 0
    growth = heap_growth(summary(read_heap(files[0])), read_heap(files[1]))
    by_name = {row.name: row for row in growth.constructors}

    assert growth.constructors[0].name == "Chunk"
    assert by_name["Chunk"].count == 100
    assert by_name["Chunk"].held_bytes == pytest.approx(100 * 50_200, rel=0.02)
    assert by_name["Chunk"].path[1].startswith("responseHistory of ")
    assert by_name["Buffer"].path[0] == "audio of Chunk"
