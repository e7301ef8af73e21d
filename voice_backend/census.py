"""What this process keeps alive, by the path that keeps it: a walk over Python's own references.

For whoever looks for a leak: two censuses, their difference, and the path that grew names the structure that retains.
Needs no tool in the process and costs nothing until it is asked for; the walk itself stops the service for about a
second per million objects. The walk holds ids, never objects, and values never leave it: only names, counts and sizes.
"""

import gc
import sys
import types
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TOP_PATHS = 200
OBJECTS_LIMIT = 20_000_000
_Step = tuple[object, str]
_REFERENCES_WHILE_LOOKING = 4
"""To a leaf that one object has: its own, the list of referents, the loop's variable, the call that counts."""
_NOT_WALKED = (type, types.ModuleType, types.BuiltinFunctionType, types.CodeType, types.FrameType)


@dataclass(slots=True)
class Kept:
    """Objects of one type under one path."""

    type_name: str
    count: int = 0
    size_bytes: int = 0


def census(root: object, name: str) -> dict[str, object]:
    """Every object that is reached from ``root``, by path and type; and what only a collection would free.

    Positions in a list or map are one path (``[…]``), and so is a chain of objects of one type.
    """
    kept: dict[tuple[str, str], Kept] = {}
    seen = {id(root)}
    waiting: deque[tuple[object, str]] = deque([(root, name)])
    while waiting and len(seen) < OBJECTS_LIMIT:
        holder, path = waiting.popleft()
        for child, label in _children(holder):
            if id(child) in seen:
                continue
            seen.add(id(child))
            below = _below(path, label)
            type_name = type(child).__name__
            entry = kept.setdefault((below, type_name), Kept(type_name))
            entry.count += 1
            entry.size_bytes += sys.getsizeof(child, 0)
            if gc.is_tracked(child) or isinstance(child, dict | tuple):  # those of plain texts are not tracked
                waiting.append((child, below))
    largest = sorted(kept.items(), key=lambda item: (-item[1].size_bytes, item[0]))[:TOP_PATHS]
    return {
        "objects": [
            {"path": path, "type": entry.type_name, "count": entry.count, "bytes": entry.size_bytes}
            for (path, _), entry in largest
        ],
        "cycles": collectable(),
        "complete": not waiting,
    }


def _below(path: str, label: str) -> str:
    """The path one step on; a chain (``.previous.previous``) stays one step."""
    return path if path.endswith(label) else path + label


def _children(holder: object) -> Iterator[_Step]:
    """What ``holder`` refers to, with how it says so; classes, modules and code are the program, not its data."""
    for child, label in _references(holder):
        if child is not None and not isinstance(child, _NOT_WALKED):
            yield child, label


def _references(holder: object) -> Iterator[_Step]:
    if isinstance(holder, dict):
        for key, value in list(holder.items()):
            yield key, "[key]"
            yield value, "[…]"
    elif isinstance(holder, list | tuple | set | frozenset | deque):
        for value in list(holder):
            yield value, "[…]"
    elif isinstance(holder, types.MethodType):
        yield holder.__self__, ".__self__"
    elif isinstance(holder, types.FunctionType):
        yield from _enclosed(holder)
    else:
        yield from _attributes(holder)


def _enclosed(function: types.FunctionType) -> Iterator[_Step]:
    """The variables that a closure keeps."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield cell.cell_contents, f"(){name}"
        except ValueError:  # a variable that has no value yet
            continue


def _attributes(holder: object) -> Iterator[_Step]:
    """An object's attributes by name; what its type keeps elsewhere (C structures) as the collector sees it."""
    named: set[int] = set()
    for attribute, value in _named_attributes(holder):
        named.add(id(value))
        yield value, f".{attribute}"
    for value in gc.get_referents(holder):
        if id(value) not in named and value is not getattr(holder, "__dict__", None):
            yield value, ".<…>"


def _named_attributes(holder: object) -> Iterator[tuple[str, object]]:
    yield from list(getattr(holder, "__dict__", {}).items())
    for kind in type(holder).__mro__:
        for slot in _slots(kind):
            try:
                yield slot, object.__getattribute__(holder, slot)
            except AttributeError:
                continue


def _slots(kind: type) -> Iterable[str]:
    slots = kind.__dict__.get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    for name in names:
        if name not in ("__dict__", "__weakref__"):
            yield f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name


def collectable() -> list[dict[str, object]]:
    """What a collection frees, by type: objects in reference cycles that nobody reaches any more. It is freed then."""
    flags = gc.get_debug()
    kept_before = len(gc.garbage)
    gc.set_debug(flags | gc.DEBUG_SAVEALL)
    try:
        gc.collect()
    finally:
        gc.set_debug(flags)
    rows = _by_type(gc.garbage[kept_before:])
    del gc.garbage[kept_before:]
    gc.collect()  # without the debugging flag: now they go
    return rows


def _by_type(objects: list[object]) -> list[dict[str, object]]:
    found: dict[str, Kept] = {}
    for item in objects:
        entry = found.setdefault(type(item).__name__, Kept(type(item).__name__))
        entry.count += 1
        entry.size_bytes += _size_with_leaves(item)
    rows = sorted(found.values(), key=lambda entry: (-entry.size_bytes, entry.type_name))[:20]
    return [{"type": entry.type_name, "count": entry.count, "bytes": entry.size_bytes} for entry in rows]


def _size_with_leaves(holder: object) -> int:
    """Its size with that of the texts and bytes that only it refers to: the collector does not know those."""
    size = sys.getsizeof(holder, 0)
    for leaf in gc.get_referents(holder):
        if isinstance(leaf, bytes | str | bytearray) and sys.getrefcount(leaf) <= _REFERENCES_WHILE_LOOKING:
            size += sys.getsizeof(leaf, 0)
    return size
