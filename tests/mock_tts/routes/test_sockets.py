"""The WebSocket endpoints over real sockets: upgrade, audio, errors, closes."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from mock_tts.faults import Fault, Kind
from mock_tts.session import SpeechSession
from mock_tts.settings import Choices
from tests.mock_tts.conftest import INSTANT, VOICE_ID, Mock

SINGLE = f"/v1/text-to-speech/{VOICE_ID}/stream-input"
MULTI = f"/v1/text-to-speech/{VOICE_ID}/multi-stream-input"
KEY = {"xi-api-key": "k"}


def open_socket(mock: Mock, path: str, headers: dict[str, str] | None = None) -> ClientConnection:
    return connect(
        mock.ws_url + path, additional_headers=KEY if headers is None else headers, proxy=None, open_timeout=10
    )


def rest(socket: ClientConnection) -> tuple[list[Any], int, str]:
    """Every message until the close, its code and its reason."""
    messages: list[Any] = []
    with pytest.raises(ConnectionClosed) as caught:  # noqa: PT012 - the close is what ends the reading
        while True:
            messages.append(json.loads(socket.recv(timeout=20)))
    assert caught.value.rcvd is not None
    return messages, caught.value.rcvd.code, caught.value.rcvd.reason


def test_single_socket_speaks_and_closes_with_1000(mock: Mock) -> None:
    """Audio, one final, an explicit 1000; nothing was negotiated."""
    with open_socket(mock, f"{SINGLE}?output_format=mp3_44100_128&model_id=Ellipsis") as socket:
        assert socket.protocol.extensions == []
        socket.send(json.dumps({"text": " ", "voice_settings": None, "xi_api_key": "k"}))
        socket.send(json.dumps({"text": "The quick brown fox jumps over the lazy dog now."}))
        socket.send(json.dumps({"text": ""}))
        messages, code, reason = rest(socket)

    audio = [base64.b64decode(one["audio"]) for one in messages if one["audio"]]
    assert (code, reason) == (1000, "")
    assert audio[0].startswith(b"ID3")
    assert messages[-1]["isFinal"] is True
    assert all(one["isFinal"] is None for one in messages[:-1])


def test_contexts_of_one_socket_interleave(mock: Mock) -> None:
    """Two contexts speak on one socket; each gets its own audio and one final."""
    with open_socket(mock, f"{MULTI}?output_format=pcm_16000&auto_mode=true") as socket:
        for name in ("a", "b", "a", "b"):
            socket.send(json.dumps({"text": "Hi there. ", "context_id": name}))
        socket.send(json.dumps({"close_socket": True}))
        messages, code, _ = rest(socket)

    finals = [one["contextId"] for one in messages if one["isFinal"]]
    assert sorted(finals) == ["a", "b"]
    assert [sum(one["contextId"] == name and bool(one["audio"]) for one in messages) for name in "ab"] == [2, 2]
    assert code == 1000


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{SINGLE}?model_id=eleven_v3", 400, "unsupported_model"),
        (f"{MULTI}?model_id=eleven_v4_x", 400, "unsupported_model"),
        (f"{SINGLE}?output_format=wav_8000", 403, "invalid_output_format"),
        ("/v1/text-to-speech/nothing-here", 404, "not_found"),
    ],
)
def test_upgrade_is_refused_over_http(mock: Mock, path: str, status: int, code: str) -> None:
    """What is wrong before the upgrade is an HTTP answer with ``detail``."""
    with pytest.raises(InvalidStatus) as caught:
        open_socket(mock, path)

    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body)["detail"]["code"] == code


def test_bad_query_is_a_422_at_the_upgrade(mock: Mock) -> None:
    """A switch that is none is refused with FastAPI's row."""
    with pytest.raises(InvalidStatus) as caught:
        open_socket(mock, f"{SINGLE}?auto_mode=banana")

    assert caught.value.response.status_code == 422


def test_keys_are_refused_after_the_upgrade(make_mock: Callable[..., Mock]) -> None:
    """A bad header key is told at once, a missing one after the first message; both close with 1008."""
    mock = make_mock(replace(INSTANT, keys=frozenset({"good"})))
    with open_socket(mock, SINGLE, {"xi-api-key": "bad"}) as socket:
        messages, code, reason = rest(socket)
    assert (messages[0]["error"], code, reason) == ("invalid_api_key", 1008, "Invalid API key")

    with open_socket(mock, SINGLE, {}) as socket:
        socket.send('{"text": " "}')
        messages, code, _ = rest(socket)
    assert (messages[0]["error"], code) == ("authentication_required", 1008)

    with open_socket(mock, f"{SINGLE}?authorization=good", {}) as socket:
        socket.send('{"text": ""}')
        assert rest(socket)[1] == 1000


def test_inactivity_closes_with_1008(mock: Mock) -> None:
    """After the timeout of the query, with the API's words; pings do not count."""
    with open_socket(mock, f"{SINGLE}?inactivity_timeout=1") as socket:
        socket.ping()
        messages, code, reason = rest(socket)

    assert "within the timeout of 1.0 seconds" in messages[0]["message"]
    assert (code, len(reason)) == (1008, 123)


