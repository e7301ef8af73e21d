"""The map of ongoing dialogues: what each has buffered, who listens, and when it ends.

Owns fault 4, ``dialogue_state``, at the one place where it differs from the fix: ``Dialogues.leave``.
Knows nothing of HTTP, WebSockets or speech. Clock injected; every limit is a constant below.
"""

import asyncio
import gc
from collections import deque
from collections.abc import Callable

from voice_backend import log
from voice_backend.events import Event
from voice_backend.faults import Switch
from voice_backend.ledger import Held

STALE_AFTER_S = 30 * 60.0
SWEEP_EVERY_S = 5 * 60.0
LARGE_SWEEP_DIALOGUES = 100
"""A sweep that ended this many collects garbage at once, as the incident's fix does after a large cleanup."""
BUFFER_LIMIT_BYTES = 4_000_000
"""About 15 answers. Above it a dialogue waits for its readers (or, without any, forgets its oldest events)."""
UNCLAIMED_LIMIT_BYTES = 32_000_000
UNCLAIMED_LIMIT_DIALOGUES = 1_000
"""Dialogues whose stream nobody has opened yet: beyond either limit the oldest end early.
Without it a client that never opens its stream would cost 270 KB for half an hour."""


class Reader:
    """One client's place in a dialogue's events."""

    __slots__ = ("_wake", "dialogue", "gone", "next_seq")

    def __init__(self, dialogue: "Dialogue", next_seq: int) -> None:
        self.dialogue = dialogue
        self.next_seq = next_seq
        self.gone = False
        self._wake = asyncio.Event()

    def notify(self) -> None:
        """Wakes the reader: there is an event, or its client has gone, or the dialogue has ended."""
        self._wake.set()

    def hang_up(self) -> None:
        """Marks the client as gone; ``finished`` is true from now on."""
        self.gone = True
        self._wake.set()

    @property
    def finished(self) -> bool:
        """Whether nothing more is to be sent."""
        return self.gone or self.dialogue.ended

    def take(self) -> Event | None:
        """The next event for this client, None when it has them all."""
        event = self.dialogue.event_at(self)
        if event is None:
            self._wake.clear()
        return event

    async def wait(self, timeout_s: float) -> bool:
        """Waits for something to do; False when ``timeout_s`` passed without it."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True


class Dialogue:
    """One conversation: its buffered events and its readers."""

    __slots__ = (
        "_events",
        "_first_seq",
        "_keep_all",
        "_past",
        "_progress",
        "_replay_from",
        "_taken_up_to",
        "abandoned",
        "active_at",
        "answering",
        "buffered_bytes",
        "dialogue_id",
        "ended",
        "readers",
    )

    def __init__(self, dialogue_id: str, now_s: float, *, keep_all: bool) -> None:
        self.dialogue_id = dialogue_id
        self._keep_all = keep_all
        self._past = Held()
        self.readers: set[Reader] = set()
        self.buffered_bytes = 0
        self.answering = 0
        self.active_at = now_s
        self.abandoned = False
        self.ended = False
        self._events: deque[Event] = deque()
        self._first_seq = 0
        self._replay_from = 0
        self._taken_up_to = 0
        self._progress = asyncio.Event()

    @property
    def buffered(self) -> Held:
        """All that it holds."""
        return Held(self.buffered_bytes, len(self._events))

    @property
    def retained(self) -> Held:
        """What the fault retains of it: everything once its clients have left, and before that the answers of the
        past."""
        return self.buffered if self.abandoned else self._past

    def join(self) -> Reader:
        """A new reader, at the start of what is replayed to clients that join late."""
        self.abandoned = False
        reader = Reader(self, self._replay_from)
        self.readers.add(reader)
        return reader

    def publish(self, event: Event) -> None:
        """Buffers ``event`` and wakes the readers; an ended dialogue holds nothing any more."""
        if self.ended:
            return
        self._events.append(event)
        self.buffered_bytes += len(event.data)
        for reader in self.readers:
            reader.notify()

    def event_at(self, reader: Reader) -> Event | None:
        """The event at the reader's place, which moves on; one that fell out of the buffer goes on at its start."""
        index = max(reader.next_seq - self._first_seq, 0)
        if index >= len(self._events):
            return None
        reader.next_seq = self._first_seq + index + 1
        self._taken_up_to = max(self._taken_up_to, reader.next_seq)
        self._progress.set()
        return self._events[index]

    def trim(self) -> None:
        """Drops the events that every reader has taken; without readers all stay, for a client that joins late."""
        if self.readers:
            self._drop_before(min(reader.next_seq for reader in self.readers))

    def begin_answer(self) -> None:
        """Notes that an answer is being produced; earlier ones that are complete and delivered are not replayed
        again."""
        if self.answering == 0:
            if not self._keep_all:
                self.trim()
            if self._taken_up_to == self._first_seq + len(self._events):
                self._replay_from = self._taken_up_to
                self._past = self.buffered if self._keep_all else Held()
        self.answering += 1

    async def wait_for_room(self) -> None:
        """Returns once the buffer is under its limit: the readers' pace is the speaker's pace.

        Before (``dialogue_state``) there is no limit: every chunk is buffered, whether heard or not.
        """
        while self.buffered_bytes > BUFFER_LIMIT_BYTES and not self.ended and not self._keep_all:
            if not self.readers:
                self._drop_before(self._first_seq + 1)
                continue
            self._progress.clear()
            self.trim()
            if self.buffered_bytes > BUFFER_LIMIT_BYTES:
                await self._progress.wait()

    def end(self) -> int:
        """Forgets everything and releases whoever waits; the number of messages cleared."""
        cleared = len(self._events)
        self.ended = True
        self._events.clear()
        self._past = Held()
        self.buffered_bytes = 0
        for reader in self.readers:
            reader.notify()
        self._progress.set()
        return cleared

    def reader_left(self, reader: Reader) -> None:
        """Takes the reader off; whoever waited for it goes on."""
        self.readers.discard(reader)
        self._progress.set()

    def _drop_before(self, seq: int) -> None:
        while self._events and self._first_seq < seq:
            self.buffered_bytes -= len(self._events.popleft().data)
            self._first_seq += 1


