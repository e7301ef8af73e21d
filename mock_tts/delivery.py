"""Sends an order as a whole file, as a stream of audio, as one JSON object, or as lines of JSON, at the due times."""

import asyncio
import base64
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from mock_tts.call import Call, Order, Record
from mock_tts.faults import Kind
from mock_tts.formats import Family
from mock_tts.packing import Packer, StreamState, whole_m4a
from mock_tts.replies import AUDIO_LINES
from mock_tts.service import Service
from mock_tts.speech import Alignment, normalized
from mock_tts.track import Speech, frame_ms

PIECE_S = 0.5
PIECE_BYTES = 16_000
SMALL_CHARS = 2_000
"""Longest text whose whole answer is made at once: a longer one would hold up the streams beside it."""

LINE_S = 1.0
LINE_BYTES = 48_000
"""Raw audio of one JSON line: 64 KB as base64, so that with its alignment a line stays under 128 KiB, above which
aiohttp's readline fails."""

_GARBAGE = b"\x00\xff\x13\x37" * 64
_BREATHE_EVERY = 16


def frame_ranges(speech: Speech, piece_s: float, piece_bytes: int) -> list[tuple[int, int]]:
    """Frame ranges of about ``piece_s`` seconds and at most about ``piece_bytes``, covering ``speech``."""
    audio_format = speech.audio_format
    seconds = min(piece_s, piece_bytes * 8 / audio_format.bitrate_bps)
    step = max(1, int(seconds / audio_format.frame_s))
    count = speech.frame_count
    return [(first, min(first + step, count)) for first in range(0, count, step)]


@lru_cache(256)
def lines_form(content_type: str, credits: int) -> bytes:
    """Header lines of a 200 that carries speech, to be filled in: its three ids, and the lines about slots."""
    own = (
        f"content-type: {content_type}\r\nrequest-id: %b\r\nhistory-item-id: %b\r\ncharacter-cost: {credits}\r\n"
        "x-trace-id: %b\r\n%b"
    )
    return AUDIO_LINES + own.encode()


def latency_line(latency_ms: int) -> bytes:
    """The header line that tells how long all of an answer took to generate."""
    return b"tts-latency-ms: %d\r\n" % latency_ms


def speech_lines(call: Record, order: Order, content_type: str) -> bytes:
    """Header lines of a 200 that carries speech."""
    return lines_form(content_type, order.credits) % (*call.ids, call.slot_lines)


def whole_lines(call: Record, order: Order, content_type: str) -> bytes:
    """Header lines of a 200 that carries all the speech at once."""
    latency_ms = int((call.loop.time() - call.started_s) * 1000)
    return speech_lines(call, order, content_type) + latency_line(latency_ms)


async def send_whole(call: Call, order: Order, data: bytes, content_type: str) -> None:
    """``data`` with its length, after the time that generating all of it takes."""
    speech = order.speech
    due_s = order.timing.due_s(speech.duration_ms / 1000)
    if due_s > 0.0:
        await call.wait(due_s)
    await call.start_speech(whole_lines(call, order, content_type), len(data))
    if call.effects.by_kind:
        await _send_disturbed(call, data)
    else:
        await call.write(data, more=False)


