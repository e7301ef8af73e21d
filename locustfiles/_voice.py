"""One conversation: ask, listen, and end in one of the ways in which people end conversations.

Blocking code over ``_wire`` and ``_streams``; the pauses are injected. A failed step is recorded in the turn and raised
again: nothing after it runs as if it had worked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote

from harness.model import LoadKind
from harness.model.load import Backend, Ending, LoadPlan, StreamKind
from locustfiles._streams import SseStream, VoiceStream, WebSocketStream, audio_marker, load_without_audio, lookup
from locustfiles._texts import text_of
from locustfiles._wire import Answer, Site, StepFailed, Wire, receive_answer

SLOW_READ_BYTES = 2048
SLOW_READS_COUNT = 50
"""A slow reader spreads this many reads over the hold time."""

SLOW_BUFFER_BYTES = 4096
"""Its kernel buffer, so that the backend feels the slowness at once."""

STOPPED = "stopped"
"""Why a conversation has no end: the load itself was stopped, which is no failure of the target's."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is to be asked: ``number`` is unique in the run, ``intended_s`` (monotonic) when it was due."""

    number: int
    kind: str
    ending: Ending
    posts_count: int
    intended_s: float


@dataclass(slots=True)
class Turn:
    """What was measured of one conversation; times are monotonic, None where it did not come to that."""

    query: Query
    started_s: float
    first_event_s: float | None = None
    first_audio_s: float | None = None
    last_audio_s: float | None = None
    ended_s: float = 0.0
    widest_gap_s: float = 0.0
    chunks_count: int = 0
    posts_count: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    carried_forbidden: bool = False
    failure: str | None = None


@dataclass(slots=True)
class Heard:
    """What has been heard of one answer."""

    indexes: set[int] = field(default_factory=set)
    chunks_count: int = 0
    final: bool = False


