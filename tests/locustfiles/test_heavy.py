"""Heavy use holds its schedule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.orchestrate.load import build_load_plan
from harness.plan.load import LoadSection
from tests.support.load_runs import Reference, play

pytestmark = pytest.mark.slow


def test_an_accelerated_stretch_of_heavy_use_starts_every_query(tmp_path: Path, fixed: Reference) -> None:
    """Ten minutes of heavy use at a hundred times the speed: twenty queries in six seconds, none dropped."""
    plan = build_load_plan(LoadSection(), "heavy", fixed.backend_url, 6.0, 100.0, seed=1)
    played = play(replace(plan, drain_timeout_s=8.0), tmp_path)  # its own is short, and a busy machine slow

    assert played.exit_code == 0
    assert played.total("started_count") == played.total("completed_count") == fixed.processed() == 20
    assert played.total("dropped_count") == 0
    assert played.named("generator_saturated") == []
