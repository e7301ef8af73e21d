"""What all four sockets have in common: credentials, contexts and their slots, inactivity, errors and closes. Pure.

SocketSession
  session.SpeechSession              stream-input and multi-stream-input of text-to-speech
  dialogue_session.DialogueSession   the same two of text-to-dialogue
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from mock_tts.errors import MESSAGES
from mock_tts.faults import NO_EFFECTS, Effects, Kind
from mock_tts.frames import error_frame, reason_of
from mock_tts.messages import BadMessage
from mock_tts.settings import Choices
from mock_tts.voicebox import Cut, Piece, Refused, Studio, Voicebox

POLICY_VIOLATION = 1008
MAX_CONTEXTS = 5
DEFAULT_CONTEXT = "default"
"""Name of the context of messages that name none."""

CONTEXTS_MESSAGE = (
    f"Maximum simultaneous contexts per WebSocket connection exceeded ({MAX_CONTEXTS}). "
    "Please close an existing context before opening a new one."
)


@dataclass(frozen=True, slots=True)
class SocketRules:
    """What was agreed at the upgrade. ``key`` is the credential of header or query, empty when there was none."""

    multi: bool
    key: str = ""
    inactivity_s: float = 20.0
    auto_mode: bool = False
    max_chars: int = 40_000
    close_after_final_s: float = 0.0
    error_close_s: float = 0.0
    slot_release_s: float = 0.0
    choices: Choices = field(default_factory=Choices)
    effects: Effects = NO_EFFECTS


class Desk(Protocol):
    """What a session asks of the server around it. All methods are plain calls, none waits."""

    def authorize(self, credential: str) -> tuple[str, str] | None:
        """Error name and message for a bad ``credential``; None when it is good."""

    def voice_error(self, voice_ids: list[str]) -> str | None:
        """What is wrong with the socket's voice or with ``voice_ids``; None when nothing is."""

    def studio(self, voice_settings: dict[str, Any] | None) -> Studio:
        """Where a new context records."""

    def note(self, kind: Kind) -> None:
        """Counts a fault."""

    def heard(self, text: str) -> None:
        """Counts a text that is about to be generated."""