class Conversation:
    """Carries one query through to its ending; used once."""

    def __init__(self, query: Query, plan: LoadPlan, site: Site, run_name: str, sleep: Callable[[float], None]) -> None:
        self._query = query
        self._plan = plan
        self._backend = plan.backend
        self._site = site
        self._sleep = sleep
        self._marker = audio_marker(plan.backend)
        self._wires: list[Wire] = []
        self._dialogue = f"{run_name}-{query.number}"
        self._heard = Heard()
        self.turn = Turn(query, started_s=time.monotonic())
        self._deadline_s = self.turn.started_s + plan.conversation_timeout_s

    def run(self) -> Turn:
        """The turn as measured. Raises StepFailed (and whatever else), recorded in ``turn`` first."""
        try:
            self._END[self._query.ending](self)
        except StepFailed as failure:
            self.turn.failure = failure.name
            raise
        except Exception as error:
            self.turn.failure = type(error).__name__
            raise
        finally:
            for wire in self._wires:
                self._count(wire)
                wire.reset()
            self.turn.ended_s = time.monotonic()
        return self.turn

    # The ways to end.

    def _polite(self) -> None:
        stream = self._ask()
        self._listen(stream)
        self._post_close()
        stream.leave()

    def _silent(self) -> None:
        stream = self._ask()
        self._listen(stream)
        stream.wire.close()

    def _reset_before_audio(self) -> None:
        stream = self._ask()
        if self._backend.converse_path is None:
            self._hear(stream)  # a reset takes a query with it that has not been read: something must have come back
        stream.wire.reset()

    def _reset_midway(self) -> None:
        stream = self._ask()
        self._first_chunk(stream)
        stream.wire.reset()

    def _reset_after_last(self) -> None:
        stream = self._ask()
        self._listen(stream)
        stream.wire.reset()

    def _half_open(self) -> None:
        stream = self._ask()
        self._first_chunk(stream)
        self._sleep(self._plan.hold_s)
        stream.wire.reset()

    def _slow_reader(self) -> None:
        until_s = time.monotonic() + self._plan.hold_s
        stream = self._ask(slowly=True)
        while time.monotonic() < until_s:
            if self._hear(stream):
                stream.leave()
                return
        stream.wire.reset()

    def _barge_in(self) -> None:
        """The close comes first: a backend that hears of the second query before it sees the first stream go could
        otherwise clear the new answer with the old one, and which of the two it does would be chance."""
        stream = self._ask()
        self._first_chunk(stream)
        self._post_close()
        stream.leave()
        self._heard = Heard()
        again = self._ask(follow_up=True)
        self._listen(again)
        self._post_close()
        again.leave()

    def _never_open(self) -> None:
        if self._backend.converse_path is None:
            self._ask().wire.close()
        else:
            self._post_queries(self._body())

    _END: ClassVar[dict[Ending, Callable[[Conversation], None]]] = {
        Ending.POLITE: _polite,
        Ending.SILENT: _silent,
        Ending.RESET_BEFORE_AUDIO: _reset_before_audio,
        Ending.RESET_MIDWAY: _reset_midway,
        Ending.RESET_AFTER_LAST: _reset_after_last,
        Ending.HALF_OPEN: _half_open,
        Ending.SLOW_READER: _slow_reader,
        Ending.BARGE_IN: _barge_in,
        Ending.NEVER_OPEN: _never_open,
    }

    # The steps.

    def _ask(self, *, slowly: bool = False, follow_up: bool = False) -> VoiceStream:
        """Posts the query (a burst: several times) and opens its stream."""
        body = self._body(follow_up=follow_up)
        if self._backend.converse_path is not None:
            self._post_queries(body)
            return self._open(slowly=slowly)
        stream = self._open(slowly=slowly)
        if not isinstance(stream, WebSocketStream):
            raise StepFailed("no_way_to_ask", "a backend without converse_path needs a WebSocket stream")
        for number in range(self._query.posts_count):
            if number:
                self._sleep(self._plan.burst_gap_s)
            stream.ask(body)
            self.turn.posts_count += 1
        return stream

    def _body(self, *, follow_up: bool = False) -> bytes:
        text = text_of(self._query.number, self._plan.seed, self._backend.texts)
        fields = json.loads(self._backend.body_json)
        fields[self._backend.text_field] = f"No, wait. {text}" if follow_up else text
        if self._backend.dialogue_field is not None:
            fields[self._backend.dialogue_field] = self._dialogue
        return json.dumps(fields).encode()

    def _post_queries(self, body: bytes) -> None:
        """Writes all posts of a burst at their times, on connections of their own, then reads the answers."""
        path = _in_dialogue(self._backend.converse_path or "", self._dialogue)
        request = self._site.request("POST", path, body)
        started_s = time.monotonic()
        wires = []
        for number in range(self._query.posts_count):
            if number:
                self._sleep(max(started_s + number * self._plan.burst_gap_s - time.monotonic(), 0.0))
            wire = self._hold(self._site.borrow(self._deadline_s))
            wire.send(request)
            self.turn.posts_count += 1
            wires.append(wire)
        for wire in wires:
            answer = self._answer(wire)
            if not 200 <= answer.status < 300:
                raise StepFailed(f"converse_status_{answer.status}")
            self._read_answer(answer)

    def _read_answer(self, answer: Answer) -> None:
        """Looks for what the answer must not carry, and for the dialogue's id where the backend chooses it.

        A torn object and a page (a proxy's, say) are no answers; nothing at all, ``OK``, a list are without fields.
        """
        is_bare = not answer.body.lstrip().startswith((b"{", b"<"))
        if is_bare and self._backend.dialogue_answer_field is None:
            return
        try:
            data, _ = load_without_audio(answer.body, self._marker)
        except StepFailed as failure:
            raise StepFailed("answer_not_json") from failure
        if any(lookup(data, path) is not None for path in self._backend.forbidden_fields):
            self.turn.carried_forbidden = True
        if self._backend.dialogue_answer_field is not None:
            dialogue = lookup(data, self._backend.dialogue_answer_field)
            if dialogue is None:
                raise StepFailed("answer_without_dialogue")
            self._dialogue = str(dialogue)

    def _open(self, *, slowly: bool) -> VoiceStream:
        wire = self._site.connect(self._deadline_s, SLOW_BUFFER_BYTES if slowly else None)
        self._hold(wire)
        if slowly:
            pause_s = self._plan.hold_s / SLOW_READS_COUNT
            wire.read_slowly(SLOW_READ_BYTES, lambda: self._sleep(pause_s))
        return _stream_on(wire, self._site, self._backend, self._dialogue)

    def _first_chunk(self, stream: VoiceStream) -> None:
        while self._heard.chunks_count == 0:
            if self._hear(stream):
                raise StepFailed("no_speech", "the answer ended without a chunk of speech")

    def _listen(self, stream: VoiceStream) -> None:
        """Hears the whole answer. Raises StepFailed unless every chunk and the final flag have come."""
        while not self._hear(stream):
            pass
        heard = self._heard
        whole = heard.chunks_count > 0 and (heard.final or self._backend.final_field is None)
        if not whole or (heard.indexes and len(heard.indexes) != max(heard.indexes) + 1):
            numbers = f" from {min(heard.indexes)} to {max(heard.indexes)}" if heard.indexes else ""
            raise StepFailed("incomplete", f"{heard.chunks_count} chunks{numbers}, final: {heard.final}")

    def _hear(self, stream: VoiceStream) -> bool:
        """Takes the next event; whether the answer has ended with it."""
        backend = self._backend
        event = stream.next_event()
        now_s = time.monotonic()
        if self.turn.first_event_s is None:
            self.turn.first_event_s = now_s
        if event is None:
            if backend.done_event is None and backend.final_field is None:
                return True
            raise StepFailed("stream_cut", "the stream ended before the answer did")
        if event.name == backend.audio_event:
            self._take_chunk(event.data, now_s)
            return backend.done_event is None and self._heard.final
        if event.name == backend.error_event:
            raise StepFailed("error_event", str(event.data)[:200])
        return event.name == backend.done_event

    def _take_chunk(self, data: dict[str, Any], now_s: float) -> None:
        turn, heard, backend = self.turn, self._heard, self._backend
        if turn.first_audio_s is None:
            turn.first_audio_s = now_s
        if turn.last_audio_s is not None:
            turn.widest_gap_s = max(turn.widest_gap_s, now_s - turn.last_audio_s)
        turn.last_audio_s = now_s
        turn.chunks_count += 1
        heard.chunks_count += 1
        if backend.index_field is not None:
            index = lookup(data, backend.index_field)
            if isinstance(index, int):
                heard.indexes.add(index)
        if backend.final_field is not None:
            heard.final = heard.final or lookup(data, backend.final_field) is True

    def _post_close(self) -> None:
        """Says goodbye; a backend that has ended the dialogue by itself may answer that it is gone."""
        if self._backend.close_path is None:
            return
        fields = {} if self._backend.dialogue_field is None else {self._backend.dialogue_field: self._dialogue}
        wire = self._hold(self._site.borrow(self._deadline_s))
        path = _in_dialogue(self._backend.close_path, self._dialogue)
        wire.send(self._site.request("POST", path, json.dumps(fields).encode()))
        answer = self._answer(wire)
        if not (200 <= answer.status < 300 or answer.status in (404, 410)):
            raise StepFailed(f"close_status_{answer.status}")

    # The connections.

    def _hold(self, wire: Wire) -> Wire:
        wire.bytes_in = wire.bytes_out = 0
        self._wires.append(wire)
        return wire

    def _answer(self, wire: Wire) -> Answer:
        """The answer on a request's connection, which is free for others from then on."""
        answer, reusable = receive_answer(wire)
        self._wires.remove(wire)
        self._count(wire)
        if reusable:
            self._site.give_back(wire)
        else:
            wire.close()
        return answer

    def _count(self, wire: Wire) -> None:
        self.turn.bytes_in += wire.bytes_in
        self.turn.bytes_out += wire.bytes_out


