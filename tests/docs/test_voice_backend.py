"""What docs/voice-backend.md says of the reference backend's log."""

from __future__ import annotations

import asyncio

import pytest

from tests.voice_backend.test_service import converse, make
from voice_backend.faults import Fault, Trigger


@pytest.mark.parametrize(
    ("use", "faults", "lines_count"),
    [
        (Trigger.QUERY, (), 6),
        (Trigger.QUERY, (Fault.DIALOGUE_STATE, Fault.DUPLICATE_REQUESTS), 6),
        (Trigger.DISCONNECT, (), 6),
        (Trigger.DISCONNECT, (Fault.DIALOGUE_STATE,), 5),
        (Trigger.DUPLICATE, (), 7),
        (Trigger.DUPLICATE, (Fault.DUPLICATE_REQUESTS,), 11),
    ],
)
def test_a_query_writes_so_many_lines(
    use: Trigger, faults: tuple[Fault, ...], lines_count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Six, whatever the faults, if it is posted once and closed; else it depends on both."""
    asyncio.run(converse(make(*faults), 1, use))

    assert len(capsys.readouterr().out.splitlines()) == lines_count
