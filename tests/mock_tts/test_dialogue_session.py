"""The rules of the dialogue sockets, without sockets."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mock_tts.catalog import MODELS
from mock_tts.dialogue_session import DialogueSession
from mock_tts.faults import NO_EFFECTS, Route
from mock_tts.formats import FORMATS
from mock_tts.profile import PROFILES
from mock_tts.service import Service
from mock_tts.settings import Settings
from mock_tts.socket_rules import Closing, SocketRules
from mock_tts.studio import SocketDesk

SERVICE = Service(Settings(profile=PROFILES["instant"]))


class Dialogue:
    """A session with a clock that the test moves."""

    def __init__(self, multi: bool = True) -> None:
        route, audio_format = Route.DIALOGUE_MULTI_STREAM_INPUT, FORMATS["pcm_8000"]
        desk = SocketDesk(SERVICE, route, "", MODELS["eleven_v3"], audio_format, NO_EFFECTS)
        self.now_s = 0.0
        self.session = DialogueSession(SocketRules(multi=multi, key="k"), desk, self.now_s)

    def say(self, message: Any) -> list[Any]:
        self.session.receive(json.dumps(message), self.now_s)
        return self.after(0.0)

    def after(self, seconds: float) -> list[Any]:
        self.now_s += seconds
        out: list[Any] = []
        while (next_s := self.session.next_s) is not None and next_s <= self.now_s:
            out += [json.loads(one) if isinstance(one, str) else one for one in self.session.pull(self.now_s)]
        return out


def test_threshold_is_forty_characters_and_eight_words() -> None:
    """Fewer wait for a flush."""
    dialogue = Dialogue()
    dialogue.say({"context_id": "a", "voices": ["v"]})
    short = {"context_id": "a", "inputs": [{"text": "one two three four five six ", "voice_id": "v"}]}

    assert dialogue.say(short) == []
    assert "audio" in dialogue.say(short)[0]


def test_new_turn_ends_the_one_before() -> None:
    """Each turn is spoken and its end is told; the text after it is not lost."""
    dialogue = Dialogue()
    dialogue.say({"context_id": "a", "voices": ["v", "w"]})
    inputs = [{"text": "Hi.", "voice_id": "v"}, {"text": "Yes?", "voice_id": "w", "new_turn": True}]
    out = dialogue.say({"context_id": "a", "inputs": inputs, "flush": True})

    assert ["audio" in one for one in out] == [True, False, True, False]
    assert "".join(out[2]["alignment"]["chars"]) == "Yes?"


def test_unflushed_text_is_spoken_on_close() -> None:
    """Unlike on the text-to-speech sockets."""
    dialogue = Dialogue()
    dialogue.say({"context_id": "a", "voices": ["v"]})
    dialogue.say({"context_id": "a", "inputs": [{"text": "Hi.", "voice_id": "v"}]})
    audio, turn, final = dialogue.say({"context_id": "a", "close_context": True})

    assert "audio" in audio
    assert turn["is_final_audio_for_turn"] is True
    assert final == {"is_final": True, "context_id": "a"}


def test_keep_alive_must_name_a_registered_context() -> None:
    """It resets that context's fixed 20 seconds; an unknown one is an error."""
    dialogue = Dialogue()
    dialogue.say({"context_id": "a", "voices": ["v"]})
    dialogue.after(15.0)
    assert dialogue.say({"context_id": "a", "keep_alive": True}) == []
    assert dialogue.after(15.0) == []

    error, close = dialogue.say({"context_id": "b", "keep_alive": True})
    assert (error["error"], error["param"], close.code) == ("context_not_found", "context_id", 1008)


def test_first_message_must_name_voices() -> None:
    """At most ten of them."""
    for voices in (None, [str(number) for number in range(11)]):
        message = {"context_id": "a", "voices": voices, "inputs": [{"text": "Hi.", "voice_id": "v"}]}
        error, close = Dialogue().say(message)
        assert error["param"] == "voices"
        assert close.code == 1008


_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "context_id": st.sampled_from(["a", "b"]),
        "voices": st.sampled_from([None, [], ["v"], 3]),
        "inputs": st.sampled_from([None, [{"text": "Hi. ", "voice_id": "v", "new_turn": True}], [{"text": 1}]]),
        "flush": st.booleans(),
        "keep_alive": st.booleans(),
        "close_context": st.booleans(),
    },
)


@settings(max_examples=100, deadline=None)
@given(st.booleans(), st.lists(st.tuples(_MESSAGE, st.sampled_from([0.0, 3.0, 30.0])), max_size=15))
def test_any_conversation_is_valid(multi: bool, turns: list[tuple[Any, float]]) -> None:
    """Whatever is said, there is at most one close, nothing after it, and no exception."""
    dialogue = Dialogue(multi)
    out: list[Any] = []
    for message, pause_s in turns:
        out += dialogue.say(message) + dialogue.after(pause_s)

    assert sum(isinstance(one, Closing) for one in out) <= 1
    assert not any(isinstance(one, Closing) for one in out[:-1])
    dialogue.session.abandon()
    assert SERVICE.slots.active.total() == 0
