"""Tests of ``voice_backend.server``: the contract's paths, answers and errors, over real HTTP."""

import asyncio
import base64
import json
from typing import Any

import pytest

from voice_backend.faults import Fault
from voice_backend.server import BODY_LIMIT_BYTES, _is_loopback


def test_converse_answers_at_once_with_about_200_bytes(serve: Any) -> None:
    """Before any speech exists; a dialogue id is made up where none is given."""

    async def scenario() -> None:
        async with serve() as backend:
            backend.speech.waits = True
            response = await backend.client.post("/api/voice/converse", json={"text": "hello"})
            answer = response.json()

            assert response.status_code == 200
            assert len(response.content) < 200
            assert answer == {
                "success": True,
                "dialogueId": answer["dialogueId"],
                "thinkingIndicator": {"type": "sound"},
            }
            assert (await backend.client.get("/health")).json() == {"status": "ok", "activeDialogues": 1}

    asyncio.run(scenario())


def test_with_the_fault_the_answer_carries_the_sound(serve: Any) -> None:
    """230,478 bytes as base64, and the fields beside it."""

    async def scenario() -> None:
        async with serve(Fault.THINKING_SOUND) as backend:
            sound = (await backend.converse())["thinkingSound"]

            assert len(base64.b64decode(sound.pop("audio"))) == 230_478
            assert sound == {"duration": 2300, "loop": True, "format": "wav"}

    asyncio.run(scenario())


def test_the_cached_sound_is_sent_as_well(serve: Any) -> None:
    """Fix 1b saves the reading, not the traffic."""

    async def scenario() -> None:
        async with serve(cached_sound=True) as backend:
            assert len((await backend.converse())["thinkingSound"]["audio"]) == 307_304

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b"{", "body"),
        (b"\xff", "body"),
        (b"{}", "text"),
        (b'{"text": ""}', "text"),
        (b'{"text": 7}', "text"),
        (json.dumps({"text": "x" * 5_001}).encode(), "text"),
        (b'{"text": "hi", "dialogueId": ""}', "dialogueId"),
        (b'{"text": "hi", "voiceId": []}', "voiceId"),
    ],
)
def test_a_wrong_query_is_a_400_that_names_what_is_wrong(serve: Any, body: bytes, named: str) -> None:
    """And no dialogue is opened."""

    async def scenario() -> None:
        async with serve() as backend:
            response = await backend.client.post("/api/voice/converse", content=body)
            answer = response.json()

            assert response.status_code == 400
            assert answer["success"] is False
            assert answer["error"].startswith(named + ":")
            assert len(backend.service.dialogues) == 0

    asyncio.run(scenario())


def test_the_longest_text_is_accepted(serve: Any) -> None:
    """5,000 characters, each escaped to twelve bytes, and null for what is optional."""

    async def scenario() -> None:
        async with serve() as backend:
            body = json.dumps({"text": "🎤" * 5_000, "dialogueId": None, "voiceId": None})
            response = await backend.client.post("/api/voice/converse", content=body)

            assert len(body) < BODY_LIMIT_BYTES
            assert response.status_code == 200

    asyncio.run(scenario())


def test_paths_methods_and_sizes_that_do_not_exist(serve: Any) -> None:
    """404, 405 and 413, all in the error's shape."""

    async def scenario() -> None:
        async with serve() as backend:
            client = backend.client
            answers = [
                await client.get("/nowhere"),
                await client.get("/api/voice/converse"),
                await client.post("/api/voice/converse", content=bytes(BODY_LIMIT_BYTES + 1)),
                await client.get("/api/voice/open-stream"),
                await client.post("/api/voice/close", json={"dialogueId": "unknown"}),
            ]

            assert [answer.status_code for answer in answers] == [404, 405, 413, 400, 404]
            assert all(answer.json()["success"] is False and answer.json()["error"] for answer in answers)
            assert "expected one of /api/voice/converse, " in answers[0].json()["error"]
            assert answers[1].json()["error"] == "GET /api/voice/converse: expected POST"

    asyncio.run(scenario())


def test_close_says_how_many_messages_it_cleared(serve: Any) -> None:
    """All seven of a complete answer that nobody has heard."""

    async def scenario() -> None:
        async with serve() as backend:
            await backend.converse()
            dialogue = backend.service.dialogues.get("d1")
            await backend.until(lambda: dialogue.buffered.retained_objects == 7)
            response = await backend.client.post("/api/voice/close", json={"dialogueId": "d1"})

            assert response.json() == {"success": True, "cleared": 7}
            assert len(backend.service.dialogues) == 0

    asyncio.run(scenario())


def test_debug_memory_uses_nodes_names(serve: Any) -> None:
    """Bytes and counts, ``external`` being the speech that is held."""

    async def scenario() -> None:
        async with serve(Fault.TTS_CHUNK_REFS, Fault.DIALOGUE_STATE) as backend:
            await backend.converse()
            await backend.events()
            await backend.until(lambda: backend.service.ledger.read()["dialogue_state"].retained_objects == 7)
            found = (await backend.client.get("/debug/memory")).json()
            ledger = await backend.ledger()

            assert found["rss"] > 5_000_000
            assert found["heapUsed"] is None or 0 < found["heapUsed"] <= found["heapTotal"]
            assert (found["activeDialogues"], found["processed"], found["bufferedMessages"]) == (1, 1, 7)
            assert found["arrayBuffers"] == ledger["tts_chunk_refs"]["retainedBytes"] == 4 * 50_618
            assert found["external"] == ledger["total"]["retainedBytes"]

    asyncio.run(scenario())


def test_the_metrics_and_the_collector_answer(serve: Any) -> None:
    """Prometheus text with the counts of what was done; a collection on demand."""

    async def scenario() -> None:
        async with serve() as backend:
            await backend.converse()
            await backend.events()
            text = (await backend.client.get("/metrics")).text
            collected = (await backend.client.post("/debug/gc")).json()

            assert "voice_backend_queries_total 1.0" in text
            assert "voice_backend_tts_calls_total 4.0" in text
            assert collected["collected"] >= 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("testclient", False),
    ],
)
def test_only_loopback_addresses_may_read_the_ledger(host: str, expected: bool) -> None:
    """IPv4, IPv6 and IPv4 inside IPv6; anything else is refused."""
    assert _is_loopback(host) is expected
