"""Tests of ``voice_backend.census``: the path that keeps each thing, and what only a collection frees."""

import asyncio
import gc
from collections import deque
from typing import Any

import pytest

from voice_backend.census import census, collectable
from voice_backend.faults import Fault


class _Slotted:
    __slots__ = ("__hidden", "kept")

    def __init__(self) -> None:
        self.kept = deque([bytes(1000 + len(str(id(self)))), bytes(1000)])
        self.__hidden = "h" * 500


class _Chain:
    def __init__(self, previous: "_Chain | None") -> None:
        self.previous = previous
        self.load = bytes(2000)


class _Root:
    def __init__(self) -> None:
        big = "c" * 3000

        def closure() -> str:
            return big

        self.by_id = {f"d{number}": _Slotted() for number in range(3)}
        self.texts = {"only": "text" * 100}
        self.on_done = closure
        self.last: _Chain | None = None
        for _ in range(50):
            self.last = _Chain(self.last)


def _by_path(found: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["path"], row["type"]): row for row in found["objects"]}


def test_each_thing_is_counted_under_the_path_that_keeps_it() -> None:
    """Attributes, slots, maps, lists, closures; positions and ids are not part of a path."""
    rows = _by_path(census(_Root(), "root"))

    assert rows[("root.by_id[…].kept[…]", "bytes")]["count"] == 6
    assert rows[("root.by_id[…].kept[…]", "bytes")]["bytes"] > 6000
    assert rows[("root.by_id[…]._Slotted__hidden", "str")]["count"] == 3 - 2  # one constant, shared by all three
    assert rows[("root.on_done()big", "str")]["count"] == 1
    assert rows[("root.texts[…]", "str")]["bytes"] > 400


def test_a_chain_is_one_path() -> None:
    """However long it is: fifty objects, each holding the one before."""
    rows = _by_path(census(_Root(), "root"))

    assert rows[("root.last.previous.load", "bytes")]["count"] + rows[("root.last.load", "bytes")]["count"] == 50
    assert rows[("root.last.previous", "_Chain")]["count"] == 49


def test_values_are_not_told() -> None:
    """Names, counts and sizes only: a text of a user never leaves the process."""
    assert "texttext" not in str(census(_Root(), "root"))


def test_what_only_a_collection_frees_is_told_and_freed() -> None:
    """A reference cycle with a text of a megabyte."""

    class Cycle:
        def __init__(self) -> None:
            self.itself = self
            self.text = "x" * (10**6 + int(id(self) % 2))

    gc.collect()
    gc.disable()
    try:
        Cycle()
        rows: dict[Any, Any] = {row["type"]: row for row in collectable()}
    finally:
        gc.enable()

    assert rows["Cycle"]["count"] == 1
    assert rows["Cycle"]["bytes"] > 10**6
    assert "Cycle" not in {row["type"] for row in collectable()}
    assert gc.get_debug() == 0


_KEEPERS = [
    (Fault.TTS_CHUNK_REFS, "service.speaker._history[…]", 4 * 50_618),
    (Fault.DIALOGUE_STATE, "service.dialogues._by_id[…]._events[…].data", 4 * 67_492),
    (Fault.MEMORY_TRACKER, "service.tracker._samples[…].counted_types", 65_536 * 8),
]


@pytest.mark.parametrize(("fault", "path", "bytes_each"), _KEEPERS)
def test_the_path_that_grows_names_what_retains(serve: Any, fault: Fault, path: str, bytes_each: int) -> None:
    """For each fault that retains something, at the place where its code keeps it, as much as it keeps."""

    async def scenario() -> None:
        async with serve(fault) as backend:
            before = _by_path((await backend.client.get("/debug/objects")).json())
            for number in range(3):
                await backend.converse(f"d{number}")
                await backend.events(f"d{number}")
                backend.service.tracker.take_sample()
            await backend.until(lambda: all(not d.answering for d in backend.service.dialogues._by_id.values()))
            after = _by_path((await backend.client.get("/debug/objects")).json())
            grown = {
                key[0]: row["bytes"] - before.get(key, {"bytes": 0})["bytes"]
                for key, row in after.items()
                if row["bytes"] - before.get(key, {"bytes": 0})["bytes"] > 100_000
            }

            assert next(iter(grown)) == path
            assert len(grown) == 1 or fault is Fault.MEMORY_TRACKER  # whose newest sample has a nearer holder
            assert sum(grown.values()) == pytest.approx(3 * bytes_each, rel=0.02)

    asyncio.run(scenario())


def test_the_sound_is_found_among_the_cycles(serve: Any) -> None:
    """It is not retained, and yet nothing but the collector frees it."""

    async def scenario() -> None:
        async with serve(Fault.THINKING_SOUND) as backend:
            gc.collect()
            gc.disable()
            try:
                for number in range(3):
                    await backend.converse(f"d{number}")
                found = (await backend.client.get("/debug/objects")).json()
            finally:
                gc.enable()
            rows = {row["type"]: row for row in found["cycles"]}

            assert rows["_Reading"]["count"] == 3
            assert rows["_Reading"]["bytes"] == pytest.approx(3 * (230_478 + 307_304), rel=0.01)

    asyncio.run(scenario())


def test_others_may_not_ask(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """These answers say much, and stop the service: loopback only."""

    async def scenario() -> None:
        async with serve() as backend:
            monkeypatch.setattr("voice_backend.server._is_loopback", lambda host: False)
            for method, path in (("GET", "objects"), ("POST", "tracemalloc"), ("POST", "trim")):
                assert (await backend.client.request(method, f"/debug/{path}")).status_code == 403

    asyncio.run(scenario())
