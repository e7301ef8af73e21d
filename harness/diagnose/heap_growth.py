"""What two heap snapshots of one V8 isolate differ by: constructors, what new objects hold, and who holds them.

V8 keeps the number of an object from snapshot to snapshot within one inspector session, so objects that are new in the
second are known one by one. What an object *holds* is an estimate: the sizes of new objects whose shortest path from
the roots leads through it and new objects only (exact where that is the only path, as for what a leaking list has
collected). What was there before is held by something else: a new timer may be the shortest way to a whole module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.diagnose.heap_snapshot import Heap

TOP_COUNT = 12
PATH_SAMPLES = 400
PATH_STEPS = 24
NODES_AT_ONCE = 250_000
MOST_BY_SIZE = 16
"""Constructors looked at for the size of their own objects, and as many again for what is below them: a session that
keeps megabytes is itself a hundred bytes. Together they are bits of 32."""
COMPARABLE_SHARE = 0.5
_NONE = np.uint32(0xFFFFFFFF)
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeapSummary:
    """What is kept of the first snapshot: (count, self bytes) by constructor, and which objects there were."""

    constructors: dict[str, tuple[int, int]]
    ids: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class ConstructorGrowth:
    """``count`` and ``self_bytes`` are differences; ``held_bytes`` the estimate for its new objects.

    ``path`` leads from such an object towards the roots, first step first: the one behind most of the bytes that new
    objects hold; ``path_share`` is the part of them that it explains.
    """

    name: str
    count: int
    self_bytes: int
    new_count: int
    held_bytes: int
    path: tuple[str, ...]
    path_share: float

    def to_json(self) -> dict[str, Any]:
        return {
            "constructor": self.name,
            "count": self.count,
            "self_bytes": self.self_bytes,
            "new_count": self.new_count,
            "held_bytes_estimate": self.held_bytes,
            "path": list(self.path),
            "path_share": round(self.path_share, 3),
        }


@dataclass(frozen=True, slots=True)
class HeapGrowth:
    """``constructors`` that grew, by what they hold, most first. ``comparable``: objects were known again by number."""

    self_bytes: int
    comparable: bool
    constructors: tuple[ConstructorGrowth, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "self_bytes": self.self_bytes,
            "comparable": self.comparable,
            "constructors": [growth.to_json() for growth in self.constructors],
        }


def summary(heap: Heap) -> HeapSummary:
    """What the comparison needs of a first snapshot, a small part of it."""
    names, _, counts, sizes = _by_constructor(heap)
    constructors: dict[str, tuple[int, int]] = {}
    for name, count, size in zip(names, counts, sizes, strict=True):
        before = constructors.get(name, (0, 0))
        constructors[name] = (before[0] + count, before[1] + size)
    return HeapSummary(constructors, np.sort(heap.node_ids))


def heap_growth(before: HeapSummary, after: Heap, check: Callable[[], None] = lambda: None) -> HeapGrowth:
    """The difference; ``check`` is called between its steps and may raise."""
    known = np.isin(after.node_ids, before.ids, assume_unique=False)
    comparable = int(known.sum()) >= COMPARABLE_SHARE * len(before.ids)
    new = ~known if comparable else np.ones(after.nodes_count, dtype=np.bool_)
    tree = _Tree.of(after, check)
    names, group_of, _, _ = _by_constructor(after)
    unique, merged = np.unique(np.array(names, dtype=object), return_inverse=True)
    groups = merged[group_of]
    found = _Groups(after, [str(name) for name in unique], groups, new)
    below = tree.bytes_below(new, check)
    growing = found.growing(before, below)
    held = _held(after, tree, groups, growing, new, below, check)
    rows = [_row(found, before, tree, group, held[group], below) for group in growing]
    rows.sort(key=lambda row: (-row.held_bytes, -row.self_bytes, row.name))
    total = int(after.self_bytes.sum(dtype=np.int64)) - sum(size for _, size in before.constructors.values())
    return HeapGrowth(total, comparable, tuple(rows[:TOP_COUNT]))


@dataclass(frozen=True, slots=True)
class _Groups:
    """The second heap's nodes by constructor: ``groups`` says for each node which of ``names`` it is."""

    heap: Heap
    names: list[str]
    groups: NDArray[np.int64]
    new: Bools

    def growing(self, before: HeapSummary, below: NDArray[np.int64]) -> list[int]:
        """The groups with more objects and more bytes than before: those with the most bytes of their own, then those
        with the most ``below`` their new objects."""
        size = np.bincount(self.groups, self.heap.self_bytes, len(self.names))
        count = np.bincount(self.groups, minlength=len(self.names))
        held = np.bincount(self.groups[self.new], below[self.new], len(self.names))
        more = {group: size[group] - before.constructors.get(name, (0, 0))[1] for group, name in enumerate(self.names)}
        grown = [
            group
            for group, name in enumerate(self.names)
            if count[group] > before.constructors.get(name, (0, 0))[0] and more[group] > 0
        ]
        largest = sorted(grown, key=lambda group: (-more[group], -group))[:MOST_BY_SIZE]
        holding = sorted(set(grown) - {*largest}, key=lambda group: (-held[group], -group))[:MOST_BY_SIZE]
        return largest + holding


