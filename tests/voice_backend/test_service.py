"""Tests of ``voice_backend.service``: each fault under each kind of use, against the registry."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from voice_backend import log
from voice_backend.dialogues import Reader
from voice_backend.faults import REGISTRY, Fault, FaultFacts, Switch, Trigger
from voice_backend.service import Query, VoiceService
from voice_backend.settings import Settings
from voice_backend.speaking import LocalSpeaker
from voice_backend.thinking_sound import NoSound
from voice_backend.tts_client import SpeechError

AUDIO_BYTES = 50_618
TEXT = "How did I sleep?"


class InstantSpeech:
    """Speech at once; fails at a given call."""

    audio_bytes = 50_618

    def __init__(self, fails_at: int | None = None) -> None:
        self.calls = 0
        self._fails_at = fails_at

    async def generate(self, text: str, *, voice_id: str, model_id: str) -> bytes:
        self.calls += 1
        if self.calls == self._fails_at:
            raise SpeechError("speech upstream answered 429: busy")
        return bytes(bytearray(self.audio_bytes))

    async def aclose(self) -> None:
        """Nothing to close."""


def make(*faults: Fault, speech: InstantSpeech | None = None, strength: float = 1.0, **settings: Any) -> VoiceService:
    ticks = itertools.count()
    return VoiceService(
        Settings("127.0.0.1", 0, "http://127.0.0.1:1", "key", {}, **settings),
        LocalSpeaker(speech or InstantSpeech()),
        NoSound(),
        switches={fault: Switch(strength if fault in faults else 0.0) for fault in Fault},
        clock=lambda: next(ticks) * 1e-6,
        rss_bytes=lambda: 100_000_000,
    )


def query(number: int) -> Query:
    return Query(TEXT, f"d{number}", "voice", "model")


async def finish(service: VoiceService, reader: Reader) -> list[str]:
    """Reads until the answer is complete."""
    names: list[str] = []
    while "done" not in names and "error" not in names:
        event = reader.take()
        if event is None:
            await reader.wait(10)
        else:
            names.append(event.name)
    return names


async def spoken(reader: Reader) -> None:
    """Waits until no answer is being produced any more."""
    while reader.dialogue.answering:  # noqa: ASYNC110 - a count announces nothing
        await asyncio.sleep(0)


async def converse(service: VoiceService, number: int, use: Trigger) -> None:
    """One query of a kind; whatever the kind, its speech is complete at the end."""
    service.converse(query(number))
    reader = service.dialogues.join(f"d{number}")
    if use is Trigger.DUPLICATE:
        service.converse(query(number))
    await finish(service, reader)
    await spoken(reader)
    service.dialogues.leave(reader)
    if use is not Trigger.DISCONNECT:
        service.dialogues.close(f"d{number}")


def retained(service: VoiceService) -> dict[str, int]:
    return {name: held.retained_bytes for name, held in service.ledger.read().items()}


@pytest.mark.parametrize("use", [Trigger.QUERY, Trigger.DUPLICATE, Trigger.DISCONNECT])
@pytest.mark.parametrize("facts", REGISTRY, ids=lambda facts: facts.fault.value)
def test_a_fault_alone_retains_what_the_registry_says_under_its_trigger_only(facts: FaultFacts, use: Trigger) -> None:
    """Five queries of each kind: exactly the expected bytes in the fault's own row, zero in all others."""
    service = make(facts.fault)

    async def scenario() -> None:
        for number in range(5):
            await converse(service, number, use)

    asyncio.run(scenario())

    triggered = use is facts.trigger or facts.trigger is Trigger.QUERY
    expected = 5 * facts.retained_bytes_per_trigger if triggered else 0
    if facts.fault is Fault.DIALOGUE_STATE and triggered:
        expected += 5 * len(TEXT)
    found = retained(service)
    assert found.pop("total") == expected
    assert found.pop(facts.fault) == expected
    assert set(found.values()) == {0}


def test_the_tracker_alone_retains_its_hour_while_idle() -> None:
    """60 samples, nothing else."""
    service = make(Fault.MEMORY_TRACKER)
    for _ in range(60):
        service.tracker.take_sample()

    assert retained(service)["memory_tracker"] == REGISTRY[-1].retained_bytes_per_hour
    assert retained(service)["total"] == REGISTRY[-1].retained_bytes_per_hour


@pytest.mark.parametrize(("faults", "calls"), [((), 4), ((Fault.DUPLICATE_REQUESTS,), 8)])
def test_a_query_posted_twice_costs_speech_once_or_twice(faults: tuple[Fault, ...], calls: int) -> None:
    """The registry's speech calls, and the count of what was rejected."""
    speech = InstantSpeech()
    service = make(*faults, speech=speech)

    asyncio.run(converse(service, 1, Trigger.DUPLICATE))

    assert speech.calls == calls
    assert service.counters.duplicates_rejected == (0 if faults else 1)


