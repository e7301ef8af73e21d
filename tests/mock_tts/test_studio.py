"""What a socket asks of the server."""

import time

from mock_tts.catalog import MODELS, PLANS
from mock_tts.faults import NO_EFFECTS, Route
from mock_tts.formats import FORMATS
from mock_tts.profile import PROFILES
from mock_tts.service import Service
from mock_tts.settings import Settings
from mock_tts.studio import SocketDesk
from mock_tts.voicebox import Line


def desk(settings: Settings) -> SocketDesk:
    model, audio_format = MODELS["eleven_flash_v2_5"], FORMATS["pcm_8000"]
    return SocketDesk(Service(settings), Route.STREAM_INPUT, "v", model, audio_format, NO_EFFECTS)


def test_tokens_open_a_socket_once() -> None:
    """A single-use token counts as a credential, the second time it does not."""
    strict = desk(Settings(keys=frozenset({"good"})))
    strict.service.tokens.issue("t", time.monotonic())

    assert strict.authorize("good") is None
    assert [strict.authorize("t"), strict.authorize("t")] == [None, ("invalid_api_key", "Invalid API key")]


def test_tokens_open_a_socket_once_where_any_key_is_good() -> None:
    """What was issued here is known, and not mistaken for a key when it is used up or was not for speaking."""
    here = desk(Settings())
    here.service.tokens.issue("t", time.monotonic())
    here.service.tokens.issue("scribe", time.monotonic(), speaks=False)
    refused = ("invalid_api_key", "Invalid API key")

    assert here.authorize("any") is None
    assert [here.authorize("t"), here.authorize("t"), here.authorize("scribe")] == [None, refused, refused]


def test_speed_of_the_voice_settings_is_heard() -> None:
    """A faster context is shorter; a speed that is no number is ignored."""
    here = desk(Settings(profile=PROFILES["instant"]))
    slow, fast, odd = (here.studio({"speed": speed}).record([Line("Hello.", "")])[0] for speed in (1.0, 1.2, "x"))

    assert fast.frame_count < slow.frame_count == odd.frame_count


def test_waiting_for_a_slot_is_counted_and_undone() -> None:
    """A socket over the plan's limit queues once, however often it asks."""
    here = desk(Settings(profile=PROFILES["instant"], plan=PLANS["free"]))
    holders = [here.studio(None) for _ in range(4)]
    assert [holder.enter() for holder in holders] == [None] * 4
    waiting = here.studio(None)

    assert waiting.enter() == waiting.enter() == 0.001
    assert here.service.slots.waiting == 1
    waiting.stop_waiting()
    for holder in holders:
        holder.leave()
    assert (here.service.slots.waiting, here.service.slots.active.total()) == (0, 0)
