"""The Locust user of a scenario, started wrongly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.model import LoadKind
from harness.model.load import LOAD_VARIABLE
from harness.orchestrate.load import scenario_file
from tests.support.load_runs import play, short_plan
from tests.support.talk_backend import talking

pytestmark = pytest.mark.slow


def test_a_scenario_without_a_plan_says_who_starts_it(tmp_path: Path) -> None:
    """One line, and no load."""
    command = [sys.executable, "-m", "locust", "-f", str(scenario_file("normal")), "--headless", "--host", "http://x"]
    env = {name: value for name, value in os.environ.items() if name != LOAD_VARIABLE}
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode != 0
    assert "start this scenario with `soak run`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plan_for_another_scenario_is_refused_by_its_kinds(tmp_path: Path) -> None:
    """Nothing is asked under a name that the scenario does not have."""
    with talking() as backend:
        plan = short_plan(backend.wire, (LoadKind.DISCONNECT,), scenario="normal", queries_count=3, drain_timeout_s=0.2)
        played = play(plan, tmp_path)

        assert backend.says == []
    assert "expected a plan with kinds normal, found disconnect" in played.log
    assert played.exit_code != 0
