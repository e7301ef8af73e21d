"""A Python target that tells what it keeps alive: ``/debug/objects`` and ``/debug/tracemalloc`` beside its own paths.

What the reference backend offers (docs/voice-backend.md); any service may answer the same. The difference of two
censuses by path names the structure that retains, with no tool in the process.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.diagnose.room import Moment, Room
from harness.diagnose.suspects import Finding
from harness.errors import ProbeError
from harness.probes.http_page import MAX_PAGE_BYTES
from harness.redaction import redact_text
from harness.units import format_bytes

if TYPE_CHECKING:
    import httpx

ASK_TIMEOUT_S = 60.0
"""A census stops the service for about a second per million objects."""
TOP_ROWS = 40
LEAST_CYCLE_BYTES = 100_000
MOST_PARTS = 4
ELEMENTS = "[…]"


@dataclass(frozen=True, slots=True)
class Kept:
    """A row of a census, or the difference of two."""

    path: str
    type_name: str
    count: int
    size_bytes: int

    @property
    def container(self) -> str:
        """The structure that keeps it: the path up to where it first goes into a list or map."""
        return self.path.partition(ELEMENTS)[0]


class PythonCapture:
    """Asks the target at ``base_url``."""

    name = "python objects"

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._client: httpx.Client | None = None
        self._censuses: dict[Moment, list[Kept]] = {}
        self._cycles: list[dict[str, Any]] = []
        self._lines: dict[Moment, dict[tuple[str, int], tuple[int, int]]] = {}
        self._traces = False
        self._grown: list[Kept] = []
        self._grown_lines: list[dict[str, Any]] = []
        self._no_census: ProbeError | None = None

    def take(self, moment: Moment, room: Room) -> None:
        """Before: a census, then traces begin. After: traces are read first, then a census.

        A target may offer either alone; one that offers neither is a ProbeError.
        """
        if moment is Moment.BEFORE:
            try:
                self._censuses[moment], _ = self._census(room)
            except ProbeError as error:
                self._no_census = error
            self._traces = self._trace("POST", room)
            if self._traces:
                self._lines[moment] = self._traced_lines(room)
            elif self._no_census is not None:
                raise self._no_census
            return
        if self._traces:
            self._lines[moment] = self._traced_lines(room)
            self._trace("DELETE", room)
            self._traces = False
        if self._no_census is None:
            self._censuses[moment], self._cycles = self._census(room)

    def compare(self, room: Room) -> dict[str, Any]:
        """What the second census has more than the first, by path and type; and what was allocated since, by line."""
        before = {(kept.path, kept.type_name): kept for kept in self._censuses.get(Moment.BEFORE, ())}
        none = Kept("", "", 0, 0)
        grown = [
            Kept(kept.path, kept.type_name, kept.count - was.count, kept.size_bytes - was.size_bytes)
            for kept in self._censuses.get(Moment.AFTER, ())
            for was in (before.get((kept.path, kept.type_name), none),)
        ]
        self._grown = sorted((kept for kept in grown if kept.size_bytes > 0), key=lambda kept: -kept.size_bytes)
        self._grown_lines = self._line_growth()
        return {
            "grown": [
                {"path": kept.path, "type": kept.type_name, "count": kept.count, "bytes": kept.size_bytes}
                for kept in self._grown[:TOP_ROWS]
            ],
            "freed_only_by_the_collector": self._cycles,
            "lines": self._grown_lines,
        }

    def findings(self) -> list[Finding]:
        """One for each structure that keeps more than before, of everything under it together; without a census, one
        for each line whose allocations are still there."""
        if self._no_census is not None:
            return [
                Finding(
                    self.name, f"what {_short_file(row['file'])}:{row['line']} allocated", row["count"], row["bytes"]
                )
                for row in self._grown_lines
            ]
        containers: dict[str, list[Kept]] = {}
        for kept in self._grown:
            containers.setdefault(kept.container, []).append(kept)
        return [self._finding(container, rows) for container, rows in containers.items()]

    def remarks(self) -> list[str]:
        """What only the cyclic collector frees: a taller sawtooth, not a leak; and what could not be told."""
        missing = [] if self._no_census is None else [f"by line only, who holds it is not known: {self._no_census}"]
        return missing + [
            f"freed only by the cyclic collector: {row['count']} × {row['type']}, {format_bytes(row['bytes'])}; "
            "a taller sawtooth, not a leak"
            for row in self._cycles
            if row["bytes"] >= LEAST_CYCLE_BYTES
        ]

    def close(self) -> None:
        if self._client is None:
            return
        if self._traces:
            try:
                self._client.request("DELETE", f"{self._base_url}/debug/tracemalloc")
            except Exception:
                self._traces = False  # the target has gone, and its traces with it
        self._client.close()
        self._client = None

    def _finding(self, container: str, rows: list[Kept]) -> Finding:
        parts = tuple(
            f"{kept.count} × {kept.type_name} of {format_bytes(kept.size_bytes / kept.count)} at {kept.path}"
            for kept in rows[:MOST_PARTS]
            if kept.count > 0
        )
        held_by = tuple(reversed([name for name in container.split(".") if name]))
        held_bytes = sum(kept.size_bytes for kept in rows)
        return Finding(self.name, container, rows[0].count, held_bytes, held_by, parts)

    def _line_growth(self) -> list[dict[str, Any]]:
        before, after = self._lines.get(Moment.BEFORE, {}), self._lines.get(Moment.AFTER, {})
        grown: list[dict[str, Any]] = [
            {"file": file, "line": line, "count": count - before.get((file, line), (0, 0))[0], "bytes": gained}
            for (file, line), (count, size) in after.items()
            if (gained := size - before.get((file, line), (0, 0))[1]) > 0
        ]
        return sorted(grown, key=lambda row: int(row["bytes"]), reverse=True)[:TOP_ROWS]

    def _census(self, room: Room) -> tuple[list[Kept], list[dict[str, Any]]]:
        answer = self._ask("GET", "/debug/objects", room)
        try:
            rows = [Kept(str(r["path"]), str(r["type"]), int(r["count"]), int(r["bytes"])) for r in answer["objects"]]
            cycles = [
                {"type": str(r["type"]), "count": int(r["count"]), "bytes": int(r["bytes"])} for r in answer["cycles"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise ProbeError(f"expected a census of objects from {self._shown}, found something else") from error
        return rows, cycles

    def _traced_lines(self, room: Room) -> dict[tuple[str, int], tuple[int, int]]:
        answer = self._ask("GET", "/debug/tracemalloc", room)
        try:
            return {(str(r["file"]), int(r["line"])): (int(r["count"]), int(r["bytes"])) for r in answer["lines"]}
        except (KeyError, TypeError, ValueError):
            return {}

    def _trace(self, method: str, room: Room) -> bool:
        """Whether traces are on; a target without them is still worth its census."""
        try:
            return bool(self._ask(method, "/debug/tracemalloc", room).get("tracing"))
        except ProbeError:
            return False

    @property
    def _shown(self) -> str:
        return f"{redact_text(self._base_url)}/debug/objects"

    def _ask(self, method: str, path: str, room: Room) -> dict[str, Any]:
        import httpx

        room.check()
        if self._client is None:
            self._client = httpx.Client(trust_env=False)
        shown = f"{redact_text(self._base_url)}{path}"
        timeout_s = min(ASK_TIMEOUT_S, max(1.0, room.left_s))
        try:
            with self._client.stream(method, f"{self._base_url}{path}", timeout=timeout_s) as response:
                if response.status_code != httpx.codes.OK:
                    raise ProbeError(f"expected 200 from {shown}, found {response.status_code}: it offers no census")
                page = bytearray()
                for part in response.iter_bytes():
                    room.check()
                    page += part
                    if len(page) > MAX_PAGE_BYTES:
                        raise ProbeError(f"expected at most {MAX_PAGE_BYTES} bytes from {shown}, found more")
            answer = json.loads(bytes(page))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            found = str(error) or type(error).__name__
            raise ProbeError(f"expected a JSON answer from {shown}, found: {found}") from error
        if not isinstance(answer, dict):
            raise ProbeError(f"expected a JSON object from {shown}, found something else")
        return answer


def _short_file(name: str) -> str:
    """The file with its folder, which is enough to find it."""
    return "/".join(name.split("/")[-2:])


def trim(base_url: str) -> dict[str, Any]:
    """Has the target's allocator give back what it can: ``{"trimmed", "before", "after"}``. Raises ProbeError."""
    import httpx

    try:
        response = httpx.post(f"{base_url}/debug/trim", timeout=ASK_TIMEOUT_S, trust_env=False)
        answer = response.json() if response.status_code == httpx.codes.OK else None
        return {name: answer[name] for name in ("trimmed", "before", "after")} if answer is not None else {}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise ProbeError(f"expected the target to trim its memory, found: {error}") from error
