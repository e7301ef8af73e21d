"""The WebSocket endpoints: checks the upgrade, then lets a session talk to its socket and the clock."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mock_tts import errors
from mock_tts.admission import fault_error, group_of, limit_of, too_many
from mock_tts.catalog import DEFAULT_MODEL_ID, Model, find_model, is_dialogue_model
from mock_tts.dialogue_session import DIALOGUE_INACTIVITY_S, DialogueSession
from mock_tts.errors import ApiError
from mock_tts.faults import Effects, Kind, Route
from mock_tts.formats import FORMATS, AudioFormat
from mock_tts.ledger import Entry
from mock_tts.replies import COMMON, ClientGone, Headers, Receive, Scope, Send, key_of, transport_of
from mock_tts.routes.orders import checked_format
from mock_tts.service import Service
from mock_tts.session import SpeechSession
from mock_tts.settings import OverLimit
from mock_tts.socket_rules import Aborting, Closing, SocketRules, SocketSession
from mock_tts.studio import SocketDesk
from mock_tts.wire import SocketQuery, parse_query

MAX_INACTIVITY_S = 180.0
MAX_QUEUED_CHARS = 200_000
"""Text waiting for its turn above which a socket is not read, so that a fast sender cannot fill memory."""

_UNSET_MODELS = (None, "", "Ellipsis")
"""Older SDKs write ``model_id=Ellipsis`` when none is set."""

_MULTI = (Route.MULTI_STREAM_INPUT, Route.DIALOGUE_MULTI_STREAM_INPUT)
_DIALOGUE = (Route.DIALOGUE_STREAM_INPUT, Route.DIALOGUE_MULTI_STREAM_INPUT)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A checked upgrade request."""

    model: Model
    audio_format: AudioFormat
    query: SocketQuery
    key: str
    effects: Effects


async def handle(service: Service, scope: Scope, receive: Receive, send: Send, route: Route, voice_id: str) -> None:
    """Serves one socket from upgrade to close; whatever happens, the ledger balances afterwards."""
    ledger = service.ledger
    ledger.requests[route.value] += 1
    await receive()  # websocket.connect
    try:
        upgrade = _upgrade(service, scope, route, voice_id)
    except ApiError as error:
        await refuse(service, send, error)
        _note_refusal(service, route, voice_id, error.problem.http_status)
        return
    text = upgrade.effects.get(Kind.TEXT)
    if text is not None:
        ledger.faults[Kind.TEXT.value] += 1
        await _refuse_raw(send, text.status, [(b"content-type", text.content_type.encode())], text.body.encode())
        _note_refusal(service, route, voice_id, text.status)
        return
    ledger.gauges.open_sockets += 1
    try:
        await _accept(service, scope, receive, send, route, voice_id, upgrade)
    finally:
        ledger.gauges.open_sockets -= 1


def _upgrade(service: Service, scope: Scope, route: Route, voice_id: str) -> Upgrade:
    query = parse_query(SocketQuery, scope["query_string"])
    is_dialogue = route in _DIALOGUE
    default = "eleven_v3" if is_dialogue else DEFAULT_MODEL_ID
    wanted = query.model_id
    model_id = default if wanted is None or wanted in _UNSET_MODELS else wanted
    if is_dialogue_model(model_id) and not is_dialogue:
        message = f"The model {model_id[:100]} is not supported on this endpoint."
        raise ApiError(errors.UNSUPPORTED_MODEL, message, param="model_id")
    model = find_model(model_id)
    if model is None:
        message = f"A model with model_id '{model_id[:100]}' was not found."
        raise ApiError(errors.MODEL_NOT_FOUND, message, param="model_id")
    audio_format = checked_format(service, query.output_format)
    if not audio_format.on_sockets:
        allowed = ", ".join(known.name for known in FORMATS.values() if known.on_sockets)
        message = f"Invalid output_format: {audio_format.name!r}. Allowed formats are: {allowed}."
        raise ApiError(errors.INVALID_FORMAT, message, param="output_format")
    key = key_of(scope) or query.authorization.removeprefix("Bearer ").strip() or query.single_use_token
    effects = service.faults.pick(route, voice_id, "")
    status = effects.get(Kind.STATUS)
    if status is not None:
        service.ledger.faults[Kind.STATUS.value] += 1
        raise fault_error(service, status)
    _check_capacity(service, model, effects)
    return Upgrade(model, audio_format, query, key, effects)


def _check_capacity(service: Service, model: Model, effects: Effects) -> None:
    if service.settings.choices.socket_busy != "upgrade":
        return
    limit, policy, _ = limit_of(service, model, effects)
    if limit is not None and policy is OverLimit.REJECT and service.slots.active[group_of(model)] >= limit:
        raise too_many(service, limit)


async def refuse(service: Service, send: Send, error: ApiError) -> None:
    """Answers an upgrade request with a plain HTTP error."""
    trace_id = service.hex_id()
    headers = [(b"content-type", b"application/json"), (b"x-trace-id", trace_id.encode()), *error.headers]
    await _refuse_raw(send, error.problem.http_status, headers, error.body(trace_id))


def _note_refusal(service: Service, route: Route, voice_id: str, status: int) -> None:
    at_s = round(service.uptime_s(), 3)
    service.ledger.note(Entry(at_s, route.value, voice_id, "", 0, status, 0, ""))


