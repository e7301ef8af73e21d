"""The rules of the text-to-speech sockets, without sockets and without waiting."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_tts.catalog import MODELS
from mock_tts.faults import NO_EFFECTS, Effects, Fault, Kind, Route
from mock_tts.formats import FORMATS
from mock_tts.ledger import Ledger
from mock_tts.profile import PROFILES
from mock_tts.service import Service
from mock_tts.session import SpeechSession
from mock_tts.settings import Choices, Settings
from mock_tts.socket_rules import Aborting, Closing, Outcome, SocketRules
from mock_tts.studio import SocketDesk

SERVICE = Service(Settings(seed=1, profile=PROFILES["instant"]))
BYTES_PER_MS = 48


class Socket:
    """A session with a clock that the test moves."""

    def __init__(
        self, multi: bool = False, effects: Effects = NO_EFFECTS, service: Service = SERVICE, **rules: Any
    ) -> None:
        desk = SocketDesk(
            *(service, Route.STREAM_INPUT, "v", MODELS["eleven_flash_v2_5"], FORMATS["pcm_24000"], effects),
            sync_alignment=rules.pop("sync_alignment", False),
        )
        self.now_s = 100.0
        wanted = SocketRules(multi=multi, key=rules.pop("key", "k"), effects=effects, **rules)
        self.session = SpeechSession(wanted, desk, self.now_s)

    def say(self, message: Any) -> list[Any]:
        """Sends ``message`` and gives everything that is due."""
        self.session.receive(message if isinstance(message, str | bytes) else json.dumps(message), self.now_s)
        return self.due()

    def after(self, seconds: float) -> list[Any]:
        self.now_s += seconds
        return self.due()

    def due(self) -> list[Any]:
        out: list[Any] = []
        while (next_s := self.session.next_s) is not None and next_s <= self.now_s:
            out += [_decoded(outcome) for outcome in self.session.pull(self.now_s)]
        return out


def _decoded(outcome: Outcome) -> Any:
    return json.loads(outcome) if isinstance(outcome, str) else outcome


def _audio(messages: list[Any]) -> list[bytes]:
    return [base64.b64decode(one["audio"]) for one in messages if isinstance(one, dict) and one.get("audio")]


def test_twelve_characters_produce_nothing_before_the_end() -> None:
    """The default schedule waits for 120 characters; end of stream speaks the rest, sends one final, closes 1000."""
    socket = Socket()

    assert socket.say({"text": " "}) == []
    assert socket.say({"text": "Hello world."}) == []

    *audio, final, close = socket.say({"text": ""})
    assert len(_audio(audio)) == 1
    assert final == {"audio": None, "isFinal": True, "alignment": None, "normalizedAlignment": None}
    assert close == Closing(1000, "")


def test_schedule_of_fifty_generates_after_fifty_characters() -> None:
    """The first item of the schedule is the buffer length that starts the first generation."""
    socket = Socket()
    socket.say({"text": " ", "generation_config": {"chunk_length_schedule": [50]}})

    assert socket.say({"text": "x" * 49}) == []
    assert b"".join(_audio(socket.say({"text": "x"})))


def test_trigger_generates_from_fifty_characters() -> None:
    """``try_trigger_generation`` speaks a buffer of 50 characters and keeps a shorter one."""
    socket = Socket()

    assert socket.say({"text": "x" * 40, "try_trigger_generation": True}) == []
    assert _audio(socket.say({"text": "x" * 10, "try_trigger_generation": True}))


def test_flush_with_empty_text_is_no_end() -> None:
    """``{"text": "", "flush": true}`` speaks the buffer and leaves the socket open; the other reading is an option."""
    socket = Socket()
    socket.say({"text": "Hello world."})

    assert len(_audio(socket.say({"text": "", "flush": True}))) == 1
    assert not socket.session.ended

    other = Socket(choices=Choices(empty_flush="eos"))
    assert other.say({"text": "", "flush": True})[-1] == Closing(1000, "")


def test_auto_mode_speaks_every_message() -> None:
    """Four fragments become four generations."""
    socket = Socket(auto_mode=True)
    spoken = [len(_audio(socket.say({"text": part}))) for part in ("Hel", "lo", " world", ".")]

    assert spoken == [1, 1, 1, 1]


@pytest.mark.parametrize("sync", [False, True])
def test_alignment_adds_up_to_the_audio(sync: bool) -> None:
    """Last start plus last duration is the length of the generation's audio to the millisecond."""
    socket = Socket(sync_alignment=sync)
    text = "The quick brown fox jumps over the lazy dog. " * 4
    messages = socket.say({"text": text, "flush": True})
    aligned = [one["alignment"] for one in messages if one["alignment"]]
    last = aligned[-1]
    total_ms = sum(map(len, _audio(messages))) / BYTES_PER_MS

    assert last["charStartTimesMs"][-1] + last["charDurationsMs"][-1] == round(total_ms)
    assert "".join(char for one in aligned for char in one["chars"]) == text.strip() + " "
    assert (len(aligned) == len(messages)) is sync
    normal = messages[0]["normalizedAlignment"]
    assert normal["chars"][0] == " "
    assert normal["charDurationsMs"][0] == 35


