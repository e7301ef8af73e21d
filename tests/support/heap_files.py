"""Small ``.heapsnapshot`` files, written as V8 writes them."""

from __future__ import annotations

import json
from pathlib import Path

NODE_TYPES = ["hidden", "array", "string", "object", "code", "closure", "native", "synthetic"]
EDGE_TYPES = ["context", "element", "property", "internal", "hidden", "shortcut", "weak"]

Node = tuple[str, str, int, int, list[tuple[str, str | int, int]]]
"""Type, name, id, size, and edges: type, name or number, and the position of the node it leads to."""


def write_heap(path: Path, nodes: list[Node], texts: tuple[str, ...] = ()) -> Path:
    """A snapshot of ``nodes``, the first of which is the root; ``texts`` are strings that nothing is named by."""
    strings = ["<dummy>", *texts]

    def number_of(text: str) -> int:
        if text not in strings:
            strings.append(text)
        return strings.index(text)

    node_numbers: list[str] = []
    edge_numbers: list[str] = []
    for kind, name, identity, size, edges in nodes:
        row = (NODE_TYPES.index(kind), number_of(name), identity, size, len(edges), 0, 0)
        node_numbers.append(",".join(map(str, row)))
        for edge_kind, edge_name, target in edges:
            label = number_of(edge_name) if isinstance(edge_name, str) else edge_name
            edge_numbers.append(f"{EDGE_TYPES.index(edge_kind)},{label},{7 * target}")
    fields = ["type", "name", "id", "self_size", "edge_count", "trace_node_id", "detachedness"]
    meta = {
        "node_fields": fields,
        "node_types": [NODE_TYPES, *["number"] * 6],
        "edge_fields": ["type", "name_or_index", "to_node"],
        "edge_types": [EDGE_TYPES, "string_or_number", "node"],
    }
    snapshot = {"meta": meta, "node_count": len(nodes), "edge_count": len(edge_numbers), "trace_function_count": 0}
    rows = "\n,".join(node_numbers)
    edge_rows = "\n,".join(edge_numbers)
    quoted = ",\n".join(json.dumps(text) for text in strings)
    path.write_text(
        f'{{"snapshot":{json.dumps(snapshot)},\n"nodes":[{rows}\n],\n"edges":[{edge_rows}\n],\n'
        f'"trace_function_infos":[],\n"samples":[],\n"locations":[],\n"strings":[{quoted}]}}',
        encoding="utf-8",
    )
    return path


def leaking_heap(kept_count: int) -> list[Node]:
    """A program whose ``history`` keeps that many chunks of 1,000 bytes, each with a text, and a cache of one."""
    nodes: list[Node] = [
        ("synthetic", "", 1, 0, [("shortcut", "global", 1), ("element", 1, 2)]),
        ("object", "global", 3, 100, [("property", "app", 3)]),
        ("synthetic", "(GC roots)", 5, 0, [("element", 1, 1)]),
        ("object", "App", 7, 50, [("property", "history", 4), ("weak", "cache", 0), ("internal", "map", 2)]),
        ("object", "Array", 9, 16, [("element", number, 5 + 2 * number) for number in range(kept_count)]),
    ]
    for number in range(kept_count):
        at = len(nodes)
        nodes.append(("object", "Chunk", 100 + 4 * number, 40, [("property", "audio", at + 1)]))
        nodes.append(("native", "system / JSArrayBufferData", 102 + 4 * number, 1000, []))
    return nodes
