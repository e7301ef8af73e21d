"""Cutting speech into pieces."""

import itertools

import pytest

from mock_tts.audio import ClipBank
from mock_tts.delivery import LINE_BYTES, LINE_S, PIECE_BYTES, PIECE_S, frame_ranges
from mock_tts.formats import FORMATS

BANK = ClipBank(1)


@pytest.mark.parametrize("name", ["mp3_44100_128", "pcm_48000", "opus_48000_64", "ulaw_8000"])
@pytest.mark.parametrize(("piece_s", "piece_bytes"), [(PIECE_S, PIECE_BYTES), (LINE_S, LINE_BYTES)])
def test_ranges_cover_everything_in_small_pieces(name: str, piece_s: float, piece_bytes: int) -> None:
    """Neighbours touch, nothing is left out, no piece is longer or larger than allowed."""
    said = BANK.speak("x", "v", FORMATS[name], 7.0, None)
    ranges = frame_ranges(said, piece_s, piece_bytes)

    assert ranges[0][0] == 0
    assert ranges[-1][1] == said.frame_count
    assert all(one[1] == other[0] for one, other in itertools.pairwise(ranges))
    assert all((last - first) * said.audio_format.frame_s <= piece_s + 1e-9 for first, last in ranges)
    assert max(len(said.body(first, last)) for first, last in ranges) <= piece_bytes * 1.2
