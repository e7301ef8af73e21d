"""The [load] section: what it accepts, what it refuses in one line, what it becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from harness.model import LoadKind
from harness.model.load import ArrivalModel, Arrivals, Backend, Ending, Spacing, StreamKind
from harness.plan.load import LoadSection


def _section(**values: Any) -> LoadSection:
    return LoadSection.model_validate(values)


def test_an_empty_section_speaks_the_projects_own_wire() -> None:
    """Nothing has to be mapped for a backend that follows it."""
    assert _section().backend("http://127.0.0.1:8200") == Backend("http://127.0.0.1:8200")
    assert _section().arrival_model(60.0) == Arrivals(ArrivalModel.OPEN, Spacing.POISSON, 10, 0.5)


def test_the_stream_kind_brings_its_own_path() -> None:
    """Unless another is given."""
    websocket = _section(stream="websocket").backend("http://x")

    assert websocket.stream is StreamKind.WEBSOCKET
    assert websocket.stream_path == "/api/voice/stream?dialogueId={dialogue}"
    assert _section(**{"stream-path": "/s/{dialogue}"}).backend("http://x").stream_path == "/s/{dialogue}"


def test_a_backend_of_another_shape_is_mapped() -> None:
    """Asked over its socket, other words, no index, no goodbye; keys as people write them in TOML."""
    backend = _section(
        **{
            "stream": "websocket",
            "converse-path": "",
            "stream-path": "/talk/{dialogue}",
            "close-path": "",
            "headers": {"Authorization": "Bearer abc"},
            "text-field": "say",
            "dialogue-field": "session",
            "body": {"lang": "en", "speed": 1.5},
            "event-field": "kind",
            "data-field": "",
            "audio-event": "speech",
            "done-event": "",
            "error-event": "",
            "audio-field": "pcm",
            "index-field": "",
            "final-field": "end",
            "forbidden-fields": [],
            "texts": ["Hello {n}"],
        }
    ).backend("http://x")

    assert backend.converse_path is backend.close_path is backend.data_field is backend.done_event is None
    assert backend.error_event is backend.index_field is None
    assert json.loads(backend.body_json) == {"lang": "en", "speed": 1.5}
    assert backend.headers == (("Authorization", "Bearer abc"),)
    assert (backend.text_field, backend.final_field, backend.texts) == ("say", "end", ("Hello {n}",))


def test_times_are_written_with_units() -> None:
    """And come out in seconds."""
    section = _section(**{"burst-gap": "17ms", "hold": "3s", "timeout": "1m", "think": "30s", "arrivals": "closed"})

    assert (section.burst_gap_s, section.hold_s, section.timeout_s) == (0.017, 3.0, 60.0)
    assert section.arrival_model(10.0).think_s == 3.0
    assert section.arrival_model(10.0).model is ArrivalModel.CLOSED


def test_kinds_endings_and_bursts_are_lists_of_known_words() -> None:
    """As the plan of a user who wants less than everything."""
    section = _section(kinds=["normal", "disconnect"], endings=["half_open", "silent"], bursts=[2, 3])

    assert section.kinds == (LoadKind.NORMAL, LoadKind.DISCONNECT)
    assert section.endings == (Ending.HALF_OPEN, Ending.SILENT)
    assert section.bursts == (2, 3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"converse_path": "api"}, "expected a path such as"),
        ({"stream_path": "/s/{user}"}, "expected no placeholder but {dialogue}"),
        ({"close_path": "/a b"}, "without blanks"),
        ({"converse_path": ""}, "expected converse-path, or stream = 'websocket'"),
        (
            {"converse_path": "", "stream": "websocket", "dialogue_answer_field": "id"},
            "expected converse-path with dialogue-answer-field",
        ),
        ({"headers": {"Bad Name": "x"}}, "expected a header's name"),
        ({"headers": {"X": "a\r\nY: b"}}, "expected one line of printable ASCII"),
        ({"text_field": " "}, "expected a name"),
        ({"kinds": ["normal", "normal"]}, "expected each kind once"),
        ({"kinds": []}, "at least 1 item"),
        ({"kinds": ["shouting"]}, "Input should be 'normal', 'duplicate' or 'disconnect'"),
        ({"bursts": [1]}, "greater than or equal to 2"),
        ({"users": 0}, "greater than 0"),
        ({"timeout": "soon"}, "expected a duration"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_mistakes_are_refused_with_what_was_expected(values: dict[str, Any], words: str) -> None:
    """Each in one sentence."""
    with pytest.raises(ValidationError) as error:
        _section(**values)

    assert words in error.value.errors()[0]["msg"]


def test_a_secret_in_a_header_is_not_quoted_in_the_error() -> None:
    """Only the header's name is."""
    with pytest.raises(ValidationError) as error:
        _section(headers={"Authorization": "Bearer très-secret"})

    assert "secret" not in error.value.errors()[0]["msg"]
