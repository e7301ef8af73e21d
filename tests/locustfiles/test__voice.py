"""One conversation in each of its endings, against small servers in threads."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from typing import Any

import pytest

from harness.model import LoadKind
from harness.model.load import Backend, Ending, LoadPlan
from locustfiles._voice import Conversation, Query, Turn, ending_of, hold_stream, posts_of
from locustfiles._wire import Site, StepFailed
from tests.support.scripted_server import http, scripted
from tests.support.talk_backend import CHUNKS_COUNT, talking


def _converse(
    backend: Backend, ending: Ending = Ending.POLITE, posts_count: int = 1, **settings: Any
) -> tuple[Turn, list[float]]:
    """The turn, and the pauses that the conversation made; they are not waited for."""
    pauses: list[float] = []
    plan = replace(LoadPlan("normal", 1, 1.0, (), backend, conversation_timeout_s=5.0, hold_s=0.5), **settings)
    query = Query(4, LoadKind.NORMAL, ending, posts_count, time.monotonic())
    site = Site(backend.base_url, backend.headers)
    conversation = Conversation(query, plan, site, "run", pauses.append)
    raised: str | None = None
    try:
        conversation.run()
    except StepFailed as failure:
        raised = failure.name
    site.close_idle()
    assert conversation.turn.failure == raised
    return conversation.turn, pauses


@pytest.mark.parametrize("ending", list(Ending))
def test_every_ending_is_reached_and_measured(ending: Ending) -> None:
    """No failure; what was heard and sent fits the ending."""
    with talking() as backend:
        turn, _ = _converse(backend.wire, ending)

    assert turn.failure is None
    assert turn.posts_count == (2 if ending is Ending.BARGE_IN else 1)
    heard = {Ending.NEVER_OPEN: 0, Ending.RESET_BEFORE_AUDIO: 0, Ending.RESET_MIDWAY: 1, Ending.HALF_OPEN: 1}
    assert turn.chunks_count == heard.get(ending, CHUNKS_COUNT + (ending is Ending.BARGE_IN))
    assert (turn.first_audio_s is None) == (turn.chunks_count == 0)
    assert turn.bytes_out > 0
    assert turn.query.intended_s <= turn.started_s <= turn.ended_s


def test_times_are_taken_from_first_event_to_widest_gap() -> None:
    """In their order."""
    with talking() as backend:
        turn, _ = _converse(backend.wire)

    assert turn.first_event_s is not None
    assert turn.first_audio_s is not None
    assert turn.last_audio_s is not None
    assert turn.started_s < turn.first_event_s <= turn.first_audio_s <= turn.last_audio_s <= turn.ended_s
    assert 0 < turn.widest_gap_s <= turn.last_audio_s - turn.first_audio_s
    assert turn.bytes_in > CHUNKS_COUNT * 40_000


def test_a_burst_goes_out_at_its_gaps() -> None:
    """Three posts of the same words, 17 ms apart."""
    with talking() as backend:
        turn, pauses = _converse(backend.wire, posts_count=3)

    assert turn.posts_count == 3
    assert pauses == [0.017, 0.017]
    assert len(backend.says) <= 3
    assert len(set(backend.says)) == 1


def test_a_half_open_connection_is_held_and_a_slow_reader_pauses() -> None:
    """For the plan's hold time, whole or in fifty parts."""
    with talking() as backend:
        _, held = _converse(backend.wire, Ending.HALF_OPEN)
        _, slow = _converse(backend.wire, Ending.SLOW_READER)

    assert held == [0.5]
    assert set(slow) == {0.01}


ANSWER = {"success": True, "dialogueId": "d1"}


def _contract(
    answer: bytes = json.dumps(ANSWER).encode(),
    events: bytes = b"event: done\ndata: {}\n\n",
    statuses: tuple[str, str] = ("200 OK", "200 OK"),
) -> Any:
    """A server of the project's own wire that gives the same answers to all."""

    def script(connection: socket.socket) -> None:
        while request := connection.recv(65_536):
            if request.startswith(b"GET"):
                connection.sendall(http(events, kind="text/event-stream"))
            elif b"/close " in request:
                connection.sendall(http(b"{}", statuses[1]))
            else:
                connection.sendall(http(answer, statuses[0]))

    return script


def _chunks(*chunks: tuple[int, bool]) -> bytes:
    parts = [
        json.dumps({"audio": "QUJD", "chunkIndex": index, "text": "", "isFinal": final}) for index, final in chunks
    ]
    return "".join(f"event: audioChunk\ndata: {part}\n\n" for part in parts).encode()


