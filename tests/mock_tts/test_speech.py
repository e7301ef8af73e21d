"""Durations and alignments."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_tts.speech import align, normalized, speech_s


def test_speaking_rate_is_the_fitted_one() -> None:
    """0.25 s plus a second per 16.4 characters, divided by a speed between 0.7 and 1.2; Chinese is slower."""
    assert speech_s("x" * 164) == pytest.approx(10.25)
    assert speech_s("x" * 164, 1.2) == speech_s("x" * 164, 9.0) == pytest.approx(10.25 / 1.2)
    assert speech_s("\u4f60" * 9) == pytest.approx(2.25)


@given(st.text(min_size=1, max_size=60), st.integers(1, 5000), st.lists(st.integers(0, 5000), max_size=5))
def test_parts_hold_every_character_once(text: str, duration_ms: int, cuts: list[int]) -> None:
    """Wherever an alignment is cut, its parts add up, and the last edge is the duration."""
    whole = align(text, duration_ms)
    edges = sorted({0, *cuts, duration_ms + 1})
    parts = [whole.part(start, stop) for start, stop in itertools.pairwise(edges)]
    chars = [char for part in parts if part is not None for char in part.chars]

    assert "".join(chars[: len(text)]) == text
    assert whole.starts_ms[-1] + whole.durations_ms[-1] == duration_ms
    assert min(whole.durations_ms) >= 0


def test_normalised_alignment_starts_with_a_blank() -> None:
    """35 ms are taken from the first letter; the end stays."""
    said = normalized(align("Hi", 200))

    assert said.chars == (" ", "H", "i")
    assert said.edges_ms == (0, 35, 100, 200)
    assert said.moved(10).starts_ms == (10, 45, 110)
