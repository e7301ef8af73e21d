"""Several utterances as one."""

from mock_tts.audio import ClipBank
from mock_tts.formats import FORMATS
from mock_tts.track import Track, frame_ms


def test_a_track_is_its_parts_in_order() -> None:
    """Bytes, frames and length of a track are those of its parts, wherever it is cut."""
    bank = ClipBank(1)
    parts = [bank.speak(text, "v", FORMATS["ulaw_8000"], 0.01, None) for text in ("a", "b", "c")]
    track = Track(parts)

    assert track.edges == (0, 80, 160, 240)
    assert track.body(70, 170) == parts[0].body(70, 80) + parts[1].body(0, 80) + parts[2].body(0, 10)
    assert len(track.frames(0, 240)) == track.frame_count == 240
    assert track.duration_ms == 30
    assert frame_ms(track, 80) == 10


def test_tracks_differ_when_any_part_does() -> None:
    """The same beginning and length do not make two dialogues the same: what is kept by digest would be mixed up."""
    bank = ClipBank(1)
    one, same, other = (
        Track([bank.speak(text, "v", FORMATS["ulaw_8000"], 0.01, None) for text in texts])
        for texts in ("ab", "ab", "ac")
    )

    assert one.digest == same.digest != other.digest
