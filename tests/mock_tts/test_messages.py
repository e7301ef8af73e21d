"""Client messages of the sockets."""

import pytest

from mock_tts.messages import BadMessage, DialogueMessage, SpeechMessage, parse_message, same_settings


def test_every_spelling_of_a_credential_is_read() -> None:
    """Dashes, underscores, a bearer token, a single-use token."""
    raws = ('{"xi-api-key": "k"}', '{"xi_api_key": "k"}', '{"authorization": "Bearer k"}', '{"single_use_token": "k"}')

    assert [parse_message(SpeechMessage, raw).credential for raw in raws] == ["k"] * 4
    assert parse_message(DialogueMessage, raws[0]).credential == "k"


def test_both_spellings_of_a_context_are_read() -> None:
    """snake_case wins when both are there."""
    assert parse_message(SpeechMessage, '{"contextId": "a"}').context == "a"
    assert parse_message(SpeechMessage, '{"contextId": "a", "context_id": "b"}').context == "b"


def test_older_name_of_the_schedule_is_read() -> None:
    """``generator_config`` means ``generation_config``."""
    raw = '{"generator_config": {"chunk_length_schedule": [50, 90]}}'

    assert parse_message(SpeechMessage, raw).schedule == [50, 90]


@pytest.mark.parametrize("raw", [b"{}", "", "[]", '{"text": 1}', '{"flush": "yes"}', '{"generation_config": 3}'])
def test_wrong_messages_say_what_is_wrong(raw: str | bytes) -> None:
    """Binary frames, no JSON, wrong types."""
    with pytest.raises(BadMessage):
        parse_message(SpeechMessage, raw)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    """Voice settings have no fixed fields, and yet a NaN among them is no JSON."""
    with pytest.raises(BadMessage, match="voice_settings"):
        parse_message(SpeechMessage, f'{{"text": "a", "voice_settings": {{"speed": {number}}}}}')


def test_absent_settings_equal_empty_ones() -> None:
    """The order of keys does not matter either."""
    assert same_settings(None, {})
    assert same_settings({"a": 1, "b": 2}, {"b": 2, "a": 1.0})
    assert not same_settings({}, {"speed": 1})
