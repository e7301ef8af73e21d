"""A locustfile of the user's own, untouched, under the plan's phases."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.orchestrate.load import build_locustfile_plan
from harness.plan.load import LoadSection
from tests.support.load_runs import Reference, play

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

PLAIN = """
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0.1)

    @task
    def well(self):
        self.client.get("/health")

    @task
    def missing(self):
        self.client.get("/nope", name="missing")
"""

SHAPED = (
    PLAIN
    + """
from locust import LoadTestShape

class Always(LoadTestShape):
    def tick(self):
        return 2, 2.0
"""
)


@pytest.mark.parametrize("workers", [0, 2])
def test_kinds_are_request_names_and_counts_are_locusts_own(tmp_path: Path, fixed: Reference, workers: int) -> None:
    """Users come and go by the plan's phases; what Locust's table says stands in load.csv."""
    file = tmp_path / "plain.py"
    file.write_text(PLAIN)
    plan = build_locustfile_plan(LoadSection(users=4), file, fixed.backend_url, 9.0, 1.0, seed=1)
    played = play(plan, tmp_path, workers)

    assert played.exit_code == 0
    assert {row["kind"] for row in played.rows} == {"/health", "missing"}
    for kind in ("/health", "missing"):
        (counted,) = re.findall(rf"^GET\s+{kind}\s+(\d+)", played.log, re.MULTILINE)[:1]
        assert played.total("started_count", kind) == int(counted) > 0
    assert played.total("failed_count", "/health") == played.total("completed_count", "missing") == 0
    assert played.summary["failures"] == {"LocustBadStatusCode": played.total("failed_count", "missing")}
    users = {int(row["users_count"]) for row in played.rows if row["users_count"]}
    assert max(users) == 4
    assert min(users) > 0
    idle = [event for event in played.named("phase_start") if event["kind"] == "idle"]
    ends = [event for event in played.named("phase_end") if event["kind"] == "idle"]
    late_s = 1.0 if workers == 0 else 2.5  # workers report when they come to it, on a busy machine a second later
    for start, end in zip(idle, ends, strict=True):
        assert not [row for row in played.rows if start["t_s"] + late_s < float(row["t_s"]) < end["t_s"]]


def test_a_shape_of_its_own_is_left_in_charge(tmp_path: Path, fixed: Reference) -> None:
    """The plan then only says when the load ends, and tells no drain or idleness that was none."""
    file = tmp_path / "shaped.py"
    file.write_text(SHAPED)
    plan = build_locustfile_plan(LoadSection(), file, fixed.backend_url, 5.0, 1.0, seed=1)
    played = play(plan, tmp_path)

    assert played.exit_code == 0
    assert [event["phase"] for event in played.named("phase_start")] == ["warmup", "mixed-1"]
    assert played.total("started_count") > 10