@pytest.mark.parametrize("path", [SINGLE, MULTI, "/v1/text-to-dialogue/stream-input"])
@pytest.mark.parametrize("message", ["{", b"\x00\xff", "[]", '{"text": 5}', "x" * 100_000])
def test_bad_messages_close_with_1008(mock: Mock, path: str, message: str | bytes) -> None:
    """Text that is no message and binary frames get one error each."""
    with open_socket(mock, path) as socket:
        socket.send(message)
        (error,), code, _ = rest(socket)

    assert (error["error"], code) == ("invalid_input_message", 1008)


def test_ten_megabytes_of_text_are_refused(mock: Mock) -> None:
    """A text above the model's limit is told so; the socket closes with 1008."""
    with open_socket(mock, SINGLE) as socket:
        socket.send(json.dumps({"text": "x" * 10_000_000}))
        (error,), code, _ = rest(socket)

    assert (error["error"], code) == ("max_character_limit_exceeded", 1008)


def test_dialogue_socket_speaks_in_turns(mock: Mock) -> None:
    """snake_case throughout; the end of a turn and the final are messages of their own."""
    with open_socket(mock, "/v1/text-to-dialogue/stream-input?model_id=eleven_v3&output_format=pcm_16000") as socket:
        socket.send(json.dumps({"voices": ["a", "b"]}))
        inputs = [{"text": "Hello.", "voice_id": "a"}, {"text": "Yes?", "voice_id": "b", "new_turn": True}]
        socket.send(json.dumps({"inputs": inputs, "flush": True}))
        socket.send(json.dumps({"close_socket": True}))
        messages, code, _ = rest(socket)

    assert [("audio" in one, "is_final_audio_for_turn" in one, "is_final" in one) for one in messages] == [
        (True, False, False),
        (False, True, False),
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert messages[0]["alignment"].keys() == {"chars", "char_start_times_ms", "char_durations_ms"}
    assert code == 1000


def test_faults_on_sockets(make_mock: Callable[..., Mock]) -> None:
    """Refused upgrade, wrong close code and a cut come from the plan; the ledger balances."""
    mock = make_mock(
        faults=(
            Fault(kind=Kind.STATUS, status=503, count=1),
            Fault(kind=Kind.CLOSE_CODE, close_code=1011, after=1, count=1),
            Fault(kind=Kind.CUT, at=0.0, after=2, count=1),
        )
    )
    with pytest.raises(InvalidStatus):
        open_socket(mock, SINGLE)
    with open_socket(mock, SINGLE) as socket:
        socket.send('{"text": ""}')
        assert rest(socket)[1] == 1011
    with open_socket(mock, SINGLE) as socket:
        socket.send('{"text": "Hi.", "flush": true}')
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=10)
    assert caught.value.rcvd is None


def test_busy_socket_may_be_refused_at_the_upgrade(make_mock: Callable[..., Mock]) -> None:
    """The form of the refusal is an option: a frame, or HTTP 429."""
    choices = Choices(socket_busy="upgrade", retry_after="3")
    mock = make_mock(replace(INSTANT, choices=choices), (Fault(kind=Kind.CONCURRENCY, limit=0),))
    with pytest.raises(InvalidStatus) as caught:
        open_socket(mock, SINGLE)

    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["retry-after"] == "3"
    assert mock.service.ledger.statuses == {"429": 1}


def test_ledger_balances_after_clients_vanish(make_mock: Callable[..., Mock]) -> None:
    """Sockets dropped in the middle of speech leave nothing open."""
    mock = make_mock(replace(INSTANT, profile=INSTANT.profile.model_copy(update={"realtime_factor": 1.0})))
    for _ in range(5):
        with open_socket(mock, MULTI) as socket:
            socket.send(json.dumps({"text": "Hello there. " * 20, "context_id": "a", "flush": True}))
            socket.recv(timeout=10)
            socket.socket.close()
    asyncio.run(_until(lambda: mock.service.ledger.gauges.open_sockets == 0))

    gauges = mock.service.ledger.gauges
    assert (gauges.open_contexts, gauges.generating, mock.service.slots.active.total()) == (0, 0, 0)
    assert mock.service.ledger.aborted == 5


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the mock runs in another thread
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("speed", ["NaN", "1" + "0" * 400])
def test_no_speed_leaves_a_socket_hanging(make_mock: Callable[..., Mock], speed: str) -> None:
    """A speed that is no number is refused, one that is far too large is clamped; nothing stays taken."""
    mock = make_mock()
    with open_socket(mock, MULTI) as socket:
        socket.send(f'{{"text": "Hi.", "flush": true, "voice_settings": {{"speed": {speed}}}}}')
        socket.send('{"close_socket": true}')
        messages, code, _ = rest(socket)

    assert (code, len(messages)) == ((1008, 1) if speed == "NaN" else (1000, 2))
    asyncio.run(_until(lambda: mock.service.ledger.gauges.open_sockets == 0))
    assert (mock.service.ledger.gauges.generating, mock.service.slots.active.total()) == (0, 0)


def test_mistake_of_the_server_ends_the_socket(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that fails is a closed socket, not one that nobody reads any more."""

    def fail(*_: object) -> None:
        raise LookupError("on purpose")

    monkeypatch.setattr(SpeechSession, "receive", fail)
    with open_socket(mock, SINGLE) as socket:
        socket.send('{"text": " "}')
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
