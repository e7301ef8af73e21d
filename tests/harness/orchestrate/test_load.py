"""From the plan to the Locust process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.model import LoadKind
from harness.model.load import Ending, LoadPlan
from harness.orchestrate.load import (
    ALONE,
    EVERY_ENDING,
    Workers,
    build_load_plan,
    build_locustfile_plan,
    load_process,
    scenario_file,
)
from harness.plan.load import LoadSection
from harness.timeline import SCENARIOS

URL = "http://127.0.0.1:8200"


def _plan(
    scenario: str = "mixed", duration_s: float | None = 130.0, speedup: float = 240.0, **load: object
) -> LoadPlan:
    return build_load_plan(LoadSection.model_validate(load), scenario, URL, duration_s, speedup, seed=1)


def test_every_scenario_has_its_file_and_its_plan() -> None:
    """Played in its own time when no duration is given, faster by the speed-up."""
    for name, scenario in SCENARIOS.items():
        plan = _plan(name, None, 60.0)

        assert scenario_file(name).is_file()
        assert plan.scenario == name
        assert plan.kinds == scenario.kinds or set(plan.kinds) == set(scenario.kinds)
        assert plan.duration_s == pytest.approx(scenario.duration_s / 60.0)


def test_an_explicit_duration_is_wall_clock_and_the_rate_is_the_speed_up() -> None:
    """Mixed use at 120 queries an hour, 240 times faster: eight a second."""
    plan = _plan()

    assert plan.duration_s == pytest.approx(130.0)
    assert sum(phase.queries_count for phase in plan.phases) == 8 * 130
    assert sum(phase.queries_count for phase in _plan(queries_per_h=60).phases) == 4 * 130


def test_endings_and_bursts_follow_the_scenario_unless_given() -> None:
    """Mixed leaves without holding connections; disconnects know every way but the polite one."""
    assert Ending.HALF_OPEN not in _plan().endings
    assert _plan("disconnects").endings == EVERY_ENDING
    assert Ending.POLITE not in EVERY_ENDING
    assert _plan(endings=["never_open"]).endings == (Ending.NEVER_OPEN,)
    assert _plan("duplicates").bursts == (2, 2, 2, 5)
    assert _plan(bursts=[7]).bursts == (7,)


def test_a_drain_leaves_idle_time_and_a_held_connection_leaves_the_drain_time() -> None:
    """Both are cut to the plan's shortest idle phase."""
    plan = _plan()
    shortest_s = min(phase.length_s for phase in plan.phases if phase.is_idle)

    assert plan.drain_timeout_s == pytest.approx(0.8 * shortest_s)
    assert plan.hold_s <= plan.drain_timeout_s / 2
    assert _plan("normal", None, 1.0).drain_timeout_s <= 60.0


def test_rows_are_coarser_only_in_runs_over_twelve_hours() -> None:
    """So that the file of a week is no larger than that of twelve hours."""
    assert _plan(duration_s=12 * 3600.0).row_period_s == 1
    assert _plan(duration_s=12 * 3600.0 + 1).row_period_s == 2
    assert _plan(duration_s=7 * 24 * 3600.0).row_period_s == 14


def test_kinds_can_be_narrowed_to_those_of_the_scenario() -> None:
    """Others are refused before anything starts."""
    assert set(_plan(kinds=["normal", "disconnect"]).kinds) == {LoadKind.NORMAL, LoadKind.DISCONNECT}
    with pytest.raises(UsageError, match=r"expected kinds of scenario heavy \(normal\).*'duplicate'"):
        _plan("heavy", kinds=["duplicate"])


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    """In one line."""
    with pytest.raises(UsageError, match=r"normal, heavy, idle, duplicates, disconnects, mixed.*found 'nonsense'"):
        _plan("nonsense")


