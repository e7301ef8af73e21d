"""The five faults of the incident: what each retains, what triggers it, which metric must show it.

Owns the registry and the switches that turn a fault on, off or partly on. The faulty behaviour itself does not live
here: each fault stands beside the right behaviour that it breaks (``thinking_sound.py``, ``duplicates.py``,
``speech_history.py``, ``dialogues.py``, ``tracker.py``).
"""

import math
from dataclasses import dataclass
from enum import StrEnum

AUDIO_BYTES_PER_CHUNK = 50_618
"""mp3_44100_128 of a 48-character sentence: the size that the incident's log shows."""
CHUNKS_PER_ANSWER = 4
TRACKER_SAMPLE_BYTES = 56 + 8 * 65_536
"""A list header and one pointer for each of the 65,536 objects that a leaking tracker sample can count."""
TRACKER_SAMPLES_PER_HOUR = 60
DIALOGUE_BYTES_PER_QUERY_WITHOUT_TEXT = 270_694
"""Seven buffered events of one answer without the characters of the user's own text (see ``events.py``)."""


class Fault(StrEnum):
    """The switch names of the contract, in the order of the incident's causes."""

    THINKING_SOUND = "thinking_sound"
    DUPLICATE_REQUESTS = "duplicate_requests"
    TTS_CHUNK_REFS = "tts_chunk_refs"
    DIALOGUE_STATE = "dialogue_state"
    MEMORY_TRACKER = "memory_tracker"


class Trigger(StrEnum):
    """The kind of use that makes a fault show."""

    QUERY = "any query"
    DUPLICATE = "the same query posted twice"
    DISCONNECT = "a client that leaves without POST /api/voice/close"
    TIME = "time alone, also while idle"


@dataclass(frozen=True, slots=True)
class FaultFacts:
    """What a fault does at full strength, at ``--time-scale 1``, with the nominal 50,618-byte chunk."""

    fault: Fault
    cause: str
    retains: str
    fix: str
    shown_by: str
    trigger: Trigger
    retained_bytes_per_trigger: int = 0
    retained_bytes_per_hour: int = 0
    extra_answer_bytes: int = 0
    tts_calls_per_trigger: int = CHUNKS_PER_ANSWER

    def retained_bytes_per_hour_at(self, time_scale: float) -> float:
        """Bytes retained in an hour of the wall clock when every timer runs ``time_scale`` times faster."""
        return self.retained_bytes_per_hour * time_scale


REGISTRY: tuple[FaultFacts, ...] = (
    FaultFacts(
        fault=Fault.THINKING_SOUND,
        cause="230,478 bytes of WAV are read, encoded and sent with every answer, from objects in a reference cycle",
        retains="nothing: the cyclic collector frees it, which makes a taller sawtooth",
        fix="send nothing, the client plays its own asset (1b: cache the encoded sound once)",
        shown_by="bytes of each answer, amplitude of the sawtooth",
        trigger=Trigger.QUERY,
        extra_answer_bytes=307_304,
    ),
    FaultFacts(
        fault=Fault.DUPLICATE_REQUESTS,
        cause="the same query posted twice is processed twice",
        retains="nothing itself: it doubles the work, and so what the other faults retain",
        fix="recognise the second by dialogue and text within a window",
        shown_by="TTS calls per query: 8 against 4",
        trigger=Trigger.DUPLICATE,
        tts_calls_per_trigger=2 * CHUNKS_PER_ANSWER,
    ),
    FaultFacts(
        fault=Fault.TTS_CHUNK_REFS,
        cause="each audio chunk stays referenced from a response history that is never emptied",
        retains="the raw audio of every chunk",
        fix="drop the reference when the chunk is sent",
        shown_by="growth per query of any kind",
        trigger=Trigger.QUERY,
        retained_bytes_per_trigger=CHUNKS_PER_ANSWER * AUDIO_BYTES_PER_CHUNK,
    ),
    FaultFacts(
        fault=Fault.DIALOGUE_STATE,
        cause="a dialogue stays in the map until an explicit close, or 30 minutes without activity",
        retains="every event buffered in the dialogue, audio as base64",
        fix="clear the dialogue at once when its last client leaves",
        shown_by="growth per abrupt disconnect, none for clients that close",
        trigger=Trigger.DISCONNECT,
        retained_bytes_per_trigger=DIALOGUE_BYTES_PER_QUERY_WITHOUT_TEXT,
    ),
    FaultFacts(
        fault=Fault.MEMORY_TRACKER,
        cause="every sample keeps references to what it counted, the sample before it included",
        retains="one table of references a sample; the list holds 60 samples, the chain holds them all",
        fix="30 samples of counts only; DISABLE_MEMORY_TRACKER=true turns the tracker off",
        shown_by="growth while idle",
        trigger=Trigger.TIME,
        retained_bytes_per_hour=TRACKER_SAMPLES_PER_HOUR * TRACKER_SAMPLE_BYTES,
    ),
)


class Switch:
    """One fault's strength: 1 strikes every time, 0 never, 0.1 exactly once in any ten occasions.

    Evenly spaced instead of random, so that a weak leak has a known size after any number of queries.
    """

    __slots__ = ("_occasions", "strength")

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self._occasions = 0

    def strikes(self) -> bool:
        """Whether the fault strikes on this occasion; every call is one occasion."""
        before = self._occasions
        self._occasions = before + 1
        # The small term keeps 10 × 0.1 from staying just below 1.
        return math.floor(self._occasions * self.strength + 1e-9) > math.floor(before * self.strength + 1e-9)


Switches = dict[Fault, Switch]
