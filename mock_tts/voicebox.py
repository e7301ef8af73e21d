"""Speaks the texts of one context in order: generations, their pieces and when each is due. Pure, time comes in.

A generation starts when the one before it is done and the account has a free slot; its audio and alignment exist only
from then on, so that a queue of long texts is a queue of strings.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mock_tts.delivery import frame_ranges
from mock_tts.faults import NO_EFFECTS, Effects, Kind
from mock_tts.packing import Packer, StreamState
from mock_tts.profile import Timing
from mock_tts.speech import Alignment, align, normalized
from mock_tts.track import Speech, frame_ms

PIECE_S = 3.2
PIECE_BYTES = 400_000
"""Longest audio of one message: the API's own have 0.6 to 3.2 s, and ``websockets`` takes no frame above 1 MiB."""


@dataclass(frozen=True, slots=True)
class Line:
    """One text in one voice."""

    text: str
    voice_id: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One audio message. ``malformed`` asks for something that is no JSON in its place."""

    data: bytes
    alignment: Alignment | None
    normalized: Alignment | None
    ends_turn: bool = False
    malformed: bool = False


class Refused(Exception):
    """The account may not generate: over its concurrency, or out of credits."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


class Cut(Exception):
    """A fault ends the connection here, without a close."""


class Studio(Protocol):
    """What a voicebox needs from outside. All methods are plain calls, none waits."""

    sync_alignment: bool

    def record(self, lines: Sequence[Line]) -> tuple[Speech, Timing]:
        """The audio of ``lines`` and its timing."""

    def enter(self) -> float | None:
        """Takes a slot of the account (None), or says in how many seconds to ask again. Raises Refused."""

    def leave(self) -> None:
        """Gives the slot back."""

    def stop_waiting(self) -> None:
        """Asks for a slot no more."""

    def charge(self, text: str) -> None:
        """Pays for ``text``. Raises Refused."""


@dataclass(slots=True)
class _Generation:
    """One text being sent."""

    speech: Speech
    timing: Timing
    alignment: Alignment
    started_s: float
    ends_turn: bool
    ranges: list[tuple[int, int]]
    sent: int = 0
    marks: dict[Kind, int] = field(default_factory=dict)

    @property
    def due_s(self) -> float:
        frame_s = self.speech.audio_format.frame_s
        return self.started_s + self.timing.due_s(self.ranges[self.sent][0] * frame_s)


class Voicebox:
    """The generations of one context. ``effects`` strike its first generation only."""

    __slots__ = ("_current", "_effects", "_note", "_packer", "_queue", "_ready_s", "_studio", "generations")

    def __init__(self, studio: Studio, note: Callable[[Kind], None], effects: Effects = NO_EFFECTS) -> None:
        self._studio = studio
        self._effects = effects
        self._note = note
        self._packer = Packer(StreamState())
        self._queue: deque[tuple[tuple[Line, ...], bool]] = deque()
        self._current: _Generation | None = None
        self._ready_s = 0.0
        self.generations = 0

    def say(self, lines: tuple[Line, ...], now_s: float, ends_turn: bool = False) -> None:
        """Queues ``lines`` as one generation."""
        if not self.busy:
            self._ready_s = now_s
        self._queue.append((lines, ends_turn))

    @property
    def busy(self) -> bool:
        return self._current is not None or bool(self._queue)

    @property
    def queued_chars(self) -> int:
        return sum(len(line.text) for lines, _ in self._queue for line in lines)

    @property
    def next_s(self) -> float | None:
        """When the next piece is due or the next generation may start; None when there is nothing to say."""
        if self._current is not None:
            return self._current.due_s
        return self._ready_s if self._queue else None

    def pull(self, now_s: float) -> Piece | None:
        """The next piece if it is due. Raises Refused and Cut."""
        if self._current is None and not self._start(now_s):
            return None
        current = self._current
        if current is None or current.due_s > now_s:
            return None
        index = current.sent
        if self._stalls(current, index) and current.due_s > now_s:
            return None
        malformed = self._strikes(current, index)
        first, last = current.ranges[index]
        is_last = index + 1 == len(current.ranges)
        data = self._packer.piece(current.speech, first, last)
        alignment, normal = self._alignment_of(current, index, first, last, is_last)
        current.sent += 1
        if is_last:
            self._ready_s = now_s
            self.stop_current()
        return Piece(data, alignment, normal, is_last and current.ends_turn, malformed)

    def drop(self) -> None:
        """Forgets everything that is not sent yet."""
        self._queue.clear()
        self._studio.stop_waiting()
        self.stop_current()

    def stop_current(self) -> None:
        """Ends the running generation and gives its slot back."""
        if self._current is not None:
            self._current = None
            self._studio.leave()

    def _start(self, now_s: float) -> bool:
        if not self._queue or self._ready_s > now_s:
            return False
        wait_s = self._studio.enter()
        if wait_s is not None:
            self._ready_s = now_s + wait_s
            return False
        lines, ends_turn = self._queue.popleft()
        text = "".join(line.text for line in lines)
        try:
            self._studio.charge(text)
            speech, timing = self._studio.record(lines)
        except Exception:  # refused, or a mistake of ours: either way the slot is free again
            self._studio.leave()
            raise
        ranges = frame_ranges(speech, PIECE_S, PIECE_BYTES)
        alignment = align(text, speech.duration_ms)
        self._current = _Generation(speech, timing, alignment, self._ready_s, ends_turn, ranges)
        if self.generations == 0:
            self._mark(self._current)
        self.generations += 1
        return True

    def _mark(self, generation: _Generation) -> None:
        count = len(generation.ranges)
        for kind in (Kind.STALL, Kind.CUT, Kind.MALFORMED):
            fault = self._effects.get(kind)
            if fault is not None:
                generation.marks[kind] = min(int(count * fault.at), count - 1)

    def _stalls(self, current: _Generation, index: int) -> bool:
        fault = self._effects.get(Kind.STALL)
        if fault is None or current.marks.get(Kind.STALL) != index:
            return False
        del current.marks[Kind.STALL]
        current.started_s += fault.seconds
        self._note(Kind.STALL)
        return True

    def _strikes(self, current: _Generation, index: int) -> bool:
        if not current.marks:
            return False
        if current.marks.get(Kind.CUT) == index:
            self._note(Kind.CUT)
            raise Cut
        if current.marks.get(Kind.MALFORMED) == index:
            self._note(Kind.MALFORMED)
            return True
        return False

    def _alignment_of(
        self, current: _Generation, index: int, first: int, last: int, is_last: bool
    ) -> tuple[Alignment | None, Alignment | None]:
        """Everything with the first message, or with ``sync_alignment`` each message its own part."""
        if not self._studio.sync_alignment:
            whole = current.alignment
            return (whole, normalized(whole)) if index == 0 else (None, None)
        stop_ms = current.speech.duration_ms + 1 if is_last else frame_ms(current.speech, last)
        part = current.alignment.part(frame_ms(current.speech, first), stop_ms)
        if part is None:
            return None, None
        return part, normalized(part) if index == 0 else part