def test_the_process_gets_one_file_the_plan_and_the_pipe(tmp_path: Path) -> None:
    """Never the folder, of which Locust would start everything; failed requests alone are exit 0."""
    plan = _plan("heavy")
    process = load_process(plan, tmp_path, 123.456, 7)
    files = process.command[process.command.index("-f") + 1]

    assert process.command[:3] == (sys.executable, "-m", "locust")
    assert files == str(scenario_file("heavy"))
    assert "--headless" in process.command
    assert process.command[process.command.index("--exit-code-on-error") + 1] == "0"
    assert LoadPlan.from_json(json.loads(process.env["SOAK_LOAD"])) == plan
    assert process.env["SOAK_STARTED_MONOTONIC_S"] == "123.456"
    assert (process.env["SOAK_RUN_DIR"], process.env["SOAK_EVENTS_FD"]) == (str(tmp_path), "7")
    assert process.pass_fds == (7,)
    assert process.worker_command is None


def test_the_page_listens_on_loopback_and_keeps_statistics(tmp_path: Path) -> None:
    """And nothing listens without it."""
    plan = _plan()
    process = load_process(plan, tmp_path, 0.0, 7, web_port=8089)

    assert process.command[process.command.index("--web-host") + 1] == "127.0.0.1"
    assert "--autostart" in process.command
    assert "--headless" not in process.command
    assert json.loads(process.env["SOAK_LOAD"])["web"] is True


def test_workers_here_meet_their_master_on_loopback(tmp_path: Path) -> None:
    """One user a worker, on the port given."""
    command = load_process(_plan(), tmp_path, 0.0, 7, Workers(local_count=3, port=5600)).command

    assert command[command.index("--processes") + 1] == command[command.index("--users") + 1] == "3"
    assert command[command.index("--master-bind-host") + 1] == "127.0.0.1"
    assert command[command.index("--master-bind-port") + 1] == command[command.index("--master-port") + 1] == "5600"


def test_workers_elsewhere_are_waited_for_and_their_command_is_told(tmp_path: Path) -> None:
    """Exactly what has to be typed on the other machines."""
    process = load_process(_plan(), tmp_path, 0.0, 7, Workers(expected_count=4, bind_host="10.0.0.5", port=5601))

    assert process.command[process.command.index("--expect-workers") + 1] == "4"
    assert process.command[process.command.index("--master-bind-host") + 1] == "10.0.0.5"
    assert process.worker_command is not None
    assert process.worker_command[-5:] == ("--worker", "--master-host", "10.0.0.5", "--master-port", "5601")
    with pytest.raises(UsageError, match="either --workers"):
        Workers(local_count=1, expected_count=1)


def test_a_locustfile_of_the_users_own_comes_with_the_recorder(tmp_path: Path) -> None:
    """Two files, cycles of load and idle, its users the plan's."""
    file = tmp_path / "mine.py"
    file.write_text("")
    plan = build_locustfile_plan(LoadSection(users=7), file, URL, 60.0, 1.0, seed=1)
    command = load_process(plan, tmp_path, 0.0, 7).command

    assert command[command.index("-f") + 1] == f"{scenario_file('_attach')},{file}"
    assert "--users" not in command
    assert plan.arrivals.users_count == 7
    assert {phase.kind for phase in plan.phases} == {"mixed", "idle"}


@pytest.mark.parametrize("name", ["missing.py", "a,b.py", "notes.txt"])
def test_a_locustfile_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything starts."""
    if name != "missing.py":
        (tmp_path / name).write_text("")

    with pytest.raises(UsageError):
        build_locustfile_plan(LoadSection(), tmp_path / name, URL, None, 1.0, seed=1)


def test_finding_a_scenario_does_not_load_locust() -> None:
    """Locust patches the whole process with gevent when it is imported: not the harness's."""
    code = "import sys, harness.orchestrate.load as m; m.scenario_file('normal'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"locust", "gevent", "numpy"}.isdisjoint(done.stdout.split())


def test_a_load_waits_for_its_workers_and_not_for_ever() -> None:
    """Those from elsewhere somebody has to start by hand; what plays alone waits for nobody."""
    distant, local = Workers(expected_count=2), Workers(local_count=2)

    assert (ALONE.longest_wait_s, ALONE.flags()) == (0.0, ())
    for workers, wait_s in ((distant, 600), (local, 60)):
        flags = workers.flags()
        assert workers.longest_wait_s == wait_s
        assert flags[flags.index("--expect-workers-max-wait") + 1] == str(wait_s)