class SocketError(Exception):
    """Ends the socket: an error frame, then a close with 1008."""

    def __init__(self, error: str, message: str, *, context_id: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.context_id = context_id
        self.param = param


@dataclass(frozen=True, slots=True)
class Closing:
    """The server closes the socket."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Aborting:
    """The server cuts the connection."""


Outcome = str | Closing | Aborting


@dataclass(slots=True)
class Context:
    """One conversation on a socket; a single-context socket has exactly one.

    ``schedule`` and ``generations`` say at how many buffered characters the next generation starts by itself;
    ``released_s`` is when the slot of a finished context is free again.
    """

    context_id: str
    box: Voicebox
    heard_s: float
    settings: dict[str, Any] | None = None
    schedule: tuple[float, ...] = ()
    buffer: str = ""
    generations: int = 0
    closing: bool = False
    silent: bool = False
    released_s: float | None = None


class SocketSession(ABC):
    """One socket. ``receive`` what the client says, ``pull`` what is due, look again at ``next_s``."""

    def __init__(self, rules: SocketRules, desk: Desk, now_s: float) -> None:
        self.rules = rules
        self.desk = desk
        self.ended = False
        self.opened = 0
        self._open: dict[str, Context] = {}
        self._closing: list[Context] = []
        self._out: list[Outcome] = []
        self._close: tuple[float, Closing] | None = None
        self._leaving = False
        self._greeted = False
        self._effects = rules.effects
        self._heard_s = now_s
        if rules.key:
            refused = desk.authorize(rules.key)
            if refused is not None:
                self._fail(SocketError(*refused), now_s)

    @abstractmethod
    def _handle(self, raw: str | bytes, now_s: float) -> None:
        """Acts on one message. Raises BadMessage and SocketError."""

    @abstractmethod
    def _render(self, piece: Piece, context: Context) -> list[str]:
        """The messages for one piece of audio."""

    @abstractmethod
    def _final(self, context: Context) -> str:
        """The message that ends ``context``."""

    @abstractmethod
    def _close_context(self, context: Context, now_s: float) -> None:
        """Stops listening to ``context``; what is to be spoken of its buffer is queued."""

    @abstractmethod
    def _ids(self, context_id: str) -> dict[str, str] | None:
        """How messages name a context; None on a single-context socket."""

    @property
    def context_count(self) -> int:
        """Contexts that take a slot."""
        return len(self._open) + len(self._closing)

    @property
    def queued_chars(self) -> int:
        """Text that waits for its turn; the server stops reading while it is a lot."""
        return sum(context.box.queued_chars for context in self._contexts())

    @property
    def next_s(self) -> float | None:
        """When ``pull`` has something to do if no message comes before; None when never."""
        if self.ended:
            return None
        if self._out:
            return self._heard_s
        if self._close is not None:
            return self._close[0]
        times = list(self._idle_times())
        for context in self._contexts():
            due_s = context.box.next_s
            if due_s is not None:
                times.append(due_s)
            elif context.released_s is not None:
                times.append(context.released_s)
            elif context.closing:
                times.append(self._heard_s)
        return min(times, default=None)

    def receive(self, raw: str | bytes, now_s: float) -> None:
        """Takes one message of the client. Never raises."""
        if self.ended or self._close is not None or self._leaving:
            return
        self._heard_s = now_s
        try:
            self._handle(raw, now_s)
        except BadMessage as error:
            message = f"Could not parse input message, {error}"
            self._fail(SocketError("invalid_input_message", message), now_s)
        except SocketError as error:
            self._fail(error, now_s)

    def pull(self, now_s: float) -> list[Outcome]:
        """What is due at ``now_s``: at most one piece of audio of each context, so that a caller can hold back."""
        if self.ended:
            return []
        try:
            self._work(now_s)
        except Refused as error:
            self._fail(SocketError(error.error, error.message), now_s)
        except SocketError as error:
            self._fail(error, now_s)
        except Cut:
            self._stop()
            self.ended = True
            return [Aborting()]
        out, self._out = self._out, []
        if self._close is not None and self._close[0] <= now_s:
            out.append(self._close[1])
            self.ended = True
        return out

    def abandon(self) -> None:
        """The client is gone: gives every slot back."""
        self._stop()
        self.ended = True

    def _work(self, now_s: float) -> None:
        if self._close is not None:
            return
        for context in self._contexts():
            piece = context.box.pull(now_s)
            if piece is not None:
                self._out += self._render(piece, context)
            if context.closing and not context.box.busy and context.released_s is None:
                self._finish(context, now_s)
        self._closing = [one for one in self._closing if one.released_s is None or one.released_s > now_s]
        self._expire(now_s)
        finished = all(context.released_s is not None for context in self._contexts())
        if self._leaving and finished:
            self._end(now_s)

    def _finish(self, context: Context, now_s: float) -> None:
        if not context.silent:
            self._out.append(self._final(context))
        fault = self._effects.get(Kind.SLOT_RELEASE)
        if fault is not None:
            self.desk.note(Kind.SLOT_RELEASE)
        context.released_s = now_s + (self.rules.slot_release_s if fault is None else fault.seconds)

    def _end(self, now_s: float) -> None:
        fault = self._effects.get(Kind.CLOSE_CODE)
        code = 1000
        if fault is not None:
            self.desk.note(Kind.CLOSE_CODE)
            code = fault.close_code
        self._stop()
        self._close = (now_s + self.rules.close_after_final_s, Closing(code, ""))

    def _greet(self, credential: str, voice_ids: list[str]) -> None:
        """Checks, with the first message, what was not checked at the upgrade."""
        if self._greeted:
            return
        if not self.rules.key:
            refused = self.desk.authorize(credential)
            if refused is not None:
                raise SocketError(*refused)
        wrong = self.desk.voice_error(voice_ids)
        if wrong is not None:
            raise SocketError("voice_id_does_not_exist", wrong)
        fault = self._effects.get(Kind.ERROR_FRAME)
        if fault is not None:
            self.desk.note(Kind.ERROR_FRAME)
            error = fault.code or "system_busy"
            raise SocketError(error, fault.message or MESSAGES.get(error, f"The server was told to send {error}."))
        self._greeted = True

    def _create(self, context_id: str, settings: dict[str, Any] | None, now_s: float) -> Context:
        if self.context_count >= MAX_CONTEXTS:
            raise SocketError("max_active_conversations", CONTEXTS_MESSAGE, context_id=context_id)
        effects = self._effects if self.opened == 0 else NO_EFFECTS
        box = Voicebox(self.desk.studio(settings), self.desk.note, effects)
        context = Context(context_id, box, now_s, settings)
        self._open[context_id] = context
        self.opened += 1
        return context

    def _retire(self, context: Context, now_s: float) -> None:
        """Closes ``context``: its id is free, its slot is not before its final."""
        self._close_context(context, now_s)
        context.closing = True
        del self._open[context.context_id]
        self._closing.append(context)

    def _leave(self, now_s: float) -> None:
        """Finishes what is being said, then closes."""
        for context in list(self._open.values()):
            self._retire(context, now_s)
        self._leaving = True

    @property
    def _is_quiet(self) -> bool:
        """Whether no context listens and none has anything to say: then the socket itself may time out."""
        return not self._open and all(context.released_s is not None for context in self._closing)

    def _idle_times(self) -> Iterator[float]:
        if self._leaving:
            return
        for context in self._open.values():
            yield context.heard_s + self.rules.inactivity_s
        if self._is_quiet:
            yield self._heard_s + self.rules.inactivity_s

    def _expire(self, now_s: float) -> None:
        if self._leaving:
            return
        limit_s = self.rules.inactivity_s
        for context in list(self._open.values()):
            if context.heard_s + limit_s <= now_s:
                if not self.rules.multi:
                    raise SocketError("input_timeout_exceeded", timeout_message(limit_s))
                context.silent = self.rules.choices.expired_context == "nothing"
                self._retire(context, now_s)
                if not context.box.busy:
                    self._finish(context, now_s)
        if self._is_quiet and self._heard_s + limit_s <= now_s:
            raise SocketError("input_timeout_exceeded", timeout_message(limit_s))

    def _fail(self, error: SocketError, now_s: float) -> None:
        self._stop()
        named = error.context_id is not None and self.rules.choices.error_context_id == "yes"
        ids = self._ids(error.context_id) if named and error.context_id is not None else None
        self._out.append(error_frame(error.message, error.error, POLICY_VIOLATION, ids, error.param))
        close = Closing(POLICY_VIOLATION, reason_of(error.message))
        self._close = (now_s + self.rules.error_close_s, close)

    def _stop(self) -> None:
        for context in self._contexts():
            context.box.drop()
        self._open.clear()
        self._closing.clear()

    def _contexts(self) -> list[Context]:
        return [*self._closing, *self._open.values()]


def timeout_message(limit_s: float) -> str:
    """The API's own words."""
    return (
        f"Have not received a new text input within the timeout of {float(limit_s)} seconds. "
        "Streaming input terminated. Please make sure to either feed the input in the timely manner, "
        "or to send the end of input text "
        '(empty string "") when done.'
    )