def test_two_faults_together_double_what_is_kept() -> None:
    """A duplicate that is processed keeps its chunks too: eight of them."""
    service = make(Fault.DUPLICATE_REQUESTS, Fault.TTS_CHUNK_REFS)

    asyncio.run(converse(service, 1, Trigger.DUPLICATE))

    assert service.ledger.read()["tts_chunk_refs"].retained_objects == 8


def test_a_weak_leak_keeps_a_tenth() -> None:
    """Strength 0.1: two of twenty answers."""
    service = make(Fault.TTS_CHUNK_REFS, strength=0.1)

    async def scenario() -> None:
        for number in range(20):
            await converse(service, number, Trigger.QUERY)

    asyncio.run(scenario())

    assert retained(service)["total"] == 2 * 4 * AUDIO_BYTES


@pytest.mark.slow
def test_50_000_queries_leave_nothing_once_every_fault_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every kind in turn: an empty map, an empty ledger, no background work."""
    monkeypatch.setattr(log, "_write", lambda line: None)
    monkeypatch.setattr(InstantSpeech, "audio_bytes", 100)
    service = make()
    kinds = [Trigger.QUERY, Trigger.DUPLICATE, Trigger.DISCONNECT]

    async def scenario() -> None:
        for number in range(50_000):
            await converse(service, number, kinds[number % 3])

    asyncio.run(scenario())

    assert service.counters.queries == 50_000
    assert service.counters.tts_calls == 200_000
    assert set(retained(service).values()) == {0}
    assert len(service.dialogues) == 0
    assert service._tasks == set()


def test_events_come_in_the_contracts_order() -> None:
    """User, assistant, four chunks, done."""
    service = make()

    async def scenario() -> list[str]:
        service.converse(query(1))
        return await finish(service, service.dialogues.join("d1"))

    assert asyncio.run(scenario()) == ["textChunk", "textChunk", *["audioChunk"] * 4, "done"]


def test_an_upstream_failure_is_an_error_event_and_nothing_is_retained() -> None:
    """The third call fails: two chunks, the reason, no done; the ledger and the map end empty."""
    service = make(speech=InstantSpeech(fails_at=3))

    async def scenario() -> list[str]:
        service.converse(query(1))
        reader = service.dialogues.join("d1")
        names = await finish(service, reader)
        service.dialogues.leave(reader)
        return names

    assert asyncio.run(scenario()) == ["textChunk", "textChunk", "audioChunk", "audioChunk", "error"]
    assert retained(service)["total"] == 0
    assert len(service.dialogues) == 0
    assert service.counters.tts_errors == 1


def test_a_client_that_leaves_early_costs_a_whole_answer_all_the_same() -> None:
    """The speech was ordered; with the fault the abandoned dialogue holds all of it."""
    speech = InstantSpeech()
    service = make(Fault.DIALOGUE_STATE, speech=speech)

    async def scenario() -> None:
        service.converse(query(1))
        reader = service.dialogues.join("d1")
        service.dialogues.leave(reader)
        await spoken(reader)

    asyncio.run(scenario())

    assert speech.calls == 4
    assert retained(service)["dialogue_state"] == REGISTRY[3].retained_bytes_per_trigger + len(TEXT)


def test_the_plateau_cache_fills_and_stops_without_being_a_fault() -> None:
    """Its bytes are not in the ledger."""
    service = make(plateau_cache_bytes=1_000_000)

    async def scenario() -> None:
        for number in range(10):
            await converse(service, number, Trigger.QUERY)

    asyncio.run(scenario())

    assert 900_000 < service.recent_speech.held_bytes <= 1_000_000
    assert retained(service)["total"] == 0


def test_the_sweep_and_the_tracker_run_at_the_scaled_times() -> None:
    """Started, they work by themselves; with the tracker off there are no samples."""

    async def samples(tracker_enabled: bool, ready: Callable[[VoiceService], bool]) -> int:
        service = make(time_scale=50_000, tracker_enabled=tracker_enabled)
        service.dialogues.open("d1")
        await service.start()
        while not ready(service):  # noqa: ASYNC110 - a count announces nothing
            await asyncio.sleep(0.001)
        await service.stop()
        return service.tracker.samples_count

    assert asyncio.run(samples(True, lambda service: service.tracker.samples_count > 2)) > 2
    assert asyncio.run(samples(False, lambda service: True)) == 0
