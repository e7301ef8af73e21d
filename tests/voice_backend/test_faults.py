"""Tests of ``voice_backend.faults``."""

from pathlib import Path

import pytest

from voice_backend import events
from voice_backend.answer import answer_sentences
from voice_backend.faults import (
    AUDIO_BYTES_PER_CHUNK,
    DIALOGUE_BYTES_PER_QUERY_WITHOUT_TEXT,
    REGISTRY,
    TRACKER_SAMPLE_BYTES,
    Fault,
    Switch,
)


def test_the_registry_holds_every_fault_once_in_the_incidents_order() -> None:
    """Five causes, five rows, none with an empty field."""
    assert [facts.fault for facts in REGISTRY] == list(Fault)
    assert all(facts.cause and facts.retains and facts.fix and facts.shown_by for facts in REGISTRY)


def test_a_dialogues_expected_bytes_are_those_of_its_events() -> None:
    """The registry's constant is the sum of seven encoded events without the user's characters."""
    sentences = answer_sentences("")
    audio = bytes(AUDIO_BYTES_PER_CHUNK)
    buffered = [
        events.text_chunk("user", ""),
        events.text_chunk("assistant", " ".join(sentences)),
        *(events.audio_chunk(audio, index, text, is_final=index == 3) for index, text in enumerate(sentences)),
        events.done(),
    ]

    assert sum(len(event.data) for event in buffered) == DIALOGUE_BYTES_PER_QUERY_WITHOUT_TEXT


def test_the_trackers_hour_follows_the_time_scale() -> None:
    """60 samples an hour, times the scale."""
    tracker = REGISTRY[-1]

    assert tracker.retained_bytes_per_hour == 60 * TRACKER_SAMPLE_BYTES
    assert tracker.retained_bytes_per_hour_at(10) == 600 * TRACKER_SAMPLE_BYTES


@pytest.mark.parametrize(
    ("strength", "expected"), [(0.0, 0), (0.1, 10), (0.25, 25), (1 / 3, 33), (0.7, 70), (1.0, 100)]
)
def test_a_strength_strikes_that_share_of_the_time(strength: float, expected: int) -> None:
    """Evenly spaced: exact after any number of occasions, not only on average."""
    switch = Switch(strength)

    assert sum(switch.strikes() for _ in range(100)) == expected


def test_a_tenth_strikes_once_in_each_ten() -> None:
    """No two strikes within the same ten occasions."""
    switch = Switch(0.1)
    strikes = [switch.strikes() for _ in range(50)]

    assert [sum(strikes[start : start + 10]) for start in range(0, 50, 10)] == [1] * 5


def test_the_documentation_says_what_the_registry_says() -> None:
    """Every fault, its trigger's row and each of its figures."""
    text = (Path(__file__).parents[2] / "docs" / "voice-backend.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    for facts in REGISTRY:
        figures = (facts.retained_bytes_per_trigger, facts.retained_bytes_per_hour, facts.extra_answer_bytes)

        assert [f"{figure:,}" in rows[facts.fault] for figure in figures if figure] == [True] * sum(map(bool, figures))
