"""Reading requests."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from mock_tts import replies
from mock_tts.errors import ApiError
from mock_tts.replies import ClientGone, key_of, read_body, wait_until


def read(*messages: dict[str, Any]) -> bytes:
    """The body that arrives in ``messages``."""
    pending = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        return pending.pop(0)

    return asyncio.run(read_body(receive))


def test_body_is_joined() -> None:
    """However many parts it comes in."""
    part = {"type": "http.request", "body": b"a", "more_body": True}

    assert read(part, part, {"type": "http.request", "body": b"b"}) == b"aab"


def test_lost_and_endless_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that leaves, and one that sends too much."""
    part = {"type": "http.request", "body": b"abc", "more_body": True}
    with pytest.raises(ClientGone):
        read(part, {"type": "http.disconnect"})
    monkeypatch.setattr(replies, "MAX_BODY_BYTES", 5)
    with pytest.raises(ApiError) as caught:
        read(part, part)

    assert caught.value.problem.code == "request_too_large"


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([(b"xi-api-key", b" k ")], "k"),
        ([(b"authorization", b"Bearer t")], "t"),
        ([(b"authorization", b"Basic t")], ""),
        ([(b"xi-api-key", b" "), (b"authorization", b"bearer t")], "t"),
        ([], ""),
    ],
)
def test_credentials(headers: list[tuple[bytes, bytes]], key: str) -> None:
    """The API's own header first, then a bearer token."""
    assert key_of({"headers": headers}) == key


def test_waiting_ends_when_the_client_leaves() -> None:
    """No need to wait for the due time."""

    class Closing(asyncio.Transport):
        def is_closing(self) -> bool:
            return True

    with pytest.raises(ClientGone):
        asyncio.run(wait_until(1e12, Closing()))
