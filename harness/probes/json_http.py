"""Chosen numbers of a JSON document that a target serves: ``GET /debug/memory`` and the like."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping

from harness.errors import ProbeError
from harness.model import Column, Identity, Role, Unit
from harness.probes.base import PartialReading, Reading
from harness.probes.http_page import HttpPage, timeout_s_for

_NODE_FIELDS = {"rss", "heapUsed", "heapTotal", "external", "arrayBuffers"}
"""``process.memoryUsage()`` has no units in its names; they are bytes."""


class JsonHttpProbe:
    """Reads ``url``; ``paths`` has a dotted path (``heap.used``, ``workers.0.rss``) for every column's name."""

    waits = True

    def __init__(
        self, name: str, role: Role, url: str, period_s: float, columns: tuple[Column, ...], paths: Mapping[str, str]
    ) -> None:
        self.name = name
        self.role = role
        self.period_s = period_s
        self.columns = columns
        self._paths = dict(paths)
        self._page = HttpPage(url, timeout_s_for(period_s))

    def check(self) -> str | None:
        try:
            self.read()
        except ProbeError as error:
            return str(error)
        return None

    def identity(self) -> Identity | None:
        """None: a document does not say which process wrote it."""
        return None

    def read(self) -> Reading:
        document = parse_document(self._page.fetch(), self._page.shown_url)
        reading = {name: number_at(document, path) for name, path in self._paths.items()}
        missing = [self._paths[name] for name, value in reading.items() if value is None]
        if missing:
            reason = f"expected numbers at {', '.join(missing)} in {self._page.shown_url}, found none: check the paths"
            raise PartialReading(reason, reading)
        return reading

    def close(self) -> None:
        self._page.close()


def parse_document(page: bytes, url: str) -> object:
    try:
        return json.loads(page)
    except (ValueError, RecursionError) as error:
        raise ProbeError(f"expected JSON from {url}, found: {error}") from error


def number_at(document: object, path: str) -> float | int | None:
    """The finite number at dotted ``path``, or None; keys that have dots themselves are found too."""
    here = _value_at(document, path)
    if isinstance(here, bool) or not isinstance(here, int | float):
        return None
    try:
        return here if math.isfinite(here) else None
    except OverflowError:  # whole, but beyond every float
        return None


def _value_at(here: object, path: str) -> object:
    """What stands at ``path``, None where nothing does; of several ways through the dots, the longest keys first."""
    if isinstance(here, list):
        step, _, rest = path.partition(".")
        if not step.isdecimal() or int(step) >= len(here):
            return None
        return _value_at(here[int(step)], rest) if rest else here[int(step)]
    if not isinstance(here, dict):
        return None
    if path in here:
        return here[path]
    cut = path.rfind(".")
    while cut >= 0:
        if path[:cut] in here and (found := _value_at(here[path[:cut]], path[cut + 1 :])) is not None:
            return found
        cut = path.rfind(".", 0, cut)
    return None


def fetch_known_paths(url: str) -> dict[str, str]:
    """Column name to path for every number of the document whose name tells its unit. Raises ProbeError."""
    page = HttpPage(url, timeout_s_for(1.0))
    try:
        document = parse_document(page.fetch(), page.shown_url)
    finally:
        page.close()
    return known_paths(document)


def known_paths(document: object) -> dict[str, str]:
    """Column name to path, in the order of the document: names with a unit at their end, and those of Node.js."""
    found: dict[str, str] = {}
    for path in _number_paths(document, ""):
        if number_at(document, path) is None:  # beyond every float, or hidden behind a key with dots
            continue
        leaf = path.rpartition(".")[2]
        name = _snake(path) + ("_bytes" if leaf in _NODE_FIELDS else "")
        if any(name.endswith(f"_{unit.value}") for unit in Unit):
            found.setdefault(name, path)
    return found


def _number_paths(value: object, path: str) -> Iterator[str]:
    items: Iterator[tuple[str, object]]
    if isinstance(value, dict):
        items = ((str(key), inner) for key, inner in value.items())
    elif isinstance(value, list):
        items = ((str(index), inner) for index, inner in enumerate(value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path
        return
    else:
        return
    for key, inner in items:
        yield from _number_paths(inner, f"{path}.{key}" if path else key)


def _snake(path: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", path)
    return re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_").lower()