def _row(
    found: _Groups, before: HeapSummary, tree: _Tree, group: int, held_bytes: int, below: NDArray[np.int64]
) -> ConstructorGrowth:
    members = np.flatnonzero(found.groups == group)
    name = found.names[group]
    was_count, was_bytes = before.constructors.get(name, (0, 0))
    new = members[found.new[members]]
    path, share = tree.common_path(new if len(new) else members, below)
    return ConstructorGrowth(
        name=name,
        count=len(members) - was_count,
        self_bytes=int(found.heap.self_bytes[members].sum(dtype=np.int64)) - was_bytes,
        new_count=len(new),
        held_bytes=held_bytes,
        path=path,
        path_share=share,
    )


def _by_constructor(heap: Heap) -> tuple[list[str], NDArray[np.int64], list[int], list[int]]:
    """Names, for each node the number of its name, and by name count and self size. Names may come twice."""
    keys = heap.node_types.astype(np.uint64) << np.uint64(32) | heap.node_names
    named = np.array([kind in ("object", "native", "closure", "synthetic", "code") for kind in heap.type_names])
    keys[~named[heap.node_types]] &= ~np.uint64(0xFFFFFFFF)  # anything else is one group a type
    _, first, group_of = np.unique(keys, return_index=True, return_inverse=True)
    names = [heap.name(int(node)) if named[heap.node_types[node]] else _kind(heap, int(node)) for node in first]
    sizes = np.bincount(group_of, heap.self_bytes).astype(np.int64)
    return names, group_of.astype(np.int64), np.bincount(group_of).tolist(), sizes.tolist()


def _kind(heap: Heap, node: int) -> str:
    return f"({heap.type_names[heap.node_types[node]]})"


def _held(
    heap: Heap,
    tree: _Tree,
    groups: NDArray[np.int64],
    growing: list[int],
    new: Bools,
    below: NDArray[np.int64],
    check: Callable[[], None],
) -> dict[int, int]:
    """New bytes ``below`` the new objects of each group, nested ones counted once."""
    bits = np.zeros(heap.nodes_count, dtype=np.uint32)
    for number, group in enumerate(growing):
        bits[(groups == group) & new] = np.uint32(1) << np.uint32(number)
    above = np.zeros(heap.nodes_count, dtype=np.uint32)
    for level in tree.levels:
        check()
        parents = tree.parents[level]
        above[level] = np.where(new[level], above[parents] | bits[parents], np.uint32(0))
    topmost = (bits & ~above) != 0
    sums = np.bincount(groups[topmost], below[topmost], int(groups.max(initial=0)) + 1)
    return {group: int(sums[group]) for group in growing}


