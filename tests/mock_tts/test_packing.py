"""Whole files and streams of every format decode, and last as long as they should."""

import io

import av
import pytest

from mock_tts.audio import ClipBank
from mock_tts.containers import ID3_TAG
from mock_tts.formats import DEFAULT_FORMAT, FORMATS, AudioFormat, Family
from mock_tts.packing import Packer, StreamState, whole_file
from mock_tts.speech import speech_s

BANK = ClipBank(seed=1)
TEXT = "x" * 48
RAW = {Family.PCM: "s16le", Family.ULAW: "mulaw", Family.ALAW: "alaw"}


def decoded_s(data: bytes, audio_format: AudioFormat) -> float:
    """Seconds that PyAV gets out of ``data``."""
    raw = RAW.get(audio_format.family)
    options = {"sample_rate": str(audio_format.rate_hz)} if raw else {}
    with av.open(io.BytesIO(data), "r", format=raw, options=options) as container:
        return sum((frame.samples / frame.sample_rate for frame in container.decode(audio=0)), 0.0)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_decodes_with_the_right_duration(name: str) -> None:
    """A whole file and a joined stream last 0.25 s plus 1 s per 16.4 characters, but for one frame."""
    audio_format = FORMATS[name]
    said = BANK.speak(TEXT, "v", audio_format, speech_s(TEXT), None)
    packer = Packer(StreamState())
    cut = said.frame_count // 3
    pieces = [(0, cut), (cut, cut + 1), (cut + 1, said.frame_count)]
    stream = b"".join(packer.piece(said, first, last, last == said.frame_count) for first, last in pieces)

    assert decoded_s(whole_file(said), audio_format) == pytest.approx(speech_s(TEXT), abs=2 * audio_format.frame_s)
    if audio_format.family is not Family.AAC:
        assert decoded_s(stream, audio_format) == pytest.approx(said.duration_s, abs=1e-6)


def test_48_characters_are_50618_bytes() -> None:
    """The observed chunk: 45 bytes of tag and 121 frames, as a file and as a stream."""
    said = BANK.speak(TEXT, "v", DEFAULT_FORMAT, speech_s(TEXT), None)

    assert len(whole_file(said)) == len(Packer(StreamState()).piece(said, 0, said.frame_count)) == 50_618


def test_tag_comes_once_in_a_stream() -> None:
    """A second generation on the same stream starts without another tag."""
    said = BANK.speak(TEXT, "v", DEFAULT_FORMAT, 1.0, None)
    packer = Packer(StreamState())

    assert packer.piece(said, 0, 5).startswith(ID3_TAG)
    assert not packer.piece(said, 0, 5).startswith(b"ID3")


def test_wav_header_of_a_stream_may_leave_the_length_open() -> None:
    """The exact length is the default; the other reading writes 0xFFFFFFFF."""
    said = BANK.speak(TEXT, "v", FORMATS["wav_8000"], 1.0, None)

    assert Packer(StreamState()).piece(said, 0, 10)[40:44] == (16_000).to_bytes(4, "little")
    assert Packer(StreamState(), exact_wav=False).piece(said, 0, 10)[40:44] == b"\xff" * 4
