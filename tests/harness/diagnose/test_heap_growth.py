"""Tests of ``harness.diagnose.heap_growth``: what grew, what it holds, and who holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


def test_a_small_object_that_holds_much_is_found_among_many_that_grew(tmp_path: Path) -> None:
    """A session of fifty bytes keeps a thousand; thirty other kinds of object have grown by more of their own."""

    def heap(more: int) -> list[Node]:
        kinds = [f"Filler{number}" for number in range(30)]
        edges: list[tuple[str, str | int, int]] = [("property", "kept", 2 + at) for at in range(31 * (1 + more))]
        nodes: list[Node] = [("synthetic", "", 1, 0, [("shortcut", "global", 1)]), ("object", "global", 3, 100, edges)]
        data_at = 2 + 31 * (1 + more)
        for copy in range(1 + more):
            for name in kinds:
                nodes.append(("object", name, 101 + 2 * len(nodes), 100, []))
            nodes.append(("object", "Session", 101 + 2 * len(nodes), 50, [("property", "text", data_at + copy)]))
        return [*nodes, *[("object", "Data", 9001 + 2 * copy, 1000, list[Any]()) for copy in range(1 + more)]]

    growth = _growth(tmp_path, heap(0), heap(1))

    assert (growth.constructors[0].name, growth.constructors[0].held_bytes) == ("Session", 1050)
    assert growth.constructors[1].path[0] == "text of Session"


def test_what_was_there_before_is_not_held_by_what_is_new(tmp_path: Path) -> None:
    """A new timer is the shortest way to an old module, which collects: the timer holds nothing but itself."""

    def heap(answers: int) -> list[Node]:
        kept: list[tuple[str, str | int, int]] = [("element", number, 6 + number) for number in range(answers)]
        timer: list[tuple[str, str | int, int]] = [("property", "timer", 5)] if answers > 1 else []
        return [
            ("synthetic", "", 1, 0, [("shortcut", "global", 1)]),
            ("object", "global", 3, 100, [("property", "first", 2), *timer]),
            ("object", "Loader", 5, 100, [("property", "second", 3)]),
            ("object", "Module", 7, 100, [("property", "third", 4)]),
            ("object", "History", 9, 100, kept),
            ("object", "Timer", 13, 40, [("property", "history", 4)]),
            *[("object", "Answer", 101 + 2 * number, 1000, list[Any]()) for number in range(answers)],
        ]

    before, after = heap(1), heap(9)
    del before[5]
    before[4] = ("object", "History", 9, 100, [("element", 0, 5)])
    growth = _growth(tmp_path, before, after)

    assert [(row.name, row.held_bytes) for row in growth.constructors] == [("Answer", 8000), ("Timer", 40)]
    assert growth.constructors[0].path[:2] == ("[…] of History", "history of Timer")


def test_the_path_is_that_of_most_bytes(tmp_path: Path) -> None:
    """Nine small arrays belong to sockets, the tenth keeps the answers: it is the one to tell of."""

    def heap(small: int, large: int) -> list[Node]:
        sockets: list[tuple[str, str | int, int]] = [("property", "seen", 4 + number) for number in range(small)]
        app: list[tuple[str, str | int, int]] = [("property", "queue", 4 + small)] * large
        answer: list[tuple[str, str | int, int]] = [("element", 0, 5 + small)]
        return [
            ("synthetic", "", 1, 0, [("shortcut", "global", 1)]),
            ("object", "global", 3, 100, [("property", "pool", 2), ("property", "app", 3)]),
            ("object", "Pool", 5, 100, sockets),
            ("object", "App", 7, 100, app),
            *[("object", "Array", 101 + 2 * number, 16, list[Any]()) for number in range(small)],
            *[("object", "Array", 301, 16, answer)] * large,
            *[("object", "Answer", 303, 5000, list[Any]())] * large,
        ]

    array = next(row for row in _growth(tmp_path, heap(0, 0), heap(9, 1)).constructors if row.name == "Array")

    assert array.count == 10
    assert array.path == ("queue of App", "app of global", "the roots")
    assert array.path_share > 0.9


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