class Dialogues:
    """The map of dialogues by id."""

    def __init__(self, *, keep_state: Switch, clock: Callable[[], float], time_scale: float) -> None:
        self._keep_state = keep_state
        self._clock = clock
        self._stale_after_s = STALE_AFTER_S / time_scale
        self._by_id: dict[str, Dialogue] = {}
        self._unclaimed: dict[str, Dialogue] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, dialogue_id: str) -> Dialogue | None:
        """The dialogue, None when there is none of that id."""
        return self._by_id.get(dialogue_id)

    def open(self, dialogue_id: str) -> Dialogue:
        """The dialogue of that id, made when there is none; either way it is active now."""
        dialogue = self._by_id.get(dialogue_id)
        if dialogue is None:
            self._limit_unclaimed()
            dialogue = Dialogue(dialogue_id, self._clock(), keep_all=self._keep_state.strength > 0)
            self._by_id[dialogue_id] = self._unclaimed[dialogue_id] = dialogue
        dialogue.active_at = self._clock()
        return dialogue

    def touch(self, dialogue: Dialogue) -> None:
        """Notes that something happened in the dialogue."""
        dialogue.active_at = self._clock()

    def join(self, dialogue_id: str) -> Reader:
        """A new reader at the oldest buffered event of the dialogue."""
        dialogue = self.open(dialogue_id)
        self._unclaimed.pop(dialogue_id, None)
        return dialogue.join()

    def leave(self, reader: Reader) -> None:
        """Takes the reader off its dialogue, which ends with its last one.

        Before (``dialogue_state``): it stays in the map with everything it has buffered, since only an explicit close
        or the sweep removes it. After: it is cleared and deleted at once.
        """
        dialogue = reader.dialogue
        dialogue.reader_left(reader)
        if dialogue.readers or dialogue.ended:
            return
        dialogue.active_at = self._clock()
        if self._keep_state.strikes():
            dialogue.abandoned = True
            return
        log.voice_cleanup(self._end(dialogue))

    def close(self, dialogue_id: str) -> int | None:
        """Ends the dialogue on the client's word: messages cleared, None when there is no such dialogue."""
        dialogue = self._by_id.get(dialogue_id)
        if dialogue is None:
            return None
        cleared = self._end(dialogue)
        log.voice_cleanup(cleared)
        return cleared

    def sweep(self) -> int:
        """Ends the dialogues in which nothing happened for 30 minutes; how many they were."""
        limit = self._clock() - self._stale_after_s
        stale = [dialogue for dialogue in self._by_id.values() if dialogue.active_at <= limit]
        for dialogue in stale:
            self._end(dialogue)
        if stale:
            log.memory_cleanup(len(stale), len(self._by_id))
        if len(stale) >= LARGE_SWEEP_DIALOGUES:
            gc.collect()
        return len(stale)

    def end_all(self) -> None:
        """Ends every dialogue, for the end of the process."""
        for dialogue in list(self._by_id.values()):
            self._end(dialogue)

    def buffered(self) -> Held:
        """What all dialogues have buffered, live or not."""
        return sum((dialogue.buffered for dialogue in self._by_id.values()), Held())

    def retained(self) -> Held:
        """What the fault retains: the events that the fix would have dropped."""
        return sum((dialogue.retained for dialogue in self._by_id.values()), Held())

    def _end(self, dialogue: Dialogue) -> int:
        self._by_id.pop(dialogue.dialogue_id, None)
        self._unclaimed.pop(dialogue.dialogue_id, None)
        return dialogue.end()

    def _limit_unclaimed(self) -> None:
        held_bytes = sum(dialogue.buffered_bytes for dialogue in self._unclaimed.values())
        while self._unclaimed and (
            held_bytes > UNCLAIMED_LIMIT_BYTES or len(self._unclaimed) >= UNCLAIMED_LIMIT_DIALOGUES
        ):
            oldest = next(iter(self._unclaimed.values()))
            held_bytes -= oldest.buffered_bytes
            self._end(oldest)
