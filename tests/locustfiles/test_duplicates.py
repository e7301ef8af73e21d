"""The same query posted several times."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model import LoadKind
from harness.model.load import Backend
from tests.support.load_runs import Reference, play, short_plan

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("preset", "worked_on"), [("leaking", 2 * 8 + 5 * 4), ("fixed", 12)])
def test_a_burst_is_one_query_however_often_it_is_posted(
    tmp_path: Path, request: pytest.FixtureRequest, preset: str, worked_on: int
) -> None:
    """Eight pairs and four bursts of five are twelve queries; the leaking backend works on each post."""
    services: Reference = request.getfixturevalue(preset)
    wire = Backend(services.backend_url)
    played = play(short_plan(wire, (LoadKind.DUPLICATE,), queries_count=12, bursts=(2, 2, 5)), tmp_path)

    assert played.total("started_count", LoadKind.DUPLICATE) == played.total("completed_count") == 12
    assert played.summary["posts_count"] == 2 * 8 + 5 * 4
    assert services.processed() == worked_on
    assert services.spoken() == 4 * worked_on