def test_keep_alive_adds_no_audio_and_resets_the_clock() -> None:
    """A single blank is not heard, but the inactivity timer starts again."""
    socket = Socket()
    socket.say({"text": "Hello "})
    socket.after(19.0)
    socket.say({"text": " "})

    assert socket.after(19.0) == []
    assert _audio(socket.say({"text": ""})) == _audio(Socket().say({"text": "Hello ", "flush": True}))


def test_inactivity_ends_the_socket_with_a_reason_that_fits() -> None:
    """After 20 seconds without text: the API's message, then 1008 with its first 123 bytes."""
    error, close = Socket().after(20.0)

    assert error["error"] == "input_timeout_exceeded"
    assert error["code"] == close.code == 1008
    assert error["message"].startswith("Have not received a new text input within the timeout of 20.0 seconds.")
    assert len(close.reason) == 123
    assert error["message"].startswith(close.reason)


@pytest.mark.parametrize(
    "raw", ["", "{", "[]", "null", '{"text": 1}', "{}", b'{"text": "a"}', '{"flush": true}', '"\\ud800"']
)
def test_bad_messages_end_the_socket(raw: str | bytes) -> None:
    """What is no JSON object with a text gets the API's error and a close with 1008."""
    error, close = Socket().say(raw)

    assert error["error"] == "invalid_input_message"
    assert error["message"].startswith("Could not parse input message, ")
    assert close.code == 1008


def test_credentials_are_checked_in_the_right_place() -> None:
    """A bad header key is refused at once, a missing one with the first message, a good one in it is accepted."""
    strict = Service(Settings(profile=PROFILES["instant"], keys=frozenset({"good"})))
    error, close = Socket(key="bad", service=strict).due()
    assert (error["error"], close) == ("invalid_api_key", Closing(1008, "Invalid API key"))

    missing = Socket(key="", service=strict)
    assert missing.due() == []
    assert missing.say({"text": " "})[0]["error"] == "authentication_required"
    for field in ("xi_api_key", "xi-api-key", "authorization"):
        assert Socket(key="", service=strict).say({"text": " ", field: "good"}) == []


def test_unknown_voice_is_told_after_the_first_message() -> None:
    """With strict voices the upgrade succeeds and the first message is answered with the error."""
    strict = Service(Settings(profile=PROFILES["instant"], strict_voices=True))
    socket = Socket(service=strict)

    assert socket.due() == []
    error, close = socket.say({"text": " "})
    assert error["error"] == "voice_id_does_not_exist"
    assert error["message"] == "A voice with voice_id v does not exist."
    assert close.code == 1008


@pytest.mark.parametrize("multi", [False, True])
def test_voice_settings_may_not_change(multi: bool) -> None:
    """Settings come with the first message, later absent or the same."""
    socket = Socket(multi=multi)
    socket.say({"text": " ", "voice_settings": {"speed": 1.0}})

    assert socket.say({"text": "a", "voice_settings": {"speed": 1.0}}) == []
    error, close = socket.say({"text": "a", "voice_settings": {"speed": 1.1}})
    assert error["message"] == close.reason
    assert close.code == 1008


def test_multi_sends_one_final_per_context_after_its_audio() -> None:
    """Flush gives audio without a final; close_context gives exactly one, with both spellings of the id and flag."""
    socket = Socket(multi=True)
    socket.say({"text": " ", "context_id": "a"})
    audio = socket.say({"text": "Hi there.", "contextId": "a", "flush": True})

    assert [one["contextId"] for one in audio] == [one["context_id"] for one in audio] == ["a"]
    assert socket.say({"context_id": "a", "close_context": True}) == [
        {"audio": None, "isFinal": True, "is_final": True, "contextId": "a", "context_id": "a"}
    ]
    assert socket.say({"context_id": "a", "close_context": True}) == []


