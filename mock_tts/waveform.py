"""Speech-like sound: a few seconds of voiced syllables per timbre, seeded. It need not be understood, only be audio."""

import numpy as np
import numpy.typing as npt

from mock_tts.formats import BLOCK_S

TIMBRES = 4
BLOCKS = 8
"""Blocks per timbre: an utterance is a sequence of these, so memory is bounded whatever is asked for."""

_SYLLABLES = 5
_HARMONICS = 12


def samples(timbre: int, rate_hz: int, block_count: int) -> npt.NDArray[np.int16]:
    """``block_count`` blocks of mono s16 at ``rate_hz``, each fading in and out so that any two may be joined."""
    return np.concatenate([_block(timbre, index % BLOCKS, rate_hz) for index in range(block_count)])


def _block(timbre: int, index: int, rate_hz: int) -> npt.NDArray[np.int16]:
    rng = np.random.default_rng((timbre, index))
    total = round(BLOCK_S * rate_hz)
    at_s = np.arange(total) / rate_hz
    pitch_hz = 95.0 + 45.0 * timbre + 12.0 * np.sin(2 * np.pi * (at_s / BLOCK_S + rng.random()))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
    voice = np.zeros(total)
    for harmonic in range(1, _HARMONICS + 1):
        if harmonic * 260 < rate_hz / 2:
            voice += rng.uniform(0.3, 1.0) / harmonic * np.sin(harmonic * phase + rng.uniform(0, 2 * np.pi))
    syllable = np.abs(np.sin(np.pi * _SYLLABLES * at_s / BLOCK_S)) ** 0.7
    fade = np.minimum(1.0, np.minimum(at_s, at_s[::-1]) / 0.02)
    loud = voice * syllable * fade
    return np.asarray(9000.0 * loud / np.abs(loud).max(), dtype=np.int16)
