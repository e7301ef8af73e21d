"""The two text-to-speech sockets as state machines: a message and a time in, messages and the next time out.

No sockets, no clock, no waiting. Single and multi-context sockets share all rules but the meaning of an empty text.
"""

from mock_tts.frames import final_frame, speech_frame
from mock_tts.messages import BadMessage, SpeechMessage, parse_message, same_settings
from mock_tts.socket_rules import DEFAULT_CONTEXT, Context, SocketError, SocketSession
from mock_tts.voicebox import Line, Piece

DEFAULT_SCHEDULE = (120.0, 160.0, 250.0, 290.0)
SCHEDULE_RANGE = (50.0, 500.0)
TRIGGER_CHARS = 50
"""Buffered characters from which ``try_trigger_generation`` generates."""

SETTINGS_MESSAGE = (
    "voice_settings field must be provided in the first message and then either be not provided or not change."
)


class SpeechSession(SocketSession):
    """One socket of stream-input, or of multi-stream-input when its rules say ``multi``."""

    def _handle(self, raw: str | bytes, now_s: float) -> None:
        message = parse_message(SpeechMessage, raw)
        if not self.rules.multi and message.text is None:
            raise BadMessage("text: Field required")
        if self.rules.multi and message.text is None and not _acts(message):
            raise BadMessage("expected text, flush, close_context or close_socket, found none of them")
        self._greet(message.credential, [])
        if self.rules.multi:
            self._handle_multi(message, now_s)
        else:
            self._handle_single(message, now_s)

    def _handle_single(self, message: SpeechMessage, now_s: float) -> None:
        context = self._context(DEFAULT_CONTEXT, message, now_s)
        text = message.text or ""
        if text == "" and not (message.flush and self.rules.choices.empty_flush == "flush"):
            self._generate(context, now_s)
            self._leave(now_s)
        else:
            self._hear(context, message, now_s)

    def _handle_multi(self, message: SpeechMessage, now_s: float) -> None:
        name = message.context or DEFAULT_CONTEXT
        if message.close_context or message.close_socket:
            self._take_last(name, message, now_s)
            return
        if message.text == "" and not message.flush and message.context is None:
            for context in self._open.values():  # a keep-alive of the whole socket
                context.heard_s = now_s
            return
        self._hear(self._context(name, message, now_s), message, now_s)

    def _take_last(self, name: str, message: SpeechMessage, now_s: float) -> None:
        """What a message that closes a context, or the socket, has to say before."""
        if name in self._open or (message.text and message.flush):
            context = self._context(name, message, now_s)
            if message.text or message.flush:
                self._hear(context, message, now_s)
            if not message.close_socket:
                self._retire(context, now_s)
        if message.close_socket:
            self._leave(now_s)

    def _context(self, name: str, message: SpeechMessage, now_s: float) -> Context:
        """The context called ``name``, new or known; voice settings may come with its first message only."""
        context = self._open.get(name)
        if context is None:
            context = self._create(name, message.voice_settings, now_s)
            context.schedule = _schedule(message.schedule) or DEFAULT_SCHEDULE
            return context
        context.heard_s = now_s
        if message.voice_settings is not None and not same_settings(context.settings, message.voice_settings):
            raise SocketError("invalid_voice_settings", SETTINGS_MESSAGE, context_id=name)
        context.schedule = _schedule(message.schedule) or context.schedule
        return context

    def _hear(self, context: Context, message: SpeechMessage, now_s: float) -> None:
        """Adds the text of ``message`` to the buffer and generates if a rule says so."""
        text = message.text or ""
        if text != " " or (context.buffer and not context.buffer.endswith(" ")):
            context.buffer += text  # a single blank initialises or keeps alive, and parts words
        buffered = len(context.buffer)
        if buffered > self.rules.max_chars:
            limit = f"A maximum of {self.rules.max_chars} characters may be buffered."
            raise SocketError("max_character_limit_exceeded", limit, context_id=context.context_id)
        step = context.schedule[min(context.generations, len(context.schedule) - 1)]
        triggered = bool(message.try_trigger_generation) and buffered >= TRIGGER_CHARS
        if message.flush or self.rules.auto_mode or triggered or buffered >= step:
            self._generate(context, now_s)

    def _generate(self, context: Context, now_s: float) -> None:
        """Queues what is buffered, with the one trailing space that alignments end with."""
        text = context.buffer.strip()
        if not text:
            return
        context.buffer = ""
        context.generations += 1
        self.desk.heard(text)
        context.box.say((Line(text + " ", ""),), now_s)

    def _close_context(self, context: Context, now_s: float) -> None:
        if self.rules.choices.unflushed_on_close == "speak":
            self._generate(context, now_s)
        context.buffer = ""

    def _render(self, piece: Piece, context: Context) -> list[str]:
        return [speech_frame(piece, self._ids(context.context_id))]

    def _final(self, context: Context) -> str:
        return final_frame(self._ids(context.context_id))

    def _ids(self, context_id: str) -> dict[str, str] | None:
        if not self.rules.multi:
            return None
        chosen = self.rules.choices.ids
        names = {"both": ("contextId", "context_id"), "camel": ("contextId",), "snake": ("context_id",)}[chosen]
        return dict.fromkeys(names, context_id)


def _acts(message: SpeechMessage) -> bool:
    """Whether a message without text has a meaning on the multi-context socket."""
    init = message.voice_settings is not None or message.schedule is not None
    return bool(message.flush or message.close_context or message.close_socket or init)


def _schedule(wanted: list[float] | None) -> tuple[float, ...]:
    low, high = SCHEDULE_RANGE
    return tuple(min(max(item, low), high) for item in wanted or ())
