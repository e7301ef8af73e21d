"""Reads a V8 heap snapshot (``.heapsnapshot``) as a stream into a few arrays.

The file is one JSON object whose long members are flat: ``nodes`` and ``edges`` are numbers, ``strings`` are texts. So
it is read in blocks, each array's numbers straight into numpy columns of the smallest type: about 20 bytes a node and
12 an edge while reading, whatever the length of the text. Of the strings only those that name something are kept, cut
to ``NAME_CHARS``; the contents of the target's own strings are never held.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from harness.errors import ProbeError

BLOCK_BYTES = 4 * 2**20
NAME_CHARS = 80
_MOST_NODES = 200_000_000
_HEAD_LIMIT_BYTES = 4 * 2**20
Ints = NDArray[np.uint32]
Column = NDArray[Any]
_ROWS_AT_ONCE = 2**20


@dataclass(frozen=True, slots=True)
class Heap:
    """One heap. Nodes are in the file's order, node 0 is the root; edges are those of node 0, of node 1, and so on.

    ``edge_targets`` are node numbers; ``edge_names`` are numbers of strings, or of elements where the edge's type
    says so. ``strings`` has a text for each string that names a node or an edge and is None for the others.
    """

    node_types: NDArray[np.uint8]
    node_names: Ints
    node_ids: Ints
    self_bytes: Ints
    edge_counts: Ints
    edge_types: NDArray[np.uint8]
    edge_names: Ints
    edge_targets: Ints
    type_names: tuple[str, ...]
    edge_type_names: tuple[str, ...]
    strings: list[str | None]

    @property
    def nodes_count(self) -> int:
        return len(self.node_ids)

    def edge_starts(self) -> NDArray[np.int64]:
        """For each node the number of its first edge, and one more entry, the count of all edges."""
        return np.concatenate(([0], np.cumsum(self.edge_counts, dtype=np.int64)))

    def name(self, node: int) -> str:
        """The constructor's name of an object, the kind of anything else in brackets."""
        kind = self.type_names[self.node_types[node]]
        if kind in ("object", "native", "closure", "synthetic", "code", "hidden", "object shape"):
            text = self.strings[self.node_names[node]] or f"({kind})"
            return f"{text}()" if kind == "closure" else text
        return f"({kind})"


@dataclass(slots=True)
class _Source:
    """The file's text, a block at a time; ``check`` raises when there is no time left."""

    file: BinaryIO
    path: Path
    check: Callable[[], None]
    text: bytes = b""

    def more(self) -> bool:
        """Adds a block; False at the end of the file."""
        self.check()
        block = self.file.read(BLOCK_BYTES)
        self.text += block
        return bool(block)

    def skip_past(self, marks: re.Pattern[bytes], keep: bool = False) -> bytes:
        """Goes on behind the next match of ``marks``, which is returned; with ``keep`` all the text up to its end."""
        skipped = b""
        while (found := marks.search(self.text)) is None:
            cut = max(0, len(self.text) - 64)
            skipped += self.text[:cut] if keep else b""
            self.text = self.text[cut:]
            if len(skipped) > _HEAD_LIMIT_BYTES or not self.more():
                raise self.unreadable("its members")
        whole = skipped + self.text[: found.end()] if keep else found[0]
        self.text = self.text[found.end() :]
        return whole

    def unreadable(self, what: str) -> ProbeError:
        return ProbeError(f"expected a heap snapshot of V8 in {self.path.name}, found {what} missing or cut short")


def read_heap(path: Path, check: Callable[[], None] = lambda: None) -> Heap:
    """The heap in the file at ``path``. Raises ProbeError, and what ``check`` does, which is called at each block."""
    with path.open("rb") as file:
        source = _Source(file, path, check)
        meta, nodes_count, edges_count = _read_meta(source)
        fields, edge_fields = meta["node_fields"], meta["edge_fields"]
        nodes = _read_nodes(source, fields, nodes_count)
        edges = _read_edges(source, edge_fields, edges_count, len(fields))
        type_names = tuple(meta["node_types"][0])
        edge_type_names = tuple(meta["edge_types"][0])
        wanted = _naming_strings(nodes, edges, type_names, edge_type_names)
        strings = _read_strings(source, wanted)
    if int(nodes[4].sum(dtype=np.int64)) != edges_count or (edges_count and int(edges[2].max()) >= nodes_count):
        raise source.unreadable("edges that fit the nodes")
    types, names, ids, sizes, counts = nodes
    return Heap(types, names, ids, sizes, counts, edges[0], edges[1], edges[2], type_names, edge_type_names, strings)


def _read_meta(source: _Source) -> tuple[dict[str, Any], int, int]:
    head = source.skip_past(re.compile(rb'"nodes"\s*:\s*\['), keep=True)
    try:
        text = head[: head.rindex(b'"nodes"')].rstrip().rstrip(b",") + b"}"
        snapshot = json.loads(text)["snapshot"]
        meta, nodes, edges = snapshot["meta"], int(snapshot["node_count"]), int(snapshot["edge_count"])
        for name in ("type", "name", "id", "self_size", "edge_count"):
            meta["node_fields"].index(name)
        for name in ("type", "name_or_index", "to_node"):
            meta["edge_fields"].index(name)
    except (ValueError, KeyError, TypeError) as error:
        raise source.unreadable(f"its description ({error})") from None
    if not 0 < nodes < _MOST_NODES or not 0 <= edges < 10 * _MOST_NODES:
        raise source.unreadable(f"a sensible number of nodes ({nodes}) and edges ({edges})")
    return meta, nodes, edges


