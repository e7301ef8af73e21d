"""From a request for speech to an order: parsed, checked, recorded, aligned. Orders of recent requests are kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mock_tts import errors
from mock_tts.audio import Utterance
from mock_tts.call import Order, Segment
from mock_tts.catalog import DEFAULT_MODEL_ID, PLANS, VOICES, Model, find_model
from mock_tts.errors import ApiError
from mock_tts.faults import Route
from mock_tts.formats import FORMATS, PAID_FORMATS, AudioFormat, find_format
from mock_tts.ledger import text_hash
from mock_tts.packing import unheard_frames
from mock_tts.profile import timing
from mock_tts.service import Service, credits_of
from mock_tts.speech import Alignment, align
from mock_tts.track import Track, frame_ms
from mock_tts.voicebox import Line
from mock_tts.wire import DialogueBody, SpeechBody, SpeechQuery, parse_body, parse_query

DEFAULT_DIALOGUE_MODEL_ID = "eleven_v3"
MAX_DIALOGUE_VOICES = 10

_Key = tuple[Route, str, bytes, bytes]

_KEPT_ORDERS = 256
_KEPT_BODY_BYTES = 4096
_SILENT = Alignment((), (0,))
_DIALOGUE = frozenset(route for route in Route if route.value.startswith("dialogue"))
_WHOLE = (Route.WITH_TIMESTAMPS, Route.DIALOGUE_WITH_TIMESTAMPS)
_TIMED = frozenset(route for route in Route if route.value.endswith("timestamps"))


@dataclass(frozen=True, slots=True)
class Wish:
    """A request that is parsed and allowed, and not recorded yet."""

    key: _Key
    lines: tuple[Line, ...]
    model: Model
    audio_format: AudioFormat
    speed: float | None
    seed: int | None

    @property
    def voice_id(self) -> str:
        return self.lines[0].voice_id

    @property
    def text(self) -> str:
        return "".join(line.text for line in self.lines)


class OrderBook:
    """Orders by request. A soak asks for the same words over and over, and so does a backend that posts twice: the
    same bytes are the same order, which then need not be parsed, checked and recorded again."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._recent: dict[_Key, Order] = {}

    def asked(self, route: Route, voice_id: str, query_string: bytes, raw: bytes) -> Order | Wish:
        """What one request asks for: its order where it is known already. Raises ApiError for what is wrong or not
        allowed."""
        key = (route, voice_id, query_string, raw)
        return self._recent.get(key) or self._wish(key)

    async def recorded(self, asked: Order | Wish) -> Order:
        """The order for what was asked; clips that do not exist yet are encoded in a thread."""
        if isinstance(asked, Order):
            return asked
        for missing in self._missing(asked):
            await asyncio.to_thread(self._service.bank.prepare, asked.audio_format, missing)
        return self._keep(asked.key, self._record(asked))

    def at_once(self, route: Route, voice_id: str, query_string: bytes, raw: bytes) -> Order | None:
        """The same without waiting; None when a clip must be encoded first."""
        asked = self.asked(route, voice_id, query_string, raw)
        if isinstance(asked, Order):
            return asked
        return None if self._missing(asked) else self._keep(asked.key, self._record(asked))

    def _wish(self, key: _Key) -> Wish:
        route, _, query_string, _ = key
        query = parse_query(SpeechQuery, query_string)
        return _dialogue(self._service, query, key) if route in _DIALOGUE else _speech(self._service, query, key)

    def _missing(self, wish: Wish) -> list[str]:
        """Voices whose clips do not exist yet."""
        is_ready = self._service.bank.is_ready
        return [line.voice_id for line in wish.lines if not is_ready(wish.audio_format, line.voice_id)]

    def _keep(self, key: _Key, order: Order) -> Order:
        if len(key[-1]) <= _KEPT_BODY_BYTES:
            self._recent[key] = order
            if len(self._recent) > _KEPT_ORDERS:
                del self._recent[next(iter(self._recent))]
        return order

    def _record(self, wish: Wish) -> Order:
        """The audio of ``wish`` and its alignment."""
        service = self._service
        parts = [
            service.speak(line.text, line.voice_id, wish.audio_format, speed=wish.speed, seed=wish.seed)
            for line in wish.lines
        ]
        alignment, segments = _script(wish.key[0], wish.lines, parts)
        return Order(
            speech=parts[0] if len(parts) == 1 else Track(parts),
            alignment=alignment,
            segments=segments,
            timing=timing(service.settings.profile, wish.model.family, parts[0].digest),
            model=wish.model,
            voice_id=wish.voice_id,
            text=wish.text,
            text_hash=text_hash(wish.text),
            credits=credits_of(wish.model, wish.text),
        )