DONE = b"event: done\ndata: {}\n\n"
WHOLE = _chunks((0, False), (1, True)) + DONE


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"events": WHOLE}, None),
        ({"events": WHOLE, "statuses": ("200 OK", "404 Not Found")}, None),
        ({"events": WHOLE, "statuses": ("200 OK", "500 Oops")}, "close_status_500"),
        ({"events": WHOLE, "statuses": ("503 Busy", "200 OK")}, "converse_status_503"),
        ({"events": WHOLE, "answer": b"<html>"}, "answer_not_json"),
        ({"events": WHOLE, "answer": b'{"id": '}, "answer_not_json"),
        ({"events": WHOLE, "answer": b""}, None),
        ({"events": WHOLE, "answer": b"OK"}, None),
        ({"events": WHOLE, "answer": b"[]"}, None),
        ({"events": _chunks((0, False), (2, True)) + DONE}, "incomplete"),
        ({"events": _chunks((0, False), (1, False)) + DONE}, "incomplete"),
        ({"events": DONE}, "incomplete"),
        ({"events": _chunks((0, True))}, "stream_cut"),
        ({"events": b'event: error\ndata: {"message": "no"}\n\n'}, "error_event"),
    ],
)
def test_each_step_fails_under_its_own_name(changes: dict[str, Any], name: str | None) -> None:
    """Whatever the backend does wrong; a dialogue that it has ended by itself is no failure of the goodbye."""
    with scripted(_contract(**changes)) as server:
        turn, _ = _converse(Backend(server.url))

    assert turn.failure == name


def test_an_answer_without_speech_before_its_end_is_no_interruption() -> None:
    """Those who leave after the first chunk need one."""
    with scripted(_contract(events=DONE)) as server:
        turn, _ = _converse(Backend(server.url), Ending.RESET_MIDWAY)

    assert turn.failure == "no_speech"


def test_what_the_answer_must_not_carry_is_noticed() -> None:
    """By the path that the plan names."""
    loud = json.dumps(ANSWER | {"thinkingSound": {"audio": "QUJD" * 5000, "loop": True}}).encode()
    with scripted(_contract(answer=loud, events=WHOLE)) as server:
        turn, _ = _converse(Backend(server.url))

    assert turn.carried_forbidden
    assert turn.bytes_in > len(loud)


def test_a_backend_that_chooses_the_dialogue_is_followed() -> None:
    """Its id goes into the stream's path and the goodbye."""
    paths: list[bytes] = []

    def script(connection: socket.socket) -> None:
        while request := connection.recv(65_536):
            paths.append(request.split(b" ")[1] + request.rpartition(b"\r\n\r\n")[2])
            is_stream = request.startswith(b"GET")
            connection.sendall(http(WHOLE if is_stream else b'{"call": {"id": "a/b"}}'))

    with scripted(script) as server:
        turn, _ = _converse(Backend(server.url, dialogue_field="id", dialogue_answer_field="call.id"))

    assert turn.failure is None
    assert paths[1] == b"/api/voice/open-stream?dialogueId=a%2Fb"
    assert paths[2] == b'/api/voice/close{"id": "a/b"}'


@pytest.mark.parametrize(
    ("final_field", "events"), [("isFinal", _chunks((0, False), (1, True))), (None, _chunks((0, False)))]
)
def test_without_a_last_event_the_final_chunk_or_the_streams_end_is_the_end(
    final_field: str | None, events: bytes
) -> None:
    """For backends that say no more than that."""
    with scripted(_contract(events=events)) as server:
        turn, _ = _converse(Backend(server.url, done_event=None, final_field=final_field))

    assert turn.failure is None


def test_a_held_stream_ends_as_lost_or_with_its_time() -> None:
    """Both are told apart by name."""
    with scripted(_contract(events=b"event: ping\ndata: {}\n\n")) as server:
        with pytest.raises(StepFailed) as lost:
            hold_stream(Site(server.url), Backend(server.url), "d", time.monotonic() + 5)
    with scripted(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        with pytest.raises(StepFailed) as over:
            hold_stream(Site(server.url), Backend(server.url), "d", time.monotonic() + 0.1)

    assert (lost.value.name, over.value.name) == ("stream_cut", "timeout")


def test_disconnects_take_turns_and_only_duplicates_post_more_than_once() -> None:
    """Equal shares of every way to leave, of every size of burst."""
    ways = (Ending.SILENT, Ending.RESET_MIDWAY)

    assert [ending_of(LoadKind.DISCONNECT, count, ways) for count in range(4)] == [*ways, *ways]
    assert ending_of(LoadKind.NORMAL, 1, ways) is ending_of(LoadKind.DUPLICATE, 1, ways) is Ending.POLITE
    assert [posts_of(LoadKind.DUPLICATE, count, (2, 5)) for count in range(3)] == [2, 5, 2]
    assert posts_of(LoadKind.NORMAL, 1, (2, 5)) == 1