async def _send_disturbed(call: Call, data: bytes) -> None:
    stall, cut, bad = call.fault(Kind.STALL), call.fault(Kind.CUT), call.fault(Kind.MALFORMED)
    if bad is not None:
        call.note_fault(Kind.MALFORMED)
        start = int(len(data) * bad.at)
        data = (data[:start] + _GARBAGE * (len(data) // len(_GARBAGE) + 1))[: len(data)]
    if cut is not None:
        await call.write(data[: int(len(data) * cut.at)], more=True)
        call.abort()
    if stall is not None:
        call.note_fault(Kind.STALL)
        middle = int(len(data) * stall.at)
        await call.write(data[:middle], more=True)
        await call.pause(stall.seconds)
        data = data[middle:]
    await call.write(data, more=False)


def whole_json(order: Order, data: bytes) -> bytes:
    """The body of with-timestamps: ``data`` and its alignments."""
    value: dict[str, Any] = {
        "audio_base64": base64.b64encode(data).decode(),
        "alignment": _seconds(order.alignment),
        "normalized_alignment": _seconds(normalized(order.alignment)),
    }
    if order.segments:
        value["voice_segments"] = _segments(order, 0, order.speech.duration_ms + 1)
    return _dump(value)


async def send_stream(call: Call, order: Order) -> None:
    """Raw audio as it is generated."""
    content_type = call.service.content_type(order.speech.audio_format)
    if not order.timing.realtime_factor and call.can_frame and call.chars <= SMALL_CHARS:
        if order.timing.first_byte_s > 0.0:
            await call.wait(order.timing.first_byte_s)
        await call.start_speech(speech_lines(call, order, content_type), None)
        await call.write_framed(*framed_stream(call.service, order))
        return
    ranges = frame_ranges(order.speech, PIECE_S, PIECE_BYTES)
    await _send_pieces(call, order, content_type, ranges, _audio_pieces(call.service, order, ranges), _GARBAGE)


def framed_stream(service: Service, order: Order) -> tuple[bytes, int]:
    """The whole stream as HTTP chunks but for the last, empty one; and the body's size."""

    def pieces() -> Iterator[bytes]:
        yield from _audio_pieces(service, order, frame_ranges(order.speech, PIECE_S, PIECE_BYTES))

    return service.framed_of(order.speech, pieces())


async def send_lines(call: Call, order: Order) -> None:
    """JSON lines as the audio is generated, times running on over the whole utterance."""
    ranges = frame_ranges(order.speech, LINE_S, LINE_BYTES)
    audio = _audio_pieces(call.service, order, ranges)
    lines = (_line(order, span, data, span is ranges[-1]) for span, data in zip(ranges, audio, strict=True))
    await _send_pieces(call, order, "application/json", ranges, lines, b'{"audio_base64": "broken\n')


def _audio_pieces(service: Service, order: Order, ranges: list[tuple[int, int]]) -> Iterator[bytes]:
    speech = order.speech
    if speech.audio_format.family is Family.AAC:
        data = whole_m4a(speech)
        for index in range(len(ranges)):
            yield data[len(data) * index // len(ranges) : len(data) * (index + 1) // len(ranges)]
        return
    packer = Packer(StreamState(), service.settings.choices.wav_stream_size == "exact")
    for first, last in ranges:
        yield packer.piece(speech, first, last, ends_stream=last == speech.frame_count)


async def _send_pieces(
    call: Call, order: Order, content_type: str, ranges: list[tuple[int, int]], pieces: Iterator[bytes], bad: bytes
) -> None:
    """Every piece at its due time, faults included; the answer starts with the first piece."""
    timing, frame_s = order.timing, order.speech.audio_format.frame_s
    count = len(ranges)
    marks = {
        kind: (fault, min(int(count * fault.at), count - 1))
        for kind, fault in call.effects.by_kind.items()
        if kind in (Kind.STALL, Kind.CUT, Kind.MALFORMED)
    }
    await call.wait(timing.first_byte_s)
    await call.start_speech(speech_lines(call, order, content_type), None)
    for index, data in enumerate(pieces):
        if timing.realtime_factor:
            await call.wait(timing.due_s(ranges[index][0] * frame_s))
        elif index % _BREATHE_EVERY == _BREATHE_EVERY - 1:
            await asyncio.sleep(0)  # an endless text at full speed must not starve the others
        for kind, (fault, at) in marks.items():
            if at == index:
                data = await _disturb(call, kind, fault.seconds, data, bad)
        await call.write(data, more=index + 1 < count)


async def _disturb(call: Call, kind: Kind, seconds: float, data: bytes, bad: bytes) -> bytes:
    if kind is Kind.CUT:
        call.abort()
    call.note_fault(kind)
    if kind is Kind.STALL:
        await call.pause(seconds)
        return data
    return bad


def _line(order: Order, span: tuple[int, int], data: bytes, is_last: bool) -> bytes:
    speech = order.speech
    start_ms = frame_ms(speech, span[0])
    stop_ms = speech.duration_ms + 1 if is_last else frame_ms(speech, span[1])
    part = order.alignment.part(start_ms, stop_ms)
    value: dict[str, Any] = {
        "audio_base64": base64.b64encode(data).decode(),
        "alignment": None if part is None else _seconds(part),
        "normalized_alignment": None if part is None else _seconds(normalized(part) if span[0] == 0 else part),
    }
    if order.segments:
        value["voice_segments"] = _segments(order, start_ms, stop_ms)
    return _dump(value) + b"\n"


def _seconds(alignment: Alignment) -> dict[str, Any]:
    edges_s = [at_ms / 1000 for at_ms in alignment.edges_ms]
    return {
        "characters": alignment.chars,
        "character_start_times_seconds": edges_s[:-1],
        "character_end_times_seconds": edges_s[1:],
    }


def _segments(order: Order, start_ms: int, stop_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "voice_id": segment.voice_id,
            "start_time_seconds": segment.start_ms / 1000,
            "end_time_seconds": segment.stop_ms / 1000,
            "character_start_index": segment.start_char,
            "character_end_index": segment.stop_char,
            "dialogue_input_index": index,
        }
        for index, segment in enumerate(order.segments)
        if segment.start_ms < stop_ms and segment.stop_ms > start_ms
    ]


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