def _read_nodes(source: _Source, fields: list[str], count: int) -> list[Column]:
    wanted = [fields.index(name) for name in ("type", "name", "id", "self_size", "edge_count")]
    columns = _columns(len(wanted), count)
    _fill(source, columns, wanted, len(fields), count)
    return columns


def _columns(columns_count: int, count: int) -> list[Column]:
    """Arrays for rows of which the first number is a type, of which there are few."""
    return [np.empty(count, dtype=np.uint8), *(np.empty(count, dtype=np.uint32) for _ in range(columns_count - 1))]


def _read_edges(source: _Source, fields: list[str], count: int, node_width: int) -> list[Column]:
    source.skip_past(re.compile(rb'"edges"\s*:\s*\['))
    wanted = [fields.index(name) for name in ("type", "name_or_index", "to_node")]
    columns = _columns(len(wanted), count)
    _fill(source, columns, wanted, len(fields), count)
    columns[2] //= node_width  # the file counts in numbers, not in nodes
    return columns


def _fill(source: _Source, columns: list[Column], wanted: list[int], width: int, count: int) -> None:
    """Reads rows of ``width`` numbers up to the closing bracket; keeps those ``wanted``."""
    row, rest = 0, np.empty(0, dtype=np.int64)
    for numbers in _numbers(source):
        values = np.concatenate((rest, numbers))
        rows = len(values) // width
        if row + rows > count:
            raise source.unreadable("an end after the numbers that it announces")
        table = values[: rows * width].reshape(rows, width)
        for column, field in zip(columns, wanted, strict=True):
            column[row : row + rows] = np.clip(table[:, field], 0, np.iinfo(column.dtype).max)
        rest, row = values[rows * width :], row + rows
    if row != count or len(rest):
        raise source.unreadable("some of the numbers that it announces")


def _numbers(source: _Source) -> Iterator[NDArray[np.int64]]:
    """The whole numbers up to the next ``]``, a block at a time."""
    while True:
        end = source.text.find(b"]")
        cut = end if end >= 0 else source.text.rfind(b",") + 1
        text, source.text = source.text[:cut].translate(None, b" \n\r\t").strip(b","), source.text[cut:]
        if text.strip(b"0123456789,-"):
            raise source.unreadable("whole numbers")
        if text:
            yield np.fromstring(text.decode("ascii"), dtype=np.int64, sep=",")
        if end >= 0:
            source.text = source.text[1:]
            return
        if not source.more():
            raise source.unreadable("the end of its numbers")


_OWN_TEXT = ("string", "concatenated string", "sliced string", "regexp", "number", "symbol", "bigint")
_NAMED_BY_NUMBER = ("element", "hidden")


def _naming_strings(
    nodes: list[Column], edges: list[Column], types: tuple[str, ...], edge_types: tuple[str, ...]
) -> NDArray[np.bool_]:
    """Which strings name a node or an edge; a text of the target names itself and is left out."""
    wanted = np.zeros(1, dtype=np.bool_)
    named = np.array([name not in _OWN_TEXT for name in types])
    by_text = np.array([name not in _NAMED_BY_NUMBER for name in edge_types])
    for kinds, numbers, chosen in ((nodes[0], nodes[1], named), (edges[0], edges[1], by_text)):
        for start in range(0, len(kinds), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            found = numbers[rows][chosen[kinds[rows]]]
            most = int(found.max(initial=0))
            if most >= len(wanted):
                wanted = np.concatenate((wanted, np.zeros(most + 1 - len(wanted), dtype=np.bool_)))
            wanted[found] = True
    return wanted


_TEXT_OR_END = re.compile(rb'[\s,]*(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|(\]))', re.DOTALL)


def _read_strings(source: _Source, wanted: NDArray[np.bool_]) -> list[str | None]:
    source.skip_past(re.compile(rb'"strings"\s*:\s*\['))
    strings: list[str | None] = [None] * len(wanted)
    for number, text in enumerate(_texts(source)):
        if number >= len(wanted):
            break
        if wanted[number]:
            strings[number] = _decoded(text)
    return strings


def _texts(source: _Source) -> Iterator[bytes]:
    """Each string as it stands in JSON, without its quotes; a long one cut."""
    while True:
        position = 0
        while (found := _TEXT_OR_END.match(source.text, position)) is not None:
            if found[2]:
                return
            yield found[1]
            position = found.end()
        source.text = _shortened(source.text[position:])
        if not source.more():
            raise source.unreadable("the end of its strings")


def _shortened(text: bytes) -> bytes:
    """The beginning of a string that has not ended yet, without its middle: enough to find its end, and its name."""
    opening = text.find(b'"')
    if opening < 0:
        return b""
    if len(text) - opening <= BLOCK_BYTES:
        return text[opening:]
    head = text[opening : opening + 8 * NAME_CHARS].rstrip(b"\\")
    backslashes = len(text) - len(text.rstrip(b"\\"))
    return head + b"\\" * (backslashes % 2)  # an odd one still escapes what comes next


def _decoded(text: bytes) -> str:
    """A name from JSON text that may have been cut within an escape."""
    plain = text.decode("utf-8", "replace")
    for end in range(len(plain), max(-1, len(plain) - 8), -1):
        try:
            return str(json.loads(f'"{plain[:end]}"'))[:NAME_CHARS]
        except ValueError:
            continue
    return plain[:NAME_CHARS]
