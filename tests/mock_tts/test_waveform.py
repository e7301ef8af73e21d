"""The sound that is encoded."""

import numpy as np

from mock_tts import waveform
from mock_tts.formats import BLOCK_S


def test_blocks_are_seeded_loud_and_silent_at_their_ends() -> None:
    """The same timbre gives the same samples; blocks may be joined without a click."""
    first = waveform.samples(1, 8000, 2)
    size = round(BLOCK_S * 8000)

    assert np.array_equal(first, waveform.samples(1, 8000, 2))
    assert not np.array_equal(first, waveform.samples(2, 8000, 2))
    assert len(first) == 2 * size
    assert np.abs(first).max() > 5000
    assert abs(int(first[size - 1])) < 50
    assert abs(int(first[size])) < 50
