"""No use: nothing is asked, with and without open streams."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.load import Backend
from harness.orchestrate.load import build_load_plan
from harness.plan.load import LoadSection
from tests.support.load_runs import Reference, play, short_plan
from tests.support.talk_backend import talking

pytestmark = pytest.mark.slow


def test_idle_asks_nothing_and_writes_no_rows(tmp_path: Path, fixed: Reference) -> None:
    """The phases are told, the backend hears nothing, and load.csv has its header only."""
    plan = build_load_plan(LoadSection(), "idle", fixed.backend_url, 3.0, 1.0, seed=1)
    played = play(plan, tmp_path)

    assert played.exit_code == 0
    assert played.rows == []
    assert {event["kind"] for event in played.named("phase_start")} == {"idle"}
    assert fixed.processed() == 0


def test_streams_are_held_open_while_nothing_is_asked(tmp_path: Path, fixed: Reference) -> None:
    """Five streams stay open to the end: the backend has five dialogues while it lasts and none afterwards."""
    held: list[int] = []
    section = LoadSection(idle_streams=5)
    plan = build_load_plan(section, "idle", fixed.backend_url, 4.0, 1.0, seed=1)
    played = play(
        plan,
        tmp_path,
        during=lambda _, event: held.append(fixed.active_dialogues()) if "cycle" in event else None,
    )

    assert played.exit_code == 0
    assert max(held) == 5
    assert fixed.processed() == 0
    assert played.summary["failures"] == {}


def test_a_lost_idle_stream_is_counted_and_opened_again(tmp_path: Path) -> None:
    """A backend that ends idle streams shows up in the table of failures, not as a failed query."""
    with talking() as backend:
        backend.over.set()
        wire = Backend(backend.wire.base_url, stream_path="/nowhere")
        plan = short_plan(wire, queries_count=0, load_s=1.0, idle_s=2.0, idle_streams_count=1)
        played = play(replace(plan, scenario="normal"), tmp_path)

    assert played.exit_code == 0
    assert played.rows == []
    assert sum(played.summary["failures"].values()) >= 1
    assert all(name.startswith("idle_") for name in played.summary["failures"])
