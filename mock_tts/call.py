"""One HTTP request for speech: what is on record of it, what has been sent, and the faults that hit it."""

import asyncio
from dataclasses import dataclass, field

from mock_tts.catalog import Model
from mock_tts.faults import NO_EFFECTS, Effects, Fault, Kind, Route
from mock_tts.ledger import Entry, text_hash
from mock_tts.profile import Timing
from mock_tts.protocol import CYCLE, write_head
from mock_tts.replies import ClientGone, Headers, Scope, Send, wait_until
from mock_tts.service import NO_IDS, Ids, Service
from mock_tts.speech import Alignment
from mock_tts.track import Speech


@dataclass(frozen=True, slots=True)
class Segment:
    """One voice's part of an answer: where it lies in the text and in time."""

    voice_id: str
    start_char: int
    stop_char: int
    start_ms: int
    stop_ms: int


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be delivered. ``segments`` is empty outside text-to-dialogue."""

    speech: Speech
    alignment: Alignment
    segments: tuple[Segment, ...]
    timing: Timing
    model: Model
    voice_id: str
    text: str
    text_hash: str
    credits: int


@dataclass(slots=True)
class Record:
    """What the ledger and the headers of the answer say about one request, however that answer is sent."""

    service: Service
    route: Route
    loop: asyncio.AbstractEventLoop
    voice_id: str
    started_s: float = 0.0
    ids: Ids = NO_IDS
    text_hash: str = ""
    chars: int = 0
    status: int = 0
    bytes_out: int = 0
    slot_lines: bytes = b""

    def open(self) -> None:
        """Takes the request up; ``close`` must follow, whatever happens."""
        service = self.service
        self.started_s = self.loop.time()
        self.ids = service.answer_ids()
        service.ledger.requests[self.route.value] += 1
        service.ledger.gauges.open_streams += 1

    def fill(self, voice_id: str, text: str) -> None:
        """Counts what is asked for."""
        self.voice_id, self.text_hash, self.chars = voice_id, text_hash(text), len(text)
        self.service.ledger.count_text(self.route.value, self.text_hash, self.chars)

    def close(self) -> None:
        """Counts what was sent."""
        ledger = self.service.ledger
        ledger.gauges.open_streams -= 1
        ledger.bytes_out += self.bytes_out
        ledger.note(self._entry())

    def _entry(self) -> Entry:
        """What the journal keeps."""
        at_s = round(self.service.uptime_s(), 3)
        return Entry(
            *(at_s, self.route.value, self.voice_id, self.text_hash, self.chars),
            *(self.status, self.bytes_out, self.ids.request.decode()),
        )


@dataclass(slots=True)
class Call(Record):
    """A request that is answered piece by piece through ASGI."""

    scope: Scope = field(kw_only=True)
    send: Send = field(kw_only=True)
    transport: asyncio.Transport | None = field(kw_only=True)
    effects: Effects = NO_EFFECTS

    async def start_speech(self, lines: bytes, content_length: int | None) -> None:
        """Starts a 200 with header lines, each ended by CR LF; chunked when ``content_length`` is None."""
        self.status = 200
        cycle = self.scope.get("extensions", {}).get(CYCLE)
        if cycle is not None:
            write_head(cycle, lines, content_length)
            return
        pairs = [line.split(b": ", 1) for line in lines.split(b"\r\n") if line]
        headers = [(name, value) for name, value in pairs]
        if content_length is not None:
            headers.append((b"content-length", str(content_length).encode()))
        await self.start(200, headers)

    async def start(self, status: int, headers: Headers) -> None:
        """Sends the status and headers."""
        self.status = status
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes, more: bool) -> None:
        """Sends a part of the body. Raises ClientGone when there is nobody left to read it."""
        await self.send({"type": "http.response.body", "body": data, "more_body": more})
        self.bytes_out += len(data)
        if more and self.transport is not None and self.transport.is_closing():
            raise ClientGone

    async def write_framed(self, framed: bytes, size: int) -> None:
        """Sends ``framed``, a body of ``size`` bytes already cut into HTTP chunks but for the last, empty one."""
        cycle = self.scope["extensions"][CYCLE]
        if not cycle.disconnected:
            cycle.transport.write(framed)
        self.bytes_out += size
        await self.write(b"", more=False)

    @property
    def can_frame(self) -> bool:
        """Whether ready-made HTTP chunks may be sent: on this project's protocol, when no fault strikes."""
        return not self.effects.by_kind and CYCLE in self.scope.get("extensions", {})

    async def wait(self, since_start_s: float) -> None:
        """Returns ``since_start_s`` after the request was taken up."""
        if since_start_s > 0.0:
            await wait_until(self.started_s + since_start_s, self.transport)

    async def pause(self, seconds: float) -> None:
        """Stands still for ``seconds``, and so moves everything that is still due."""
        self.started_s += seconds
        await wait_until(self.loop.time() + seconds, self.transport)

    def abort(self) -> None:
        """Cuts the connection without a word, as a crashed server would. Always raises ClientGone."""
        self.note_fault(Kind.CUT)
        if self.transport is not None:
            self.transport.abort()
        raise ClientGone

    def fault(self, kind: Kind) -> Fault | None:
        return self.effects.by_kind.get(kind) if self.effects.by_kind else None

    def note_fault(self, kind: Kind) -> None:
        self.service.ledger.faults[kind.value] += 1
