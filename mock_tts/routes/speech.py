"""The text-to-speech and text-to-dialogue POST endpoints: check, admit, speak, deliver."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mock_tts import errors
from mock_tts.admission import charge, fault_error, group_of, take_slot
from mock_tts.audio import Utterance
from mock_tts.call import Call, Order, Segment
from mock_tts.catalog import DEFAULT_MODEL_ID, PLANS, VOICES, Model, find_model
from mock_tts.delivery import SMALL_CHARS, send_lines, send_stream, send_whole, whole_json
from mock_tts.errors import ApiError
from mock_tts.faults import Kind, Route
from mock_tts.formats import FORMATS, PAID_FORMATS, AudioFormat, find_format
from mock_tts.packing import whole_file
from mock_tts.profile import Timing, timing
from mock_tts.replies import COMMON, ClientGone, Receive, Scope, Send, key_of, read_body, send_error, transport_of
from mock_tts.service import Service
from mock_tts.speech import Alignment, align
from mock_tts.track import Track, frame_ms
from mock_tts.wire import DialogueBody, SpeechBody, SpeechQuery, parse_body, parse_query

MAX_DIALOGUE_VOICES = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One text in one voice."""

    text: str
    voice_id: str


@dataclass(frozen=True, slots=True)
class Wish:
    """A checked request, before any audio exists."""

    lines: tuple[Line, ...]
    model: Model
    audio_format: AudioFormat
    speed: float | None
    seed: int | None
    is_dialogue: bool

    @property
    def text(self) -> str:
        return self.lines[0].text if len(self.lines) == 1 else "".join(line.text for line in self.lines)


async def handle(service: Service, scope: Scope, receive: Receive, send: Send, route: Route, voice_id: str) -> None:
    """Answers one POST; whatever happens, the ledger balances afterwards."""
    loop_s = asyncio.get_running_loop().time()
    call = Call(
        *(service, scope, send, route, transport_of(scope), loop_s, service.base62_id(), service.hex_id()),
        voice_id=voice_id,
    )
    ledger = service.ledger
    ledger.requests[route.value] += 1
    ledger.gauges.open_streams += 1
    try:
        await _answer(call, receive)
    except ApiError as error:
        call.status = error.problem.http_status
        call.bytes_out += await send_error(send, error, call.trace_id)
    except ClientGone:
        ledger.aborted += 1
        call.status = call.status or 499
    finally:
        ledger.gauges.open_streams -= 1
        ledger.bytes_out += call.bytes_out
        ledger.note(call.entry())


async def _answer(call: Call, receive: Receive) -> None:
    service = call.service
    service.check_key(key_of(call.scope))
    raw = await read_body(receive)
    wish = _dialogue_wish(call, raw) if call.route in _DIALOGUE else _speech_wish(call, raw)
    text = wish.text
    call.chars = len(text)
    call.text_hash = service.ledger.count_text(call.route.value, text)
    call.effects = service.faults.pick(call.route, wish.lines[0].voice_id, text)
    if call.effects.by_kind and await _refused(call):
        return
    call.slot_lines = await take_slot(service, wish.model, call.effects, call.transport)
    service.ledger.gauges.generating += 1
    try:
        cost = charge(service, wish.model, text, call.effects)
        await _DELIVER[call.route](call, await _order(call, wish, cost))
    finally:
        service.ledger.gauges.generating -= 1
        service.slots.leave(group_of(wish.model))


async def _refused(call: Call) -> bool:
    """Answers with the fault that replaces the whole answer, if there is one."""
    status, text = call.fault(Kind.STATUS), call.fault(Kind.TEXT)
    if status is not None:
        call.note_fault(Kind.STATUS)
        raise fault_error(call.service, status)
    if text is None:
        return False
    call.note_fault(Kind.TEXT)
    await call.start(text.status, [*COMMON, (b"content-type", text.content_type.encode())])
    await call.write(text.body.encode(), more=False)
    return True


def _speech_wish(call: Call, raw: bytes) -> Wish:
    query = parse_query(SpeechQuery, call.scope["query_string"])
    body = parse_body(SpeechBody, raw)
    speed = None if body.voice_settings is None else body.voice_settings.speed
    lines = (Line(body.text, call.voice_id),)
    return _checked(call, lines, body.model_id, query.output_format, speed, body.seed)


def _dialogue_wish(call: Call, raw: bytes) -> Wish:
    query = parse_query(SpeechQuery, call.scope["query_string"])
    body = parse_body(DialogueBody, raw)
    lines = tuple(Line(item.text, item.voice_id) for item in body.inputs)
    if len({line.voice_id for line in lines}) > MAX_DIALOGUE_VOICES:
        message = f"A dialogue may have at most {MAX_DIALOGUE_VOICES} distinct voices."
        raise ApiError(errors.INVALID_PARAMETERS, message, param="inputs")
    call.voice_id = lines[0].voice_id
    return _checked(call, lines, body.model_id or "eleven_v3", query.output_format, None, body.seed)


