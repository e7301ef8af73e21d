"""The two text-to-dialogue sockets as state machines: voices are named per context, everything is snake_case."""

from mock_tts.frames import dialogue_final, dialogue_frames
from mock_tts.messages import BadMessage, DialogueMessage, parse_message
from mock_tts.socket_rules import DEFAULT_CONTEXT, Context, Desk, SocketError, SocketRules, SocketSession
from mock_tts.voicebox import Line, Piece

DIALOGUE_INACTIVITY_S = 20.0
THRESHOLD_CHARS = 40
THRESHOLD_WORDS = 8
MAX_VOICES = 10


class DialogueSession(SocketSession):
    """One dialogue socket, with one context or, when its rules say ``multi``, with several."""

    def __init__(self, rules: SocketRules, desk: Desk, now_s: float) -> None:
        self._lines: dict[str, list[Line]] = {}
        super().__init__(rules, desk, now_s)

    def _handle(self, raw: str | bytes, now_s: float) -> None:
        message = parse_message(DialogueMessage, raw)
        if not _acts(message):
            raise BadMessage("expected voices, inputs, flush, keep_alive, close_context or close_socket, found none")
        self._greet(message.credential, message.voices or [])
        if message.close_socket:
            self._leave(now_s)
            return
        name = (message.context_id or DEFAULT_CONTEXT) if self.rules.multi else DEFAULT_CONTEXT
        context = self._open.get(name)
        if message.close_context:
            self._close_one(context, now_s)
            return
        if context is None:
            context = self._register(name, message, now_s)
        context.heard_s = now_s
        self._hear(context, message, now_s)

    def _close_one(self, context: Context | None, now_s: float) -> None:
        if context is not None and self.rules.multi:
            self._retire(context, now_s)
        elif not self.rules.multi:
            self._leave(now_s)

    def _register(self, name: str, message: DialogueMessage, now_s: float) -> Context:
        if message.keep_alive:
            raise SocketError("context_not_found", f"Context {name!r:.100} is not registered.", param="context_id")
        if not message.voices:
            wanted = "The first message of a context must name its voices."
            raise SocketError("missing_voices", wanted, context_id=name, param="voices")
        if len(set(message.voices)) > MAX_VOICES:
            many = f"A dialogue may have at most {MAX_VOICES} distinct voices."
            raise SocketError("too_many_voices", many, context_id=name, param="voices")
        self._lines[name] = []
        return self._create(name, None, now_s)

    def _hear(self, context: Context, message: DialogueMessage, now_s: float) -> None:
        name = context.context_id
        for item in message.inputs or ():
            wrong = self.desk.voice_error([item.voice_id])
            if wrong is not None:
                raise SocketError("voice_id_does_not_exist", wrong, context_id=name, param="inputs")
            if item.new_turn:
                self._generate(context, now_s, ends_turn=True)
            if item.text.strip():
                self._lines[name].append(Line(item.text, item.voice_id))
        text = "".join(line.text for line in self._lines[name])
        if len(text) > self.rules.max_chars:
            limit = f"A maximum of {self.rules.max_chars} characters may be buffered."
            raise SocketError("max_character_limit_exceeded", limit, context_id=name, param="inputs")
        ripe = len(text) >= THRESHOLD_CHARS and len(text.split()) >= THRESHOLD_WORDS
        if message.flush or ripe:
            self._generate(context, now_s, ends_turn=bool(message.flush))

    def _generate(self, context: Context, now_s: float, ends_turn: bool) -> None:
        lines = tuple(self._lines[context.context_id])
        if not lines:
            return
        self._lines[context.context_id] = []
        self.desk.heard("".join(line.text for line in lines))
        context.generations += 1
        context.box.say(lines, now_s, ends_turn)

    def _close_context(self, context: Context, now_s: float) -> None:
        self._generate(context, now_s, ends_turn=True)
        del self._lines[context.context_id]

    def _render(self, piece: Piece, context: Context) -> list[str]:
        return dialogue_frames(piece, self._ids(context.context_id))

    def _final(self, context: Context) -> str:
        return dialogue_final(self._ids(context.context_id))

    def _ids(self, context_id: str) -> dict[str, str] | None:
        return {"context_id": context_id} if self.rules.multi else None


def _acts(message: DialogueMessage) -> bool:
    asked = message.flush or message.keep_alive or message.close_context or message.close_socket
    return bool(asked or message.voices or message.inputs)
