"""Encoded speech: bounded, deterministic, cut on frame borders."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from mock_tts.audio import ClipBank
from mock_tts.formats import DEFAULT_FORMAT, FORMATS

BANK = ClipBank(seed=3)


def test_same_text_voice_and_seed_give_the_same_bytes() -> None:
    """Two banks of one seed agree; another seed, voice or text differs."""

    def audio(bank: ClipBank, text: str, voice_id: str, seed: int | None) -> bytes:
        return bank.speak(text, voice_id, DEFAULT_FORMAT, 3.0, seed).body(0, 114)

    first = audio(BANK, "Hello.", "v", None)
    assert audio(ClipBank(seed=3), "Hello.", "v", None) == first
    others = [audio(BANK, "Hallo.", "v", None), audio(BANK, "Hello.", "w", None), audio(BANK, "Hello.", "v", 1)]
    assert first not in [*others, audio(ClipBank(seed=4), "Hello.", "v", None)]


@settings(deadline=None)
@given(st.sampled_from(["mp3_44100_128", "pcm_8000", "opus_48000_32"]), st.lists(st.integers(0, 200), max_size=8))
def test_pieces_join_to_the_whole(name: str, cuts: list[int]) -> None:
    """Wherever an utterance is cut, its pieces are the same bytes."""
    said = BANK.speak("Any text.", "v", FORMATS[name], 4.0, None)
    edges = sorted({0, said.frame_count, *(cut * said.frame_count // 200 for cut in cuts)})
    pieces = [said.body(first, last) for first, last in itertools.pairwise(edges)]

    assert b"".join(pieces) == said.body(0, said.frame_count)
    assert b"".join(said.frames(0, said.frame_count)) == said.body(0, said.frame_count)


def test_clips_are_few_whatever_is_asked_for() -> None:
    """A thousand voices share four clips of a format."""
    bank = ClipBank(seed=1)
    for number in range(1000):
        bank.prepare(FORMATS["ulaw_8000"], f"voice {number}")

    assert len(bank._clips) == 4


def test_duration_is_that_of_whole_frames() -> None:
    """An utterance is as long as a decoder will measure."""
    said = BANK.speak("x", "v", DEFAULT_FORMAT, 3.1768, None)

    assert said.frame_count == 121
    assert said.duration_ms == 3161
