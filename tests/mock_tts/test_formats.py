"""The table of output formats."""

import pytest

from mock_tts.formats import DEFAULT_FORMAT, FORMATS, find_format


def test_there_are_the_29_documented_formats() -> None:
    """Seven MP3, one AAC, five Opus, seven PCM, seven WAV and two telephony formats."""
    assert len(FORMATS) == 29
    assert {one.name.split("_")[0] for one in FORMATS.values()} == {"mp3", "m4a", "opus", "pcm", "wav", "ulaw", "alaw"}


def test_legacy_name_means_128_kbit() -> None:
    """``mp3_44100`` is accepted, an unknown name is not."""
    assert find_format("mp3_44100") is DEFAULT_FORMAT
    assert find_format("mp3_44100_129") is None


@pytest.mark.parametrize(("name", "seconds", "frames"), [("mp3_44100_128", 3.1768, 121), ("pcm_24000", 0.5, 12000)])
def test_speech_has_whole_frames_only(name: str, seconds: float, frames: int) -> None:
    """A format holds as many frames as fit; even nothing is one frame."""
    assert FORMATS[name].frames_in(seconds) == frames
    assert FORMATS[name].frames_in(0.0) == 1


def test_sockets_know_neither_wav_nor_aac() -> None:
    """The WebSocket list is the same without the two file formats."""
    assert sum(one.on_sockets for one in FORMATS.values()) == 21
