"""From the plan to the Locust process: what it is told, and how it is started.

Knows no process handling: it describes the process, whoever runs it starts and ends it.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UsageError
from harness.model import LoadKind
from harness.model.load import (
    EVENTS_FD_VARIABLE,
    LOAD_VARIABLE,
    MIXED_KIND,
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

HOLD_SHARE = 0.5
"""Of the drain's time-out: a connection held half-open ends by itself before the drain would have to end it."""

LOCUSTFILE_DURATION_S = 900.0
"""As long as scenario ``normal``."""

ROWS_LIMIT_S = 12 * 3600
"""Runs over this have coarser rows in ``load.csv``, so that the file stays as small as that of twelve hours."""

LOCAL_WORKERS_WAIT_S = 60.0
DISTANT_WORKERS_WAIT_S = 600.0
"""So long a load waits for its workers: those forked here import one file, those elsewhere somebody has to start."""

LEAVING: tuple[Ending, ...] = (Ending.RESET_MIDWAY, Ending.SILENT, Ending.RESET_AFTER_LAST)
"""How ``mixed`` disconnects: without a goodbye, but not in ways that hold a connection for a time of their own."""

EVERY_ENDING: tuple[Ending, ...] = tuple(ending for ending in Ending if ending is not Ending.POLITE)
BURSTS: dict[str, tuple[int, ...]] = {"duplicates": (2, 2, 2, 5)}


@dataclass(frozen=True, slots=True)
class LoadProcess:
    """A process to start: its command, what its environment has beyond ours, and the descriptors it inherits.

    ``worker_command`` is what starts one worker on another machine, where the plan waits for such workers.
    """

    command: tuple[str, ...]
    env: dict[str, str]
    pass_fds: tuple[int, ...]
    worker_command: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that share the load: ``local_count`` forked here, or ``expected_count`` started elsewhere by hand.

    The master listens on ``bind_host``; with local workers only, on loopback.
    """

    local_count: int = 0
    expected_count: int = 0
    bind_host: str = LOOPBACK
    port: int = DEFAULT_MASTER_PORT

    def __post_init__(self) -> None:
        if self.local_count and self.expected_count:
            raise UsageError("expected either --workers (here) or --expect-workers (elsewhere), found both")

    @property
    def users_count(self) -> int:
        """One user a process that plays."""
        return max(self.local_count, self.expected_count, 1)

    @property
    def longest_wait_s(self) -> float:
        """From the load's start until all of them are there, or the load gives up."""
        if self.expected_count:
            return DISTANT_WORKERS_WAIT_S
        return LOCAL_WORKERS_WAIT_S if self.local_count else 0.0

    def flags(self) -> tuple[str, ...]:
        """What Locust's own command line says about them."""
        meet = (
            *("--master-bind-host", self.bind_host, "--master-bind-port", str(self.port)),
            *("--expect-workers-max-wait", f"{self.longest_wait_s:.0f}"),
        )
        if self.expected_count:
            return ("--master", "--expect-workers", str(self.expected_count), *meet)
        if self.local_count:
            return ("--processes", str(self.local_count), *meet, "--master-port", str(self.port))
        return ()


ALONE = Workers()


def build_load_plan(
    section: LoadSection, scenario: str, base_url: str, duration_s: float | None, speedup: float, seed: int
) -> LoadPlan:
    """The plan of a built-in scenario over ``duration_s`` of wall-clock time (None: its own). Raises UsageError."""
    if scenario not in SCENARIOS:
        raise UsageError(f"expected a scenario ({', '.join(SCENARIOS)}) or --locustfile PATH, found {scenario!r}")
    queries_per_h = section.queries_per_h or SCENARIOS[scenario].queries_per_h
    wall_s = duration_s or natural_duration_s(scenario, speedup)
    phases = build_timeline(_kinds(section, scenario), wall_s, queries_per_h * speedup / 3600, seed, section.cycles)
    drain_timeout_s = _drain_timeout_s(phases)
    return LoadPlan(
        scenario=scenario,
        seed=seed,
        speedup=speedup,
        phases=phases,
        backend=section.backend(base_url),
        arrivals=section.arrival_model(speedup),
        endings=section.endings or (EVERY_ENDING if scenario == "disconnects" else LEAVING),
        bursts=section.bursts or BURSTS.get(scenario, (2,)),
        burst_gap_s=section.burst_gap_s,
        hold_s=min(section.hold_s, HOLD_SHARE * drain_timeout_s),
        conversation_timeout_s=section.timeout_s,
        drain_timeout_s=drain_timeout_s,
        idle_streams_count=section.idle_streams,
        row_period_s=_row_period_s(wall_s),
    )