@dataclass(frozen=True, slots=True)
class _Tree:
    """Shortest paths from the roots: for each node its parent and the edge from it; ``levels`` without the first."""

    heap: Heap
    parents: NDArray[np.uint32]
    edges: NDArray[np.uint32]
    levels: list[NDArray[np.uint32]]

    @classmethod
    def of(cls, heap: Heap, check: Callable[[], None]) -> _Tree:
        """From the program's globals first, so that paths go through its own names; then from V8's own roots."""
        starts = heap.edge_starts()
        weak = _of_types(heap, ("weak",))
        vague = _of_types(heap, ("internal", "hidden", "shortcut"))
        parents = np.full(heap.nodes_count, _NONE, dtype=np.uint32)
        edges = np.full(heap.nodes_count, _NONE, dtype=np.uint32)
        parents[0] = 0
        levels: list[NDArray[np.uint32]] = []
        root_edges = np.arange(starts[0], starts[1])
        synthetic = heap.type_names.index("synthetic") if "synthetic" in heap.type_names else -1
        globals_edges = root_edges[heap.node_types[heap.edge_targets[root_edges]] != synthetic]
        for seed in (globals_edges, root_edges):
            frontier = cls._reach(heap, seed, np.zeros(len(seed), np.uint32), (weak, vague), (parents, edges))
            while len(frontier):
                levels.append(frontier)
                parts = np.array_split(frontier, 1 + len(frontier) // NODES_AT_ONCE)
                reached = [cls._next(heap, starts, part, (weak, vague), (parents, edges), check) for part in parts]
                frontier = np.concatenate(reached)
        return cls(heap, parents, edges, levels)

    @classmethod
    def _next(
        cls,
        heap: Heap,
        starts: NDArray[np.int64],
        nodes: NDArray[np.uint32],
        kinds: tuple[Bools, Bools],
        found: tuple[NDArray[np.uint32], NDArray[np.uint32]],
        check: Callable[[], None],
    ) -> NDArray[np.uint32]:
        """The nodes that are one step behind ``nodes`` and were not reached before."""
        check()
        counts = heap.edge_counts[nodes].astype(np.int64)
        before = np.concatenate(([0], np.cumsum(counts)[:-1]))
        leaving = np.repeat(starts[nodes] - before, counts) + np.arange(int(counts.sum()))
        return cls._reach(heap, leaving, np.repeat(nodes, counts), kinds, found)

    @staticmethod
    def _reach(
        heap: Heap,
        leaving: NDArray[np.int64],
        sources: NDArray[np.uint32],
        kinds: tuple[Bools, Bools],
        found: tuple[NDArray[np.uint32], NDArray[np.uint32]],
    ) -> NDArray[np.uint32]:
        """The nodes not reached before, entered in ``found``; an edge with a name of the program's is preferred."""
        weak, vague = kinds
        parents, edges = found
        open_edges = ~weak[leaving] & (parents[heap.edge_targets[leaving]] == _NONE)
        leaving, sources = leaving[open_edges], sources[open_edges]
        order = np.argsort(~vague[leaving], kind="stable")  # the last one written stays
        leaving, sources = leaving[order], sources[order]
        targets = heap.edge_targets[leaving]
        parents[targets] = sources
        edges[targets] = leaving
        return np.unique(targets)

    def bytes_below(self, new: Bools, check: Callable[[], None]) -> NDArray[np.int64]:
        """For each node the bytes of the ``new`` ones among itself and all that is below it, down to what is old."""
        sizes = np.where(new, self.heap.self_bytes, 0).astype(np.int64)
        for level in reversed(self.levels):
            check()
            own = level[new[level]]
            np.add.at(sizes, self.parents[own], sizes[own])
        return sizes

    def common_path(self, nodes: NDArray[np.int64], below: NDArray[np.int64]) -> tuple[tuple[str, ...], float]:
        """The path of ``nodes`` with the most ``below`` them, elements of a list taken as one, and its share of all.

        Looked at are places at even distances in the bytes, not in the nodes: arrays that lead to sockets are many, the
        one that keeps megabytes is one of them.
        """
        reached = nodes[self.parents[nodes] != _NONE]
        if not len(reached):
            return (), 0.0
        ends = np.cumsum(np.maximum(below[reached], 1))
        places = (np.arange(PATH_SAMPLES) + 0.5) * (ends[-1] / PATH_SAMPLES)
        looked_at, times = np.unique(np.searchsorted(ends, places), return_counts=True)
        paths: Counter[tuple[str, ...]] = Counter()
        for at, count in zip(looked_at.tolist(), times.tolist(), strict=True):
            paths[self._path(int(reached[at]))] += count
        path, count = paths.most_common(1)[0]
        return path, count / paths.total()

    def _path(self, node: int) -> tuple[str, ...]:
        steps: list[str] = []
        while node != 0 and len(steps) < PATH_STEPS:
            parent, edge = int(self.parents[node]), int(self.edges[node])
            step = f"{self._edge_name(edge)} of {self.heap.name(parent)}" if parent else "the roots"
            if not steps or steps[-1] != step:  # a list linked through its own elements is one step
                steps.append(step)
            node = parent
        return tuple(steps)

    def _edge_name(self, edge: int) -> str:
        heap = self.heap
        kind = heap.edge_type_names[heap.edge_types[edge]]
        if kind in ("element", "hidden"):
            return "[…]"
        text = heap.strings[heap.edge_names[edge]] or "?"
        return "[…]" if text.isdigit() else text


def _of_types(heap: Heap, names: tuple[str, ...]) -> Bools:
    numbers = [number for number, name in enumerate(heap.edge_type_names) if name in names]
    return np.isin(heap.edge_types, numbers)
