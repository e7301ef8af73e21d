"""Requests become orders."""

import asyncio
import io
import json

import av
import pytest

from mock_tts.call import Order
from mock_tts.errors import ApiError
from mock_tts.faults import Route
from mock_tts.packing import whole_file
from mock_tts.profile import PROFILES
from mock_tts.routes.orders import _KEPT_ORDERS, OrderBook
from mock_tts.service import Service
from mock_tts.settings import Settings


def book() -> OrderBook:
    return OrderBook(Service(Settings(profile=PROFILES["instant"])))


def order(of: OrderBook, route: Route, body: object, query: bytes = b"output_format=pcm_8000") -> Order:
    return asyncio.run(of.recorded(of.asked(route, "v", query, json.dumps(body).encode())))


def test_same_request_is_the_same_order() -> None:
    """The bytes decide: another body, query or route is another order."""
    here = book()
    first = order(here, Route.CONVERT, {"text": "Hi."})

    assert order(here, Route.CONVERT, {"text": "Hi."}) is first
    assert order(here, Route.WITH_TIMESTAMPS, {"text": "Hi."}) is not first
    assert order(here, Route.CONVERT, {"text": "Hi."}, b"output_format=pcm_16000") is not first


def test_kept_orders_are_bounded() -> None:
    """However many texts are asked for; long ones are not kept at all."""
    here = book()
    for number in range(2 * _KEPT_ORDERS):
        order(here, Route.CONVERT, {"text": f"Text {number}."})
    order(here, Route.CONVERT, {"text": "x" * 5000})

    assert len(here._recent) == _KEPT_ORDERS


def test_dialogue_is_aligned_line_by_line() -> None:
    """Segments meet in text and time, the last one ends with the audio."""
    inputs = [{"text": "Hello there.", "voice_id": "a"}, {"text": "Yes?", "voice_id": "b"}]
    said = order(book(), Route.DIALOGUE_WITH_TIMESTAMPS, {"inputs": inputs})
    first, second = said.segments

    assert "".join(said.alignment.chars) == said.text == "Hello there.Yes?"
    assert (first.stop_char, first.stop_ms) == (second.start_char, second.start_ms)
    assert second.stop_ms == said.alignment.edges_ms[-1] == said.speech.duration_ms


@pytest.mark.parametrize("route", [Route.WITH_TIMESTAMPS, Route.DIALOGUE_WITH_TIMESTAMPS])
@pytest.mark.parametrize("name", ["mp3_44100_128", "mp3_24000_48", "m4a_aac_44100_128", "opus_48000_64", "wav_8000"])
def test_alignment_ends_with_what_is_heard_of_a_whole_file(route: Route, name: str) -> None:
    """Also where the first frame of the file is the "Info" frame, which no decoder plays."""
    inputs = [{"text": "Hello there.", "voice_id": "a"}, {"text": "Yes?", "voice_id": "b"}]
    body = {"inputs": inputs} if route is Route.DIALOGUE_WITH_TIMESTAMPS else {"text": "Hello there."}
    said = order(book(), route, body, f"output_format={name}".encode())
    with av.open(io.BytesIO(whole_file(said.speech)), mode="r") as container:
        heard_s = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))

    assert said.alignment.edges_ms[-1] == round(heard_s * 1000)
    assert not said.segments or said.segments[-1].stop_ms == said.alignment.edges_ms[-1]


def test_too_many_voices_are_refused() -> None:
    """Ten distinct ones are the limit."""
    inputs = [{"text": "Hi.", "voice_id": str(number)} for number in range(11)]
    with pytest.raises(ApiError, match="at most 10 distinct voices"):
        order(book(), Route.DIALOGUE, {"inputs": inputs})