def _speech(service: Service, query: SpeechQuery, key: _Key) -> Wish:
    _, voice_id, _, raw = key
    body = parse_body(SpeechBody, raw)
    speed = None if body.voice_settings is None else body.voice_settings.speed
    lines = (Line(body.text, voice_id),)
    model, audio_format = _check(service, lines, body.model_id or DEFAULT_MODEL_ID, query.output_format)
    return Wish(key, lines, model, audio_format, speed, body.seed)


def _dialogue(service: Service, query: SpeechQuery, key: _Key) -> Wish:
    body = parse_body(DialogueBody, key[-1])
    lines = tuple(Line(item.text, item.voice_id) for item in body.inputs)
    if len({line.voice_id for line in lines}) > MAX_DIALOGUE_VOICES:
        message = f"A dialogue may have at most {MAX_DIALOGUE_VOICES} distinct voices."
        raise ApiError(errors.INVALID_PARAMETERS, message, param="inputs")
    model, audio_format = _check(service, lines, body.model_id or DEFAULT_DIALOGUE_MODEL_ID, query.output_format)
    return Wish(key, lines, model, audio_format, None, body.seed)


def _check(service: Service, lines: Sequence[Line], model_id: str, format_name: str) -> tuple[Model, AudioFormat]:
    """The model and format of a request. Raises ApiError for anything that is not allowed."""
    audio_format = checked_format(service, format_name)
    model = find_model(model_id)
    if model is None:
        message = f"A model with model_id '{model_id[:100]}' was not found."
        raise ApiError(errors.MODEL_NOT_FOUND, message, param="model_id")
    for line in lines:
        _check_voice(service, line.voice_id)
        if not line.text.strip():
            raise ApiError(errors.EMPTY_TEXT, "The text must not be empty.", param="text")
    chars = sum(len(line.text) for line in lines)
    if chars > model.refused_above_chars:
        message = (
            f"A maximum of {model.max_chars} characters is allowed for a single request with {model.model_id}. "
            f"You provided {chars} characters."
        )
        raise ApiError(errors.TEXT_TOO_LONG, message, param="text")
    return model, audio_format


def checked_format(service: Service, name: str) -> AudioFormat:
    """The format called ``name``. Raises ApiError when it is unknown or above the plan."""
    audio_format = find_format(name)
    if audio_format is None:
        allowed = ", ".join(FORMATS)
        message = f"Invalid output_format: {name[:100]!r}. Allowed formats are: {allowed}."
        raise ApiError(errors.INVALID_FORMAT, message, param="output_format")
    needed, plan = PAID_FORMATS.get(audio_format.name), service.settings.plan
    if needed is not None and plan is not None and plan.rank < PLANS[needed].rank:
        message = f"The output_format {audio_format.name} needs the {needed} plan or above."
        raise ApiError(errors.FORMAT_NOT_ALLOWED, message, param="output_format")
    return audio_format


def _check_voice(service: Service, voice_id: str) -> None:
    """Raises ApiError when only listed voices are accepted and this is none."""
    if not voice_id or (service.settings.strict_voices and voice_id not in VOICES):
        raise ApiError(errors.VOICE_NOT_FOUND, f"A voice with voice_id '{voice_id[:100]}' was not found.")


def _script(route: Route, lines: Sequence[Line], parts: Sequence[Utterance]) -> tuple[Alignment, tuple[Segment, ...]]:
    """When everything is said, and in a dialogue by whom; nothing for a route that does not tell."""
    if route not in _TIMED:
        return _SILENT, ()
    track = Track(parts)
    unheard = unheard_frames(track) if route in _WHOLE else 0
    marks_ms = [frame_ms(track, max(0, edge - unheard)) for edge in track.edges]
    if route not in _DIALOGUE:
        return align(lines[0].text, marks_ms[-1]), ()
    chars: list[str] = []
    edges = [0]
    segments = []
    for line, start_ms, stop_ms in zip(lines, marks_ms, marks_ms[1:], strict=False):
        said = align(line.text, stop_ms - start_ms).moved(start_ms)
        segments.append(Segment(line.voice_id, len(chars), len(chars) + len(said.chars), start_ms, stop_ms))
        chars += said.chars
        edges += said.edges_ms[1:]
    return Alignment(tuple(chars), tuple(edges)), tuple(segments)