def test_closed_id_may_be_used_again() -> None:
    """A new context with the id of a closed one speaks, with a tag of its own."""
    socket = Socket(multi=True)
    for _ in range(2):
        assert len(_audio(socket.say({"text": "Hi there.", "context_id": "a", "flush": True}))) == 1
        assert socket.say({"context_id": "a", "close_context": True})[0]["isFinal"] is True


def test_unflushed_text_is_dropped_or_spoken_on_close() -> None:
    """What close_context does with text not yet flushed is an option; the default drops it."""
    for choice, count in (("drop", 0), ("speak", 1)):
        socket = Socket(multi=True, choices=Choices(unflushed_on_close=choice))
        socket.say({"text": "Hi there.", "context_id": "a"})
        assert len(_audio(socket.say({"context_id": "a", "close_context": True}))) == count


@pytest.mark.parametrize("close", ["close_context", "close_socket"])
@pytest.mark.parametrize("text", [None, "", "Bye. "])
def test_a_close_that_flushes_is_heard_to_its_end(close: str, text: str | None) -> None:
    """What was buffered is spoken with what comes last, also for a context that nobody knew; then the final."""
    socket = Socket(multi=True)
    socket.session.receive('{"text": "Hi there. ", "context_id": "a"}', socket.now_s)
    words = {} if text is None else {"text": text}
    messages = [one for one in socket.say({**words, "context_id": "a", "flush": True, close: True}) if one]

    assert len(_audio(messages)) == 1
    assert [one["contextId"] for one in messages if isinstance(one, dict) and one["isFinal"]] == ["a"]
    fresh = Socket(multi=True).say({"text": "Bye. ", "context_id": "n", "flush": True, close: True})
    assert len(_audio(fresh)) == 1


def test_a_closed_context_speaks_to_its_end_however_long_the_client_is_silent() -> None:
    """The socket's own clock runs out only when nobody has anything to say any more."""
    slow = PROFILES["instant"].model_copy(update={"realtime_factor": 1.0})
    socket = Socket(multi=True, service=Service(Settings(profile=slow)), inactivity_s=3.0)
    socket.session.receive(json.dumps({"text": "word " * 60, "context_id": "a", "flush": True}), socket.now_s)
    socket.session.receive('{"context_id": "a", "close_context": true}', socket.now_s)
    messages: list[Any] = []
    while not socket.session.ended and (next_s := socket.session.next_s) is not None:
        messages += socket.after(max(next_s - socket.now_s, 0.0))

    kinds = ["error" if "error" in one else "final" if one["isFinal"] else "audio" for one in messages[:-1]]
    assert kinds == ["audio"] * kinds.count("audio") + ["final", "error"]
    assert kinds.count("audio") > 3
    assert socket.now_s > 103.0


def test_a_single_blank_parts_two_words() -> None:
    """It is not heard by itself, and does not double one that is there."""
    socket = Socket(sync_alignment=True)
    for text in ("Hello", " ", "world", " ", " "):
        assert socket.say({"text": text}) == []
    spoken = socket.say({"text": ""})

    assert "".join(
        "".join(one["alignment"]["chars"]) for one in spoken if isinstance(one, dict) and one["alignment"]
    ) == ("Hello world ")


def test_sixth_context_ends_the_socket() -> None:
    """Five contexts may live at once; the sixth closes the whole socket with 1008."""
    socket = Socket(multi=True)
    for index in range(5):
        assert socket.say({"text": " ", "context_id": f"c{index}"}) == []
    error, close = socket.say({"context_id": "c5", "flush": True})

    assert error["error"] == "max_active_conversations"
    assert close.code == 1008
    assert socket.session.context_count == 0


def test_slow_slot_release_counts_closed_contexts() -> None:
    """A closed context takes its slot until the release delay is over."""
    for wait_s, ends in ((0.5, True), (1.0, False)):
        socket = Socket(multi=True, slot_release_s=1.0)
        for index in range(5):
            socket.say({"text": " ", "context_id": f"c{index}"})
            socket.say({"context_id": f"c{index}", "close_context": True})
        socket.after(wait_s)
        socket.say({"text": " ", "context_id": "new"})
        assert socket.session.ended is ends


def test_idle_context_expires_while_another_lives() -> None:
    """Each context has its own clock; the socket stays while one is used."""
    socket = Socket(multi=True)
    socket.say({"text": " ", "context_id": "idle"})
    socket.say({"text": " ", "context_id": "used"})
    socket.after(15.0)
    socket.say({"text": "", "context_id": "used"})
    (final,) = socket.after(5.0)

    assert (final["contextId"], final["isFinal"]) == ("idle", True)
    assert not socket.session.ended