def build_locustfile_plan(
    section: LoadSection, locustfile: Path, base_url: str, duration_s: float | None, speedup: float, seed: int
) -> LoadPlan:
    """The plan under which a locustfile of the user's own runs: load, drain and idle in cycles. Raises UsageError."""
    if not locustfile.is_file() or locustfile.suffix != ".py":
        raise UsageError(f"expected a locustfile such as tests/locustfile.py, found no such file: {locustfile}")
    if "," in str(locustfile):
        raise UsageError(f"expected a path without a comma, which Locust reads as two files, found {locustfile}")
    wall_s = duration_s or LOCUSTFILE_DURATION_S
    phases = build_timeline((MIXED_KIND,), wall_s, 0.0, seed, section.cycles)
    return LoadPlan(
        scenario="locustfile",
        seed=seed,
        speedup=speedup,
        phases=phases,
        backend=section.backend(base_url),
        arrivals=section.arrival_model(speedup),
        drain_timeout_s=_drain_timeout_s(phases),
        row_period_s=_row_period_s(wall_s),
        locustfile=str(locustfile.resolve()),
    )


def _row_period_s(wall_s: float) -> int:
    return max(1, -int(-wall_s // ROWS_LIMIT_S))


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
    workers: Workers = ALONE,
    web_port: int | None = None,
) -> LoadProcess:
    """The Locust process that plays ``plan``: alone, or as the master of ``workers``."""
    files = ",".join(str(path) for path in _files(plan))
    command = (
        *(sys.executable, "-m", "locust", "-f", files, "--host", plan.backend.base_url),
        *_page(web_port),
        *_users(plan, workers),
        *("--exit-code-on-error", "0"),
        *workers.flags(),
    )
    env = {
        LOAD_VARIABLE: json.dumps(replace(plan, web=web_port is not None).to_json()),
        STARTED_VARIABLE: repr(started_monotonic_s),
        RUN_DIR_VARIABLE: str(run_dir),
        EVENTS_FD_VARIABLE: str(events_fd),
    }
    return LoadProcess(command, env, (events_fd,), _worker_command(files, workers) if workers.expected_count else None)


def _files(plan: LoadPlan) -> tuple[Path, ...]:
    """One scenario and never the folder, of which Locust would start all; or the recorder beside the user's file."""
    if plan.locustfile is None:
        return (scenario_file(plan.scenario),)
    return (scenario_file("_attach"), Path(plan.locustfile))


def _page(web_port: int | None) -> tuple[str, ...]:
    if web_port is None:
        return ("--headless", "--only-summary")
    return ("--autostart", "--web-host", LOOPBACK, "--web-port", str(web_port))


def _users(plan: LoadPlan, workers: Workers) -> tuple[str, ...]:
    """One of our users a process; how many of a user's own file there are is the plan's, or its own shape's."""
    if plan.locustfile is not None:
        return ("--stop-timeout", f"{math.ceil(plan.drain_timeout_s)}")
    return ("--users", str(workers.users_count), "--spawn-rate", str(workers.users_count))


def _worker_command(files: str, workers: Workers) -> tuple[str, ...]:
    """The exact command for each of the other machines, which need this package and these files at the same place."""
    master = ("--master-host", workers.bind_host, "--master-port", str(workers.port))
    return ("python", "-m", "locust", "-f", files, "--worker", *master)


def scenario_file(scenario: str) -> Path:
    """Where the scenario's one file lies; found without importing it, which would patch this process with gevent."""
    spec = importlib.util.find_spec("locustfiles")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("expected the package locustfiles beside the harness, found none; install voice-soak whole")
    return Path(next(iter(spec.submodule_search_locations))) / f"{scenario}.py"
