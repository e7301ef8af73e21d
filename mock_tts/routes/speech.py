"""The text-to-speech and text-to-dialogue POST endpoints: check, admit, deliver."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from mock_tts.admission import charge, fault_error, group_of, slot_lines, take_slot
from mock_tts.call import Call, Order
from mock_tts.delivery import SMALL_CHARS, send_lines, send_stream, send_whole, whole_json
from mock_tts.errors import ApiError
from mock_tts.faults import Kind, Route
from mock_tts.packing import whole_file
from mock_tts.profile import Timing
from mock_tts.replies import COMMON, ClientGone, Receive, Scope, Send, key_of, read_body, send_error, transport_of
from mock_tts.routes.orders import OrderBook
from mock_tts.service import Service


class SpeechEndpoints:
    """All of them; they differ in how an order is delivered."""

    def __init__(self, service: Service, orders: OrderBook) -> None:
        self._service = service
        self._orders = orders

    async def handle(self, scope: Scope, receive: Receive, send: Send, route: Route, voice_id: str) -> None:
        """Answers one POST; whatever happens, the ledger balances afterwards."""
        service = self._service
        loop = asyncio.get_running_loop()
        call = Call(service, route, loop, voice_id, scope=scope, send=send, transport=transport_of(scope))
        call.open()
        try:
            await self._answer(call, receive)
        except ApiError as error:
            call.status = error.problem.http_status
            call.bytes_out += await send_error(send, error, call.ids.trace.decode())
        except ClientGone:
            service.ledger.aborted += 1
            call.status = call.status or 499
        finally:
            call.close()

    async def _answer(self, call: Call, receive: Receive) -> None:
        service = self._service
        service.check_key(key_of(call.scope))
        raw = await read_body(receive)
        asked = self._orders.asked(call.route, call.voice_id, call.scope["query_string"], raw)
        call.fill(asked.voice_id, asked.text)
        call.effects = service.faults.pick(call.route, asked.voice_id, asked.text)
        if call.effects.by_kind and await _refused(call):
            return
        group = group_of(asked.model)
        asked_s = call.loop.time()
        limit = await take_slot(service, asked.model, call.effects, call.transport)
        call.started_s += call.loop.time() - asked_s  # who waits for a slot is not generating meanwhile
        call.slot_lines = slot_lines(service.slots.active[group], limit)
        service.ledger.gauges.generating += 1
        try:
            order = _delayed(call, await self._orders.recorded(asked))  # a first clip takes its time in its slot
            charge(service, order.credits, call.effects)
            await _DELIVER[call.route](call, order)
        finally:
            service.ledger.gauges.generating -= 1
            service.slots.leave(group)


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


def _delayed(call: Call, order: Order) -> Order:
    """``order``, later if a fault says so."""
    delay = call.fault(Kind.DELAY)
    if delay is None:
        return order
    call.note_fault(Kind.DELAY)
    when = order.timing
    return replace(order, timing=Timing(when.first_byte_s + delay.seconds, when.realtime_factor))


async def _deliver_file(call: Call, order: Order) -> None:
    speech = order.speech
    if call.chars <= SMALL_CHARS:
        data = call.service.file_of(speech)
    else:
        data = await asyncio.to_thread(whole_file, speech)
    await send_whole(call, order, data, call.service.content_type(speech.audio_format))


async def _deliver_json(call: Call, order: Order) -> None:
    if call.chars <= SMALL_CHARS:
        data = whole_json(order, whole_file(order.speech))
    else:
        data = await asyncio.to_thread(lambda: whole_json(order, whole_file(order.speech)))
    await send_whole(call, order, data, "application/json")


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
