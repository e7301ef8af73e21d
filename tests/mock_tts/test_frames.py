"""Server messages of the sockets."""

import json

from mock_tts.frames import MAX_REASON_BYTES, dialogue_frames, error_frame, final_frame, reason_of, speech_frame
from mock_tts.speech import align
from mock_tts.voicebox import Piece

PIECE = Piece(b"\x00\xff", align("Hi", 200), None, ends_turn=True)


def test_audio_message_has_all_keys() -> None:
    """All four keys on a single socket, the id besides on the multi-context one; ids are escaped."""
    single = json.loads(speech_frame(PIECE, None))
    multi = json.loads(speech_frame(PIECE, {"contextId": 'a"b'}))

    assert single == {
        "audio": "AP8=",
        "isFinal": None,
        "alignment": {"chars": ["H", "i"], "charStartTimesMs": [0, 100], "charDurationsMs": [100, 100]},
        "normalizedAlignment": None,
    }
    assert multi == {**single, "contextId": 'a"b'}


def test_final_never_carries_audio() -> None:
    """Both spellings of the flag on multi."""
    assert json.loads(final_frame({"contextId": "a"})) == {
        "audio": None,
        "isFinal": True,
        "is_final": True,
        "contextId": "a",
    }


def test_dialogue_is_snake_case() -> None:
    """The end of a turn is a message of its own."""
    audio, turn = map(json.loads, dialogue_frames(PIECE, {"context_id": "a"}))

    assert audio["alignment"]["char_durations_ms"] == [100, 100]
    assert turn == {"is_final_audio_for_turn": True, "context_id": "a"}


def test_reasons_fit_a_close_frame() -> None:
    """Cut at 123 bytes, never inside a character."""
    assert len(reason_of("\u20ac" * 100).encode()) <= MAX_REASON_BYTES
    assert reason_of("short") == "short"
    named = {"message": "m", "error": "e", "code": 1008, "param": "p"}
    assert json.loads(error_frame("m", "e", 1008, param="p")) == named
