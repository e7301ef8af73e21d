"""Which path means what."""

import pytest

from mock_tts.app import socket_route, speech_route
from mock_tts.faults import Route


def scope(path: str, raw: str | None = None) -> dict[str, object]:
    return {"path": path, "raw_path": (path if raw is None else raw).encode()}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/text-to-speech/abc", (Route.CONVERT, "abc")),
        ("/v1/text-to-speech/abc/stream/with-timestamps", (Route.STREAM_WITH_TIMESTAMPS, "abc")),
        ("/v1/text-to-dialogue/stream", (Route.DIALOGUE_STREAM, "")),
        ("/v1/text-to-speech/", None),
        ("/v1/text-to-speech/abc/", None),
        ("/v1/text-to-dialogues", None),
    ],
)
def test_speech_paths(path: str, found: tuple[Route, str] | None) -> None:
    """Four endpoints a family; no trailing slash, no redirect."""
    assert speech_route(scope(path)) == found


def test_escaped_slashes_belong_to_the_voice() -> None:
    """A voice id may hold anything that the client escaped."""
    assert speech_route(scope("/v1/text-to-speech/a/b", "/v1/text-to-speech/a%2Fb")) == (Route.CONVERT, "a/b")


def test_socket_paths() -> None:
    """Two a family; the dialogue ones have no voice."""
    assert socket_route(scope("/v1/text-to-speech/v/multi-stream-input")) == (Route.MULTI_STREAM_INPUT, "v")
    assert socket_route(scope("/v1/text-to-dialogue/stream-input")) == (Route.DIALOGUE_STREAM_INPUT, "")
    assert socket_route(scope("/v1/text-to-speech/v/stream")) is None
