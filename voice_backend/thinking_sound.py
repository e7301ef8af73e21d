"""Fault 1, the thinking sound: 230,478 bytes of WAV in every answer, or nothing, or (fix 1b) one cached copy.

The asset is made when the service starts, from a formula, and put in a file, because the fault is that this file is
read again for every request.
"""

import array
import base64
import math
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

SOUND_BYTES = 230_478
SOUND_DURATION_MS = 2_300
_SAMPLE_RATE_HZ = 48_000
_TONE_HZ = 220.0
_PULSE_HZ = 1_000 / SOUND_DURATION_MS
"""One soft swell over the whole sound, so that it loops without a click."""

SoundFields = dict[str, object]


def make_thinking_sound() -> bytes:
    """A WAV of exactly 230,478 bytes and 2,300 ms: 16-bit mono, and a ``LIST`` chunk that fills the rest."""
    count = _SAMPLE_RATE_HZ * SOUND_DURATION_MS // 1_000
    samples = array.array(
        "h",
        (
            int(6_000 * math.sin(math.pi * _PULSE_HZ * i / _SAMPLE_RATE_HZ) ** 2
                * math.sin(2 * math.pi * _TONE_HZ * i / _SAMPLE_RATE_HZ))
            for i in range(count)
        ),
    )  # fmt: skip
    if sys.byteorder == "big":
        samples.byteswap()
    data = b"data" + struct.pack("<I", 2 * count) + samples.tobytes()
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, _SAMPLE_RATE_HZ, 2 * _SAMPLE_RATE_HZ, 2, 16)
    rest = SOUND_BYTES - 12 - len(form) - len(data) - 8
    comment = b"INFOICMT" + struct.pack("<I", rest - 12) + bytes(rest - 12)
    return (
        b"RIFF"
        + struct.pack("<I", SOUND_BYTES - 8)
        + b"WAVE"
        + form
        + b"LIST"
        + struct.pack("<I", rest)
        + comment
        + data
    )


def _fields(encoded: str) -> SoundFields:
    return {"audio": encoded, "duration": SOUND_DURATION_MS, "loop": True, "format": "wav"}


class SoundSource(Protocol):
    """Where an answer's ``thinkingSound`` comes from."""

    def for_answer(self) -> SoundFields | None:
        """The field's content for one answer; None when the answer carries no sound."""


class _Reading:
    """One request's reading of the sound, as the incident had it: its completion callback is bound to itself.

    That is the reference cycle: raw and encoded copies go only when the cyclic collector runs.
    """

    def __init__(self, path: Path) -> None:
        self.raw = path.read_bytes()
        self.encoded = base64.b64encode(self.raw).decode("ascii")
        self.on_complete: Callable[[], SoundFields] = self.fields

    def fields(self) -> SoundFields:
        return _fields(self.encoded)


class SoundReadEveryTime:
    """Before: the file is read and encoded for every answer that the fault strikes."""

    def __init__(self, path: Path, strikes: Callable[[], bool]) -> None:
        self._path = path
        self._strikes = strikes

    def for_answer(self) -> SoundFields | None:
        """The sound, read again; None where the fault does not strike."""
        return _Reading(self._path).on_complete() if self._strikes() else None


class CachedSound:
    """Fix 1b, superseded: the encoded sound is made once and still sent with every answer."""

    def __init__(self, wav: bytes) -> None:
        self._encoded = base64.b64encode(wav).decode("ascii")

    def for_answer(self) -> SoundFields | None:
        """The one cached copy."""
        return _fields(self._encoded)


class NoSound:
    """After: nothing is sent, the client plays its own asset."""

    def for_answer(self) -> SoundFields | None:
        """Always None."""
        return None
