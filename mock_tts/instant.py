"""Answers that nothing has to be waited for, made from the bytes of a request whose head has been seen before.

The requests of a client differ in their bodies and hardly ever in their heads. A head that httptools has parsed and
that asks for plain speech is remembered; a request that begins with the same bytes means the same, and needs no
parser, no ASGI scope and no task. Of a request that comes again byte for byte, as most do in a load test, all but the
ids is known. Checks, counts, audio and headers are those of ``routes.speech``; what is not plain is left to it: None
from ``answer`` has counted nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mock_tts.admission import group_of, limit_of, slot_lines
from mock_tts.call import Order
from mock_tts.delivery import SMALL_CHARS, framed_stream, latency_line, lines_form
from mock_tts.errors import ApiError
from mock_tts.faults import NO_EFFECTS, Route
from mock_tts.ledger import Entry
from mock_tts.protocol import head_of
from mock_tts.replies import Headers, Scope, key_of
from mock_tts.routes.orders import OrderBook
from mock_tts.service import Service

MAX_HEADS = 256
MAX_HEAD_BYTES = 4096
MAX_PLAIN = 256
MAX_PLAIN_BYTES = 8192
"""Of a request that is remembered as a whole."""

_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_AT_ONCE = latency_line(0)
_FRAMING = (b"transfer-encoding", b"upgrade", b"expect", b"connection")
"""Headers that change how a request is read or what becomes of its connection."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a request says. ``body_bytes`` follow it."""

    route: Route
    voice_id: str
    query_string: bytes
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Plain:
    """What is the same in every answer to the same bytes. ``form`` are its header lines without ids and slots."""

    route: Route
    order: Order
    group: str
    form: bytes


class Instant:
    """Known heads and whole requests, the oldest forgotten first, and the answers to them."""

    def __init__(self, service: Service, orders: OrderBook) -> None:
        self._service = service
        self._orders = orders
        self._heads: dict[bytes, Head] = {}
        self._plain: dict[bytes, Plain] = {}

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
        self._heads[head + end] = Head(route, voice_id, scope["query_string"], len(body))
        if len(self._heads) > MAX_HEADS:
            del self._heads[next(iter(self._heads))]

    def answer(self, data: bytes, default: Headers) -> Sequence[bytes] | None:
        """Everything to send for ``data`` after the server's ``default`` headers; None when it must go the long way:
        a head that is not known, more or less than one request, an error, a limit, a fault plan, a delay."""
        service = self._service
        if service.faults.is_armed or service.credits.limit is not None:
            return None
        plain = self._plain.get(data) or self._understood(data)
        return None if plain is None else self._speak(plain, default)

    def _understood(self, data: bytes) -> Plain | None:
        """The answer to ``data`` if it is one whole request with a known head that nothing delays or limits."""
        start = data.find(_END) + len(_END)
        head = self._heads.get(data[:start])
        if head is None or len(data) - start != head.body_bytes:
            return None
        try:
            order = self._orders.at_once(head.route, head.voice_id, head.query_string, data[start:])
        except ApiError:
            return None
        if order is None or not self._is_free(order):
            return None
        form = lines_form(self._service.content_type(order.speech.audio_format), order.credits)
        plain = Plain(head.route, order, group_of(order.model), form)
        if len(data) <= MAX_PLAIN_BYTES:
            self._plain[data] = plain
            if len(self._plain) > MAX_PLAIN:
                del self._plain[next(iter(self._plain))]
        return plain

    def _is_free(self, order: Order) -> bool:
        """Whether nothing that stays as it is delays or limits ``order``."""
        is_small = order.timing.is_instant and len(order.text) <= SMALL_CHARS
        return is_small and limit_of(self._service, order.model, NO_EFFECTS)[0] is None

    def _speak(self, plain: Plain, default: Headers) -> Sequence[bytes]:
        service, order = self._service, plain.order
        ids = service.answer_ids()
        lines = plain.form % (*ids, slot_lines(service.slots.active[plain.group] + 1, None))
        answer: tuple[bytes, ...]
        if plain.route is Route.CONVERT:
            data = service.file_of(order.speech)
            size = len(data)
            answer = (head_of(default, lines + _AT_ONCE, size), data)
        else:
            framed, size = framed_stream(service, order)
            answer = (head_of(default, lines, None), framed, _LAST_CHUNK)
        self._count(plain, size, ids.request.decode())
        return answer

    def _count(self, plain: Plain, bytes_out: int, request_id: str) -> None:
        """What ``Record`` counts from its opening to its close."""
        service, order, route = self._service, plain.order, plain.route.value
        ledger, chars = service.ledger, len(order.text)
        service.credits.spend(order.credits)
        ledger.requests[route] += 1
        ledger.count_text(route, order.text_hash, chars)
        ledger.bytes_out += bytes_out
        at_s = round(service.uptime_s(), 3)
        ledger.note(Entry(at_s, route, order.voice_id, order.text_hash, chars, 200, bytes_out, request_id))
