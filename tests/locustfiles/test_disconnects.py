"""Every way to leave, by real Locust."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model import LoadKind
from harness.model.load import Backend, Ending, StreamKind
from tests.support.load_runs import Reference, play, short_plan

pytestmark = pytest.mark.slow

SSE = "/api/voice/open-stream?dialogueId={dialogue}"
WEBSOCKET = "/api/voice/stream?dialogueId={dialogue}"


@pytest.mark.parametrize("stream", list(StreamKind))
def test_every_way_to_leave_is_completed_and_heard_by_the_backend(
    tmp_path: Path, leaking: Reference, stream: StreamKind
) -> None:
    """Eight ways, four times each: 32 queries completed, and 4 more posts of those who ask again."""
    dialogues_before = leaking.active_dialogues()
    path = SSE if stream is StreamKind.SSE else WEBSOCKET
    backend = Backend(leaking.backend_url, stream=stream, stream_path=path)
    plan = short_plan(backend, (LoadKind.DISCONNECT,), queries_count=32, load_s=3.0, idle_s=2.0)
    played = play(plan, tmp_path)

    assert len(plan.endings) == 8
    assert Ending.POLITE not in plan.endings
    assert played.summary["failures"] == {}
    assert played.total("started_count", LoadKind.DISCONNECT) == played.total("completed_count") == 32
    assert leaking.processed() == 32 + 4
    assert leaking.spoken() == 4 * (32 + 4)
    assert leaking.active_dialogues() - dialogues_before == 32 - 4