def hold_stream(site: Site, backend: Backend, dialogue: str, until_s: float) -> None:
    """Keeps a stream open on which nothing is asked.

    Raises StepFailed when it is lost, under the name ``timeout`` at ``until_s``.
    """
    wire = site.connect(until_s)
    try:
        stream = _stream_on(wire, site, backend, dialogue)
        while stream.next_event() is not None:
            pass
    finally:
        wire.close()
    raise StepFailed("stream_cut", "the backend ended an idle stream")


def _stream_on(wire: Wire, site: Site, backend: Backend, dialogue: str) -> VoiceStream:
    path = _in_dialogue(backend.stream_path, dialogue)
    kind = SseStream if backend.stream is StreamKind.SSE else WebSocketStream
    return kind(wire, site, path, backend)


def _in_dialogue(path: str, dialogue: str) -> str:
    return path.replace("{dialogue}", quote(dialogue, safe=""))


def ending_of(kind: str, count: int, endings: tuple[Ending, ...]) -> Ending:
    """How the ``count``-th conversation of ``kind`` ends: disconnects take turns, all other kinds are polite."""
    return endings[count % len(endings)] if kind == LoadKind.DISCONNECT else Ending.POLITE


def posts_of(kind: str, count: int, bursts: tuple[int, ...]) -> int:
    """How often the ``count``-th conversation of ``kind`` posts its query."""
    return bursts[count % len(bursts)] if kind == LoadKind.DUPLICATE else 1
