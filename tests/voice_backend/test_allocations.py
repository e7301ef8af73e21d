"""Tests of ``voice_backend.allocations``: the lines that hold memory."""

import asyncio
import tracemalloc
from typing import Any

from voice_backend.faults import Fault


def test_the_line_that_holds_most_is_told(serve: Any) -> None:
    """Off, on, off again; the base64 of the speech is made in one line of ``events.py``."""

    async def scenario() -> None:
        async with serve(Fault.DIALOGUE_STATE) as backend:
            off = (await backend.client.get("/debug/tracemalloc")).json()
            await backend.client.post("/debug/tracemalloc")
            await backend.converse()
            await backend.events()
            found = (await backend.client.get("/debug/tracemalloc")).json()
            await backend.client.delete("/debug/tracemalloc")

            assert off == {"tracing": False, "lines": []}
            assert found["tracing"]
            assert found["lines"][0]["file"].endswith("voice_backend/events.py")
            assert found["lines"][0]["bytes"] > 4 * 67_000
            assert not tracemalloc.is_tracing()

    asyncio.run(scenario())


def test_trimming_tells_what_it_gave_back(serve: Any) -> None:
    """Resident bytes before and after."""

    async def scenario() -> None:
        async with serve() as backend:
            answer = (await backend.client.post("/debug/trim")).json()

            assert answer["trimmed"] in (True, False)
            assert answer["after"] <= answer["before"] * 1.05

    asyncio.run(scenario())
