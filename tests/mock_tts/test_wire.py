"""Bodies and queries."""

import pytest

from mock_tts.errors import ApiError
from mock_tts.wire import MAX_INPUT_CHARS, SpeechBody, SpeechQuery, parse_body, parse_query


def test_out_of_range_voice_settings_are_accepted() -> None:
    """The public schema states no bounds, so there are none here."""
    body = parse_body(SpeechBody, b'{"text": "a", "voice_settings": {"stability": 7, "speed": -1}}')

    assert body.voice_settings is not None
    assert body.voice_settings.stability == 7


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", "missing"),
        (b"[]", "model_type"),
        (b'{"text": 5}', "string_type"),
        (b'{"text": "a", "seed": -1}', "greater_than_equal"),
        (b'{"text": "a", "voice_settings": {"speed": NaN}}', "finite_number"),
        (b'{"text": "a", "previous_request_ids": ["1", "2", "3", "4"]}', "too_long"),
    ],
)
def test_wrong_shapes_are_rows(raw: bytes, kind: str) -> None:
    """A 422 names the place under ``body``."""
    with pytest.raises(ApiError) as caught:
        parse_body(SpeechBody, raw)

    assert caught.value.problem.http_status == 422
    assert caught.value.rows is not None
    assert caught.value.rows[0]["type"] == kind
    assert caught.value.rows[0]["loc"][0] == "body"


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b'{"text": "\\ud800"}'])
def test_what_is_no_json_is_a_400(raw: bytes) -> None:
    """Broken text and broken Unicode alike."""
    with pytest.raises(ApiError) as caught:
        parse_body(SpeechBody, raw)

    assert caught.value.problem.code == "malformed_json"


def test_query_names_its_place_and_repeats_little() -> None:
    """A long wrong value is cut in the answer."""
    with pytest.raises(ApiError) as caught:
        parse_query(SpeechQuery, b"enable_logging=" + b"x" * 5000)

    assert caught.value.rows is not None
    assert caught.value.rows[0]["loc"] == ["query", "enable_logging"]
    assert len(caught.value.rows[0]["input"]) == MAX_INPUT_CHARS