async def _refuse_raw(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "websocket.http.response.start", "status": status, "headers": [*COMMON, *headers]})
    await send({"type": "websocket.http.response.body", "body": body})


async def _accept(
    service: Service, scope: Scope, receive: Receive, send: Send, route: Route, voice_id: str, upgrade: Upgrade
) -> None:
    profile = service.settings.profile
    if not service.bank.is_ready(upgrade.audio_format, voice_id):
        await asyncio.to_thread(service.bank.prepare, upgrade.audio_format, voice_id)
    if profile.upgrade_s:
        await asyncio.sleep(profile.upgrade_s)
    query = upgrade.query
    desk = SocketDesk(
        *(service, route, voice_id, upgrade.model, upgrade.audio_format, upgrade.effects),
        seed=query.seed,
        sync_alignment=query.sync_alignment,
    )
    is_dialogue = route in _DIALOGUE
    rules = SocketRules(
        multi=route in _MULTI,
        key=upgrade.key,
        inactivity_s=DIALOGUE_INACTIVITY_S if is_dialogue else min(float(query.inactivity_timeout), MAX_INACTIVITY_S),
        auto_mode=query.auto_mode,
        max_chars=upgrade.model.refused_above_chars,
        close_after_final_s=profile.close_after_final_s,
        error_close_s=profile.error_close_s,
        slot_release_s=profile.slot_release_s,
        choices=service.settings.choices,
        effects=upgrade.effects,
    )
    await send({"type": "websocket.accept"})
    make: Callable[[SocketRules, SocketDesk, float], SocketSession] = DialogueSession if is_dialogue else SpeechSession
    session = make(rules, desk, asyncio.get_running_loop().time())
    await _Conversation(service, session, desk, scope, receive, send).run()


class _Conversation:
    """Moves messages between a session and its socket until either ends."""

    def __init__(
        self, service: Service, session: SocketSession, desk: SocketDesk, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._service = service
        self._session = session
        self._desk = desk
        self._transport = transport_of(scope)
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._gone = False
        self._counted = 0
        self._bytes_out = 0
        self._status = 101

    async def run(self) -> None:
        """Returns when the socket is closed. Never raises for what a client does."""
        reader = self._loop.create_task(self._read())
        reader.add_done_callback(lambda _: self._wake.set())
        try:
            await self._write(reader)
        except ClientGone:
            pass
        finally:
            reader.cancel()
            self._finish()

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] != "websocket.receive":
                self._gone = True
                self._wake.set()
                return
            text = message.get("text")
            self._session.receive(message.get("bytes", b"") if text is None else text, self._loop.time())
            self._wake.set()
            if self._session.queued_chars > MAX_QUEUED_CHARS:
                self._room.clear()
                await self._room.wait()

    async def _write(self, reader: asyncio.Task[None]) -> None:
        session = self._session
        while not session.ended:
            self._wake.clear()
            outcomes = session.pull(self._loop.time())
            self._count_contexts()
            if self._session.queued_chars <= MAX_QUEUED_CHARS:
                self._room.set()
            for outcome in outcomes:
                await self._deliver(outcome)
            if self._gone:
                raise ClientGone
            if reader.done():
                reader.result()  # a mistake of ours ends the socket: nobody would read it any more
            if not session.ended:
                await self._rest(bool(outcomes))

    async def _rest(self, busy: bool) -> None:
        """Waits for a message or for the session's next time; after work at least lets others run."""
        next_s = self._session.next_s
        if busy or (next_s is not None and next_s <= self._loop.time()):
            await asyncio.sleep(0)
            return
        timer = None if next_s is None else self._loop.call_at(next_s, self._wake.set)
        await self._wake.wait()
        if timer is not None:
            timer.cancel()

    async def _deliver(self, outcome: str | Closing | Aborting) -> None:
        if self._gone:
            raise ClientGone
        ledger = self._service.ledger
        if isinstance(outcome, str):
            self._bytes_out += len(outcome)
            ledger.bytes_out += len(outcome)
            await self._try_send({"type": "websocket.send", "text": outcome})
        elif isinstance(outcome, Closing):
            self._status = outcome.code
            ledger.closes[str(outcome.code)] += 1
            await self._try_send({"type": "websocket.close", "code": outcome.code, "reason": outcome.reason})
        else:
            ledger.closes["abort"] += 1
            if self._transport is not None:
                self._transport.abort()

    async def _try_send(self, message: dict[str, object]) -> None:
        try:
            await self._send(message)
        except OSError as error:  # uvicorn's ClientDisconnected
            self._gone = True
            raise ClientGone from error

    def _count_contexts(self) -> None:
        gauges = self._service.ledger.gauges
        count = self._session.context_count
        gauges.open_contexts += count - self._counted
        self._counted = count

    def _finish(self) -> None:
        ledger, desk = self._service.ledger, self._desk
        if self._gone and not self._session.ended:
            ledger.closes["client"] += 1
            ledger.aborted += 1 if self._session.context_count else 0
        self._session.abandon()
        self._count_contexts()
        ledger.contexts += self._session.opened
        ledger.note(
            Entry(
                *(round(self._service.uptime_s(), 3), desk.route.value, desk.voice_id, desk.text_hash, desk.chars),
                *(self._status, self._bytes_out, ""),
            )
        )
