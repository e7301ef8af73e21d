"""What happens when something goes wrong around a load: each is told under its own name, and nothing hangs."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from harness.model import LoadKind
from harness.model.load import Backend
from harness.orchestrate.launch import free_port
from harness.orchestrate.load import Workers, load_process
from locustfiles._conductor import STOPPED_EARLY
from tests.support.load_runs import Reference, play, read_rows, short_plan
from tests.support.talk_backend import talking

pytestmark = pytest.mark.slow


def test_a_refusing_target_is_counted_and_the_load_ends_in_time(tmp_path: Path) -> None:
    """Nobody listens: every query fails by name, the plan is played to its end, exit 0."""
    plan = short_plan(Backend(f"http://127.0.0.1:{free_port()}"), queries_count=10)
    played = play(plan, tmp_path)

    assert played.exit_code == 0
    assert played.total("started_count") == played.total("failed_count") == 10
    assert played.summary["failures"] == {"connect_refused": 10}


@pytest.mark.parametrize(
    ("mood", "name"),
    [
        ("endless", "timeout"),
        ("not_json", "event_not_json"),
        ("cut", "stream_cut"),
        ("gap", "incomplete"),
        ("error", "error_event"),
    ],
)
def test_each_misbehaviour_of_an_answer_has_a_name(tmp_path: Path, mood: str, name: str) -> None:
    """An answer that never ends, is not JSON, is cut, lacks a chunk or says error is a failed query of that name."""
    with talking(mood) as backend:
        patience_s = 0.6 if mood == "endless" else 30.0
        plan = short_plan(backend.wire, queries_count=4, load_s=0.5, conversation_timeout_s=patience_s)
        played = play(plan, tmp_path)

    assert played.exit_code == 0
    assert played.summary["failures"] == {name: 4}
    assert played.total("started_count") == played.total("failed_count") == 4
    assert all(row["total_p50_ms"] == "" for row in played.rows)


def test_conversations_that_outlive_the_drain_are_ended(tmp_path: Path) -> None:
    """The idle phase begins without anything in flight, however long an answer would have taken."""
    with talking("endless") as backend:
        plan = short_plan(backend.wire, queries_count=4, load_s=0.5, drain_timeout_s=0.3, idle_s=1.5)
        played = play(plan, tmp_path)

    assert played.summary["failures"] == {"drain_timeout": 4}
    (drain_start,), (drain_end,) = played.named("drain_start"), played.named("drain_end")
    assert 0.25 < drain_end["t_s"] - drain_start["t_s"] < 5.0


def test_a_worker_that_dies_makes_the_run_invalid_and_the_others_go_on(tmp_path: Path) -> None:
    """Its arrivals are not made: an event says so with the reason, and the load ends with the plan."""
    killed: list[int] = []

    def kill_one(running: subprocess.Popen[bytes], event: dict[str, Any]) -> None:
        if event["event"] == "phase_start" and not killed:
            worker = psutil.Process(running.pid).children()[0]
            killed.append(worker.pid)
            worker.kill()

    with talking() as backend:
        plan = short_plan(backend.wire, queries_count=60, load_s=13.0, idle_s=0.5)
        played = play(plan, tmp_path, 3, kill_one)

    assert killed
    assert played.exit_code == 0
    (lost,) = [event for event in played.named("generator_saturated") if "stopped reporting" in event["reason"]]
    assert "its arrivals were not made" in lost["reason"]
    assert 20 <= played.total("completed_count") < 60
    assert not psutil.pid_exists(killed[0]) or psutil.Process(killed[0]).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("workers", [0, 2])
def test_sigterm_ends_the_load_at_once_with_all_rows_written(tmp_path: Path, workers: int) -> None:
    """Long before its idle minute is over; load.csv is complete, and what was in flight has not failed: it was cut."""
    told_s: list[float] = []

    def terminate(running: subprocess.Popen[bytes], event: dict[str, Any]) -> None:
        if event["event"] == "phase_end" and not told_s:
            told_s.append(time.monotonic())
            running.terminate()

    with talking("endless") as backend:
        plan = short_plan(backend.wire, queries_count=6, load_s=1.0, idle_s=60.0, conversation_timeout_s=50.0)
        played = play(plan, tmp_path, workers, terminate)
        took_s = time.monotonic() - told_s[0]

    assert took_s < 15.0
    assert played.total("started_count") == 6
    assert played.total("completed_count") == played.total("failed_count") == 0
    assert (played.summary["failures"], played.summary["stopped_count"]) == ({}, 6)
    assert "6 were in flight when the load was stopped" in played.named("note")[-1]["text"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_load_whose_harness_has_gone_ends_by_itself(tmp_path: Path, workers: int) -> None:
    """When the reading end of the events' pipe closes, all its processes end within a few seconds."""
    read_fd, write_fd = os.pipe()
    with talking() as backend:
        plan = short_plan(backend.wire, queries_count=6, load_s=60.0)
        process = load_process(plan, tmp_path, time.monotonic(), write_fd, Workers(workers, port=free_port()))
        with (tmp_path / "log").open("wb") as log:
            running = subprocess.Popen(
                process.command, env=os.environ | process.env, pass_fds=process.pass_fds, stdout=log, stderr=log
            )
        os.close(write_fd)
        assert b"phase_start" in os.read(read_fd, 4096)
        children = psutil.Process(running.pid).children()
        os.close(read_fd)
        running.wait(timeout=10)
        _, alive = psutil.wait_procs(children, timeout=5)

    assert len(children) == workers
    assert alive == []


