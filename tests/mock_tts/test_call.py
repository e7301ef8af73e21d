"""One request's state."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mock_tts.call import Call, Record
from mock_tts.faults import Route
from mock_tts.replies import ClientGone
from mock_tts.service import Service
from mock_tts.settings import Settings


def call(sent: list[Any]) -> Call:
    async def send(message: Any) -> None:
        sent.append(message)

    loop = cast(asyncio.AbstractEventLoop, None)  # nothing here waits
    return Call(Service(Settings()), Route.CONVERT, loop, "v", scope={}, send=send, transport=None)


def test_speech_headers_also_leave_through_plain_asgi() -> None:
    """Without this project's protocol, ready-made header lines become ASGI headers."""
    sent: list[Any] = []
    one = call(sent)
    asyncio.run(one.start_speech(b"a: b: c\r\nd: e\r\n", 5))

    assert sent[0]["headers"] == [(b"a", b"b: c"), (b"d", b"e"), (b"content-length", b"5")]
    assert not one.can_frame


def test_bytes_are_counted_and_a_cut_is_a_fault() -> None:
    """What was sent before it is known."""
    one = call([])
    asyncio.run(one.write(b"abc", more=True))
    with pytest.raises(ClientGone):
        one.abort()

    assert one.bytes_out == 3
    assert one.service.ledger.faults["cut"] == 1


def test_a_record_balances() -> None:
    """Open while it lasts, then in the journal with what was sent."""
    service = Service(Settings())
    loop = cast(asyncio.AbstractEventLoop, SimpleNamespace(time=lambda: 5.0))
    record = Record(service, Route.STREAM, loop, "v")
    record.open()
    record.status, record.bytes_out = 200, 7

    assert service.ledger.gauges.open_streams == 1
    record.close()
    (entry,) = service.ledger.journal()
    assert (entry["route"], entry["status"], entry["bytes_out"]) == ("stream", 200, 7)
    assert entry["request_id"] == record.ids.request.decode() != ""
    assert service.ledger.gauges.open_streams == 0