def test_keep_alive_without_an_id_opens_no_context() -> None:
    """An empty text without an id resets the clocks of everything and closes nothing."""
    socket = Socket(multi=True)
    socket.say({"text": " ", "context_id": "a"})
    for _ in range(4):
        socket.after(15.0)
        assert socket.say({"text": ""}) == []

    assert socket.session.context_count == 1


def test_close_socket_finishes_every_context_first() -> None:
    """Flushed text is spoken, each context gets its final, then the socket closes with 1000."""
    socket = Socket(multi=True)
    for name in ("a", "b"):
        socket.session.receive(json.dumps({"text": "Hi there.", "context_id": name, "flush": True}), socket.now_s)
    messages = socket.say({"close_socket": True})

    assert len(_audio(messages)) == 2
    assert sorted(one["contextId"] for one in messages[:-1] if one["isFinal"]) == ["a", "b"]
    assert messages[-1] == Closing(1000, "")


def test_faults_strike_the_first_generation() -> None:
    """Malformed frames, cuts, stalls and wrong close codes come from the plan."""

    def socket(kind: Kind, **values: Any) -> Socket:
        return Socket(effects=Effects({kind: Fault(kind=kind, at=0.0, **values)}))

    bad = socket(Kind.MALFORMED)
    bad.session.receive('{"text": "Hi there.", "flush": true}', bad.now_s)
    (raw,) = bad.session.pull(bad.now_s)
    with pytest.raises(json.JSONDecodeError):
        json.loads(str(raw))
    assert socket(Kind.CUT).say({"text": "Hi.", "flush": True}) == [Aborting()]
    stalled = socket(Kind.STALL, seconds=3.0)
    assert stalled.say({"text": "Hi.", "flush": True}) == []
    assert len(_audio(stalled.after(3.0))) == 1
    assert socket(Kind.CLOSE_CODE, close_code=1011).say({"text": ""})[-1] == Closing(1011, "")
    error, close = socket(Kind.ERROR_FRAME).say({"text": " "})
    assert (error["error"], error["code"], close.code) == ("system_busy", 1008, 1008)
    error, close = socket(Kind.ERROR_FRAME, code="detected_unusual_activity", message="No.").say({"text": " "})
    assert (error["error"], error["message"], close.reason) == ("detected_unusual_activity", "No.", "No.")
    assert socket(Kind.QUOTA).say({"text": "Hi.", "flush": True})[0]["error"] == "quota_exceeded"
    full = socket(Kind.CONCURRENCY, limit=0).say({"text": "Hi.", "flush": True})
    assert full[0]["error"] == "too_many_concurrent_requests"


_TEXTS = st.sampled_from(["", " ", "Hi. ", "x" * 60, "\u4f60\u597d", "\U0001f600", "y" * 40_001])
_SPEEDS = (0.7, 0, "fast", 10**400, float("nan"))
_MESSAGES = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "text": _TEXTS,
            "context_id": st.sampled_from(["a", "b", "c", "d", "e", "f", "g"]),
            "flush": st.booleans(),
            "close_context": st.booleans(),
            "try_trigger_generation": st.booleans(),
            "voice_settings": st.sampled_from([None, {}, *({"speed": speed} for speed in _SPEEDS)]),
            "generation_config": st.sampled_from([None, {}, {"chunk_length_schedule": [50, 1e9, -5]}]),
        },
    ),
    st.sampled_from([{"close_socket": True}, {"text": None}, {"text": 5}, [], 7]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.booleans(), st.booleans(), st.lists(st.tuples(_MESSAGES, st.sampled_from([0.0, 0.01, 3.0, 30.0])), max_size=25)
)
def test_any_conversation_is_valid_and_balances(multi: bool, auto: bool, turns: list[tuple[Any, float]]) -> None:
    """Whatever is said, the session answers with audio, finals or one error, closes at most once, never raises, and
    gives back every slot."""
    service = Service(Settings(profile=PROFILES["instant"]))
    socket = Socket(multi=multi, auto_mode=auto, service=service)
    out: list[Any] = []
    for message, pause_s in turns:
        out += socket.say(message) + socket.after(pause_s)
    closes = [one for one in out if isinstance(one, Closing)]
    failed = [one for one in out if isinstance(one, dict) and "error" in one]

    assert len(closes) <= 1
    assert len(failed) <= 1
    assert not closes or out[-1] is closes[0]
    assert not failed or closes[0].code == 1008
    socket.session.abandon()
    assert socket.session.context_count == 0
    assert service.slots.active.total() == service.slots.waiting == 0
    assert service.ledger.gauges == Ledger().gauges