def test_a_load_stopped_before_its_plan_was_played_says_so_by_its_exit_code(tmp_path: Path, fixed: Reference) -> None:
    """Stopped on Locust's page: exit 1, rows written; and the page knows the conversations."""
    port = free_port()
    seen: list[Any] = []

    def stop(_: subprocess.Popen[bytes], event: dict[str, Any]) -> None:
        if event["event"] == "drain_end" and not seen:
            page = f"http://127.0.0.1:{port}"
            seen.append(httpx.get(f"{page}/stats/requests", trust_env=False).json()["stats"])
            assert httpx.post(f"{page}/stop", trust_env=False).status_code == 200

    plan = short_plan(Backend(fixed.backend_url), queries_count=8, load_s=2.0, idle_s=60.0)
    played = play(plan, tmp_path, during=stop, web_port=port)

    assert played.exit_code == 1
    assert played.named("note")[0]["text"] == STOPPED_EARLY
    assert played.total("started_count", LoadKind.NORMAL) == 8
    assert LoadKind.NORMAL in {entry["name"] for entry in seen[0]}


def test_a_plan_played_under_the_page_ends_by_itself(tmp_path: Path, fixed: Reference) -> None:
    """With --web the load ends with its plan as well, and the page with it."""
    plan = short_plan(Backend(fixed.backend_url), queries_count=5)
    played = play(plan, tmp_path, web_port=free_port())

    assert played.exit_code == 0
    assert played.total("completed_count") == 5


def test_workers_on_other_machines_get_plan_and_clock_from_the_master(tmp_path: Path, fixed: Reference) -> None:
    """A worker started by the printed command, without anything in its environment, plays its share."""
    workers: list[subprocess.Popen[bytes]] = []
    plan = short_plan(Backend(fixed.backend_url), queries_count=12)
    expected = Workers(expected_count=2, port=free_port())
    command = load_process(plan, tmp_path, 0.0, 0, expected).worker_command
    assert command is not None
    words = (load_process(plan, tmp_path, 0.0, 0).command[0], *command[1:])
    try:
        for number in range(2):
            with (tmp_path / f"worker-{number}").open("wb") as log:
                workers.append(subprocess.Popen(words, stdout=log, stderr=log))
        played = play(plan, tmp_path, expected)
        for worker in workers:
            worker.wait(timeout=10)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()

    assert played.exit_code == 0
    assert played.total("completed_count") == fixed.processed() == 12
    assert all(0 < float(row["t_s"]) < 60 for row in played.rows)


def test_too_little_generator_is_an_event(tmp_path: Path) -> None:
    """Arrivals that cannot start because too many are in flight are dropped, and more than 1 % of them are told."""
    with talking("endless") as backend:
        plan = short_plan(backend.wire, queries_count=150, load_s=2.0, drain_timeout_s=0.5)
        played = play(replace(plan, max_in_flight_count=100), tmp_path)

    assert played.total("started_count") == 100
    assert played.total("dropped_count") == 50
    (saturated,) = played.named("generator_saturated")
    assert "arrivals were dropped" in saturated["reason"]
    assert read_rows(tmp_path) == played.rows
