"""What all routes share."""

from itertools import pairwise

import pytest

from mock_tts.errors import ApiError
from mock_tts.formats import DEFAULT_FORMAT, FORMATS
from mock_tts.service import _KEPT_BYTES, Service
from mock_tts.settings import Choices, Settings


def test_ids_have_the_shapes_of_the_api() -> None:
    """20 base62 characters, 32 hex digits, never the same twice, the same again with the same seed."""
    service, twin = Service(Settings(seed=1)), Service(Settings(seed=1))
    ids = [service.base62_id() for _ in range(100)]

    assert all(len(one) == 20 and one.isalnum() for one in ids)
    assert all(one != other for one, other in pairwise(ids))
    assert ids == [twin.base62_id() for _ in range(100)]
    assert len(service.hex_id()) == 32


def test_kept_answers_are_bounded() -> None:
    """A thousand texts later, no more than 8 MiB is kept, and the last one is."""
    service = Service(Settings())
    for number in range(1000):
        said = service.speak(f"Text number {number}, of a common length.", "v", DEFAULT_FORMAT)
        data = service.file_of(said)

    assert service._kept_bytes == sum(len(kept) for kept, _ in service._kept.values()) <= _KEPT_BYTES
    assert service.file_of(said) is data


def test_chunks_are_counted_by_their_body() -> None:
    """The framing is ready to send; the size is that of the audio."""
    service = Service(Settings())
    said = service.speak("Hi.", "v", DEFAULT_FORMAT)

    assert service.framed_of(said, iter([b"ab", b"c"])) == (b"2\r\nab\r\n1\r\nc\r\n", 3)


def test_any_key_but_an_empty_one() -> None:
    """The default; a list is strict."""
    Service(Settings()).check_key("x")
    for settings, key in ((Settings(), ""), (Settings(keys=frozenset({"a"})), "b")):
        with pytest.raises(ApiError):
            Service(settings).check_key(key)


def test_content_type_of_aac_is_a_choice() -> None:
    """The API's own is not on record; all others are."""
    chosen = Service(Settings(choices=Choices(aac_content_type="audio/aac")))

    assert [Service(Settings()).content_type(FORMATS["m4a_aac_44100_128"]), chosen.content_type(DEFAULT_FORMAT)] == [
        "audio/mp4",
        "audio/mpeg",
    ]
    assert chosen.content_type(FORMATS["m4a_aac_44100_128"]) == "audio/aac"
