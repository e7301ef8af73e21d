"""Answers that nothing has to be waited for, made from the bytes of a request whose head has been seen before.

The requests of a client differ in their bodies and hardly ever in their heads. A head that httptools has parsed and
that asks for plain speech is remembered; a request that begins with the same bytes means the same, and needs no
parser, no ASGI scope and no task, which are two thirds of the cost of an answer. Checks, counts, audio and headers
are those of ``routes.speech``; what is not plain is left to it: None from ``answer`` has counted nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mock_tts.admission import charge, group_of, limit_of, slot_lines
from mock_tts.call import Order, Record
from mock_tts.delivery import SMALL_CHARS, framed_stream, speech_lines, whole_lines
from mock_tts.errors import ApiError
from mock_tts.faults import NO_EFFECTS, Route
from mock_tts.protocol import head_of
from mock_tts.replies import Headers, Scope, key_of
from mock_tts.routes.orders import OrderBook
from mock_tts.service import Service

MAX_HEADS = 256
MAX_HEAD_BYTES = 4096

_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_FRAMING = (b"transfer-encoding", b"upgrade", b"expect", b"connection")
"""Headers that change how a request is read or what becomes of its connection."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a request says. ``body_bytes`` follow it."""

    route: Route
    voice_id: str
    query_string: bytes
    body_bytes: int


class Instant:
    """Known heads, the oldest forgotten first, and the answers to them."""

    def __init__(self, service: Service, orders: OrderBook) -> None:
        self._service = service
        self._orders = orders
        self._heads: dict[bytes, Head] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def learn(self, data: bytes, scope: Scope, route: Route, voice_id: str) -> None:
        """Remembers the head of ``data``, one whole request parsed as ``scope``, if a plain answer may follow."""
        head, end, body = data.partition(_END)
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if (
            route not in (Route.CONVERT, Route.STREAM)
            or scope["method"] != "POST"
            or scope["http_version"] != "1.1"
            or lengths != [b"%d" % len(body)]
            or any(name in _FRAMING and value.lower() != b"keep-alive" for name, value in scope["headers"])
            or not self._service.is_known_key(key_of(scope))
            or len(head) > MAX_HEAD_BYTES
        ):
            return
        self._loop = asyncio.get_running_loop()
        self._heads[head + end] = Head(route, voice_id, scope["query_string"], len(body))
        if len(self._heads) > MAX_HEADS:
            del self._heads[next(iter(self._heads))]

    def answer(self, data: bytes, default: Headers) -> Sequence[bytes] | None:
        """Everything to send for ``data`` after the server's ``default`` headers; None when it must go the long way:
        a head that is not known, more or less than one request, an error, a limit, a fault plan, a delay."""
        start = data.find(_END) + len(_END)
        head = self._heads.get(data[:start])
        if head is None or len(data) - start != head.body_bytes or self._service.faults.is_armed:
            return None
        try:
            order = self._orders.at_once(head.route, head.voice_id, head.query_string, data[start:])
        except ApiError:
            return None
        if order is None or not self._is_free(order):
            return None
        return self._speak(head, order, default)

    def _is_free(self, order: Order) -> bool:
        """Whether nothing delays or limits ``order``."""
        service = self._service
        return (
            order.timing.is_instant
            and len(order.text) <= SMALL_CHARS
            and service.credits.limit is None
            and limit_of(service, order.model, NO_EFFECTS)[0] is None
        )

    def _speak(self, head: Head, order: Order, default: Headers) -> Sequence[bytes]:
        service, loop = self._service, self._loop
        assert loop is not None  # ``learn`` came first
        record = Record(service, head.route, loop, head.voice_id)
        record.open()
        record.fill(order)
        charge(service, order.credits, NO_EFFECTS)
        record.slot_lines = slot_lines(service.slots.active[group_of(order.model)] + 1, None)
        record.status = 200
        content_type = service.content_type(order.speech.audio_format)
        answer: tuple[bytes, ...]
        if head.route is Route.CONVERT:
            data = service.file_of(order.speech)
            answer = (head_of(default, whole_lines(record, order, content_type), len(data)), data)
            record.bytes_out = len(data)
        else:
            framed, record.bytes_out = framed_stream(record, order)
            answer = (head_of(default, speech_lines(record, order, content_type), None), framed, _LAST_CHUNK)
        record.close()
        return answer
