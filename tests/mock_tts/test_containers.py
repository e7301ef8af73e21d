"""What stands around the frames."""

import io
import wave

from mock_tts.audio import ClipBank
from mock_tts.containers import ID3_TAG, info_frame, m4a_file, wav_header
from mock_tts.formats import DEFAULT_FORMAT, FORMATS


def test_tag_has_45_bytes() -> None:
    """As recorded: 10 bytes of header and 35 of frame and padding."""
    assert len(ID3_TAG) == 45
    assert ID3_TAG[9] == 35


def test_info_frame_keeps_the_length() -> None:
    """The Info frame stands where an audio frame was, with the same header."""
    frame = ClipBank(1).speak("x", "v", DEFAULT_FORMAT, 1.0, None).body(0, 1)
    info = info_frame(frame, 20, 9_000)

    assert len(info) == len(frame)
    assert info[:4] == frame[:4]
    assert info[21:25] == b"Info"


def test_wav_header_is_read_by_the_standard_library() -> None:
    """Mono, 16 bit, at the given rate."""
    with wave.open(io.BytesIO(wav_header(8000, 4) + b"\0" * 4)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (1, 2, 8000, 2)


def test_m4a_is_the_same_every_time() -> None:
    """No time stamp and no random number in the boxes."""
    said = ClipBank(1).speak("x", "v", FORMATS["m4a_aac_44100_128"], 1.0, None)
    files = {m4a_file(said.frames(0, 40), said.extradata, 44100, 1024) for _ in range(2)}

    assert len(files) == 1
