"""Normal use, by real Locust, against the reference backend and the mock."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model import LoadKind
from harness.model.load import Backend
from tests.support.load_runs import Reference, play, short_plan

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


@pytest.mark.parametrize("workers", [0, 3])
def test_the_rows_add_up_to_what_backend_and_mock_have_counted(tmp_path: Path, fixed: Reference, workers: int) -> None:
    """Every query of the plan was asked, spoken in four chunks, completed and closed, alone and with three workers."""
    dialogues_before = fixed.active_dialogues()
    played = play(short_plan(Backend(fixed.backend_url), queries_count=30), tmp_path, workers)

    assert played.exit_code == 0
    assert played.total("started_count", LoadKind.NORMAL) == 30
    assert played.total("completed_count") == 30
    assert played.total("failed_count") == played.total("dropped_count") == 0
    assert fixed.processed() == 30
    assert fixed.spoken() == 4 * 30
    assert fixed.active_dialogues() == dialogues_before


def test_what_an_answer_must_not_carry_is_counted(tmp_path: Path, leaking: Reference) -> None:
    """The backend before its fixes sends the thinking sound with each answer; the load says so."""
    played = play(short_plan(Backend(leaking.backend_url), queries_count=8), tmp_path)

    assert played.summary["forbidden_count"] == 8
    assert "8 answers carried what they must not" in played.named("note")[-1]["text"]
    assert played.total("bytes_in") > 8 * (307_304 + 4 * 67_492)