def _checked(
    call: Call, lines: tuple[Line, ...], model_id: str | None, format_name: str, speed: float | None, seed: int | None
) -> Wish:
    """The request as a wish. Raises ApiError for anything that is not allowed."""
    service = call.service
    audio_format = checked_format(service, format_name)
    model = find_model(model_id or DEFAULT_MODEL_ID)
    if model is None:
        raise ApiError(errors.MODEL_NOT_FOUND, f"A model with model_id '{model_id}' was not found.", param="model_id")
    for line in lines:
        check_voice(service, line.voice_id)
        if not line.text.strip():
            raise ApiError(errors.EMPTY_TEXT, "The text must not be empty.", param="text")
    chars = sum(len(line.text) for line in lines)
    if chars > model.refused_above_chars:
        message = (
            f"A maximum of {model.max_chars} characters is allowed for a single request with {model.model_id}. "
            f"You provided {chars} characters."
        )
        raise ApiError(errors.TEXT_TOO_LONG, message, param="text")
    return Wish(lines, model, audio_format, speed, seed, call.route in _DIALOGUE)


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


def check_voice(service: Service, voice_id: str) -> None:
    """Raises ApiError when only listed voices are accepted and this is none."""
    if not voice_id or (service.settings.strict_voices and voice_id not in VOICES):
        raise ApiError(errors.VOICE_NOT_FOUND, f"A voice with voice_id '{voice_id[:100]}' was not found.")


async def _order(call: Call, wish: Wish, cost: int) -> Order:
    """The audio and its alignment; clips that do not exist yet are encoded in a thread."""
    service = call.service
    for line in wish.lines:
        if not service.bank.is_ready(wish.audio_format, line.voice_id):
            await asyncio.to_thread(service.bank.prepare, wish.audio_format, line.voice_id)
    parts = [
        service.speak(line.text, line.voice_id, wish.audio_format, speed=wish.speed, seed=wish.seed)
        for line in wish.lines
    ]
    when = timing(service.settings.profile, wish.model.family, parts[0].digest)
    delay = call.fault(Kind.DELAY)
    if delay is not None:
        call.note_fault(Kind.DELAY)
        when = Timing(when.first_byte_s + delay.seconds, when.realtime_factor)
    speech = parts[0] if len(parts) == 1 else Track(parts)
    alignment, segments = _script(wish, parts) if call.route in _TIMED else (_SILENT, ())
    return Order(speech, alignment, segments, when, wish.model, cost)


def _script(wish: Wish, parts: list[Utterance]) -> tuple[Alignment, tuple[Segment, ...]]:
    """When everything is said, line after line, and by whom; only a dialogue has segments."""
    if not wish.is_dialogue:
        return align(wish.text, parts[0].duration_ms), ()
    track = Track(parts)
    chars: list[str] = []
    edges = [0]
    segments = []
    for line, first, last in zip(wish.lines, track.edges, track.edges[1:], strict=False):
        start_ms, stop_ms = frame_ms(track, first), frame_ms(track, last)
        said = align(line.text, stop_ms - start_ms).moved(start_ms)
        segments.append(Segment(line.voice_id, len(chars), len(chars) + len(said.chars), start_ms, stop_ms))
        chars += said.chars
        edges += said.edges_ms[1:]
    return Alignment(tuple(chars), tuple(edges)), tuple(segments)


async def _deliver_file(call: Call, order: Order) -> None:
    speech = order.speech
    if isinstance(speech, Utterance) and call.chars <= SMALL_CHARS:
        data = call.service.file_of(speech)
    else:
        data = await asyncio.to_thread(whole_file, speech)
    await send_whole(call, order, data, speech.audio_format.content_type)


async def _deliver_json(call: Call, order: Order) -> None:
    if call.chars <= SMALL_CHARS:
        data = whole_json(order, whole_file(order.speech))
    else:
        data = await asyncio.to_thread(lambda: whole_json(order, whole_file(order.speech)))
    await send_whole(call, order, data, "application/json")


_SILENT = Alignment((), (0,))
_DELIVER: dict[Route, Callable[[Call, Order], Awaitable[None]]] = {
    Route.CONVERT: _deliver_file,
    Route.STREAM: send_stream,
    Route.WITH_TIMESTAMPS: _deliver_json,
    Route.STREAM_WITH_TIMESTAMPS: send_lines,
    Route.DIALOGUE: _deliver_file,
    Route.DIALOGUE_STREAM: send_stream,
    Route.DIALOGUE_WITH_TIMESTAMPS: _deliver_json,
    Route.DIALOGUE_STREAM_WITH_TIMESTAMPS: send_lines,
}
_DIALOGUE = frozenset(route for route in _DELIVER if route.value.startswith("dialogue"))
_TIMED = frozenset(route for route in _DELIVER if route.value.endswith("timestamps"))
