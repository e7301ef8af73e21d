"""From the plan to the Locust process: what it is told, and how it is started.

Knows no process handling: it describes the process, whoever runs it starts and ends it.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.model import LoadKind
from harness.model.load import (
    EVENTS_FD_VARIABLE,
    LOAD_VARIABLE,
    RUN_DIR_VARIABLE,
    STARTED_VARIABLE,
    Ending,
    LoadPlan,
    Phase,
)
from harness.plan.load import LoadSection
from harness.timeline import SCENARIOS, build_timeline, natural_duration_s

LOOPBACK = "127.0.0.1"
DEFAULT_MASTER_PORT = 5557

DRAIN_SHARE = 0.8
"""Of the shortest idle phase: a drain that takes longer is cut, so that some true idle is always left."""

LONGEST_DRAIN_S = 60.0

ROWS_LIMIT_S = 12 * 3600
"""Runs over this have coarser rows in ``load.csv``, so that the file stays as small as that of twelve hours."""

LEAVING: tuple[Ending, ...] = (Ending.RESET_MIDWAY, Ending.SILENT, Ending.RESET_AFTER_LAST)
"""How ``mixed`` disconnects: without a goodbye, but not in ways that hold a connection for a time of their own."""

EVERY_ENDING: tuple[Ending, ...] = tuple(ending for ending in Ending if ending is not Ending.POLITE)
BURSTS: dict[str, tuple[int, ...]] = {"duplicates": (2, 2, 2, 5)}


@dataclass(frozen=True, slots=True)
class LoadProcess:
    """A process to start: its command, what its environment has beyond ours, and the descriptors it inherits."""

    command: tuple[str, ...]
    env: dict[str, str]
    pass_fds: tuple[int, ...]


def build_load_plan(
    section: LoadSection, scenario: str, base_url: str, duration_s: float | None, speedup: float, seed: int
) -> LoadPlan:
    """The plan of a built-in scenario over ``duration_s`` of wall-clock time (None: its own). Raises UsageError."""
    if scenario not in SCENARIOS:
        raise UsageError(f"expected a scenario ({', '.join(SCENARIOS)}) or --locustfile PATH, found {scenario!r}")
    defaults = SCENARIOS[scenario]
    kinds = _kinds(section, scenario)
    queries_per_h = section.queries_per_h or defaults.queries_per_h
    wall_s = duration_s or natural_duration_s(scenario, speedup)
    phases = build_timeline(kinds, wall_s, queries_per_h * speedup / 3600, seed, section.cycles)
    return LoadPlan(
        scenario=scenario,
        seed=seed,
        speedup=speedup,
        phases=phases,
        backend=section.backend(base_url),
        arrivals=section.arrival_model(speedup),
        endings=section.endings or (EVERY_ENDING if scenario == "disconnects" else LEAVING),
        bursts=section.bursts or BURSTS.get(scenario, (2,)),
        burst_gap_s=section.burst_gap,
        hold_s=section.hold,
        conversation_timeout_s=section.timeout,
        drain_timeout_s=_drain_timeout_s(phases),
        idle_streams_count=section.idle_streams,
        row_period_s=max(1, -int(-wall_s // ROWS_LIMIT_S)),
    )


def _kinds(section: LoadSection, scenario: str) -> tuple[LoadKind, ...]:
    """The scenario's kinds, narrowed by the plan."""
    kinds = SCENARIOS[scenario].kinds
    if section.kinds is None or not kinds:
        return kinds
    foreign = [kind for kind in section.kinds if kind not in kinds]
    if foreign:
        raise UsageError(f"expected kinds of scenario {scenario} ({', '.join(kinds)}) in [load], found {foreign[0]!r}")
    return section.kinds


def _drain_timeout_s(phases: tuple[Phase, ...]) -> float:
    idle_s = [phase.length_s for phase in phases if phase.is_idle]
    return min(DRAIN_SHARE * min(idle_s, default=LONGEST_DRAIN_S), LONGEST_DRAIN_S)


def load_process(
    plan: LoadPlan,
    run_dir: Path,
    started_monotonic_s: float,
    events_fd: int,
    workers: int = 0,
    web_port: int | None = None,
    master_port: int = DEFAULT_MASTER_PORT,
) -> LoadProcess:
    """The Locust process that plays ``plan``; with ``workers`` it forks them and is their master on ``master_port``."""
    page = (
        ("--headless", "--only-summary")
        if web_port is None
        else ("--autostart", "--web-host", LOOPBACK, "--web-port", str(web_port))
    )
    users = max(workers, 1)
    command = (
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(scenario_file(plan.scenario)),
        *page,
        "--host",
        plan.backend.base_url,
        "--users",
        str(users),
        "--spawn-rate",
        str(users),
        "--exit-code-on-error",
        "0",
        *_workers(workers, master_port),
    )
    env = {
        LOAD_VARIABLE: json.dumps(plan.to_json()),
        STARTED_VARIABLE: repr(started_monotonic_s),
        RUN_DIR_VARIABLE: str(run_dir),
        EVENTS_FD_VARIABLE: str(events_fd),
    }
    return LoadProcess(command, env, (events_fd,))


def _workers(workers: int, master_port: int) -> tuple[str, ...]:
    if not workers:
        return ()
    port = str(master_port)
    return (
        *("--processes", str(workers)),
        *("--master-bind-host", LOOPBACK, "--master-bind-port", port),
        *("--master-host", LOOPBACK, "--master-port", port),
    )


def scenario_file(scenario: str) -> Path:
    """Where the scenario's one file lies; found without importing it, which would patch this process with gevent."""
    spec = importlib.util.find_spec("locustfiles")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("expected the package locustfiles beside the harness, found none; install voice-soak whole")
    return Path(next(iter(spec.submodule_search_locations))) / f"{scenario}.py"
