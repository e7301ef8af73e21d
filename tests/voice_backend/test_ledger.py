"""Tests of ``voice_backend.ledger``."""

from voice_backend.faults import Fault
from voice_backend.ledger import Held, Ledger


def test_every_fault_is_there_and_the_total_is_their_sum() -> None:
    """A fault that retains nothing is a zero, not a gap."""
    ledger = Ledger({Fault.TTS_CHUNK_REFS: lambda: Held(10, 1), Fault.MEMORY_TRACKER: lambda: Held(5, 2)})

    found = {name: held.as_json() for name, held in ledger.read().items()}

    assert list(found) == [*Fault, "total"]
    assert found["tts_chunk_refs"] == {"retainedBytes": 10, "retainedObjects": 1}
    assert found["thinking_sound"] == {"retainedBytes": 0, "retainedObjects": 0}
    assert found["total"] == {"retainedBytes": 15, "retainedObjects": 3}
