"""``soak run``: from a validated plan to a stored run.

Order matters: everything that can be wrong is found first; the services come up; only then the run's directory appears,
with the identities of what is sampled in its manifest; the load is released last.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harness.errors import ProbeError, TargetError, UsageError
from harness.model import EndReason, ExitCode
from harness.model.load import LoadPlan
from harness.orchestrate.container_watch import ContainerWatch
from harness.orchestrate.containers import Containers, Request
from harness.orchestrate.early_stop import Judge, may_stop_early
from harness.orchestrate.encore import Encore
from harness.orchestrate.event_pipe import EventPipe
from harness.orchestrate.interrupts import Interrupted, Interrupts
from harness.orchestrate.launch import Command, Launch, free_port, plan_launch, require_free_port
from harness.orchestrate.load import ALONE, LoadProcess, Workers, build_load_plan, build_locustfile_plan, load_process
from harness.orchestrate.locustfile import require_loadable
from harness.orchestrate.provenance import harness_commit, host_facts, public_config, versions
from harness.orchestrate.readiness import await_ready
from harness.orchestrate.restarts import Restarts
from harness.orchestrate.run_probes import Pids, probes_of_run, require_judgeable_run
from harness.orchestrate.services import Service, Services
from harness.orchestrate.session import TARGET_PROBE, Cast, Observer, Session, Tap
from harness.orchestrate.standing import Standing, Witness
from harness.plan.document import Plan
from harness.plan.load import LoadSection
from harness.probes.base import Probe
from harness.probes.container import ContainerProbe
from harness.probes.process import ProcessTreeProbe
from harness.sampler import Sampler, describe
from harness.store.schema import LOGS_FOLDER, Manifest
from harness.store.writer import RunWriter

MOCK_READY_PATH = "/admin/health"
LOAD_GRACE_S = 60.0
"""A load still running this long after its plan and its last drain have ended is stopped, and the run is invalid."""

_RELEASE = 'IFS= read -r SOAK_RUN_DIR && export SOAK_RUN_DIR && exec "$@" </dev/null'
"""Holds the load's process (with its final pid) until the directory that it writes into is known."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """A run that could begin: nothing has been started."""

    plan: Plan
    launch: Launch
    load: LoadPlan
    workers: Workers
    web_port: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A stored run and why it ended; ``judged``: its verdict is stored too."""

    path: Path
    reason: EndReason
    judged: bool = False


def prepare(plan: Plan) -> Preparation:
    """Everything that can be wrong is found here. Raises UsageError."""
    workers = _workers(plan.load)
    _require_meeting_place(workers)
    launch = plan_launch(plan)
    load = _plan_load(plan, launch.base_url)
    require_judgeable_run(plan, launch, load)
    require_writable(plan.run.out)
    return Preparation(plan, launch, load, workers, web_port=free_port() if plan.run.web else None)


def _plan_load(plan: Plan, base_url: str) -> LoadPlan:
    settings = plan.run
    timing = (base_url, settings.duration_s, settings.speedup, settings.seed)
    if settings.locustfile is not None:
        load = build_locustfile_plan(plan.load, settings.locustfile, *timing)
        require_loadable(settings.locustfile)
        return load
    return build_load_plan(plan.load, settings.scenario or "", *timing)


def require_writable(out_dir: Path) -> None:
    """Raises UsageError where runs cannot be stored in ``out_dir``; leaves nothing behind, not even that folder."""
    missing = _missing(out_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out_dir):
            pass
    except OSError as error:
        raise UsageError(
            f"expected a folder to store runs in at --out {out_dir}, found: {error.strerror or error}; name another"
        ) from error
    finally:
        _remove_empty(missing)


def _missing(folder: Path) -> list[Path]:
    """What has to be made for ``folder`` to be there, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _remove_empty(folders: Iterable[Path]) -> None:
    """Removes ``folders``, the innermost first, as far as nobody has put anything into them."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def carry_out(preparation: Preparation, observer: Observer, witness: Witness | None = None) -> Finished:
    """Starts, drives, samples, stores, stops. Raises TargetError, StoreError, Interrupted (before the run began).

    ``witness`` looks on, and is asked to look into the stored run while the target is still alive.
    """
    with ExitStack() as stack:
        interrupts = stack.enter_context(Interrupts())
        containers = None
        if preparation.launch.container is not None:
            containers = stack.enter_context(Containers())
        missing = _missing(preparation.plan.run.out)
        preparation.plan.run.out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".starting-", dir=preparation.plan.run.out))
        services = stack.enter_context(Services(staging))
        events = EventPipe()
        stack.callback(events.close)
        try:
            started = _Starter(preparation, services, events, interrupts, containers).start()
        except BaseException as error:
            services.stop()
            _keep_logs(staging, worth_it=not isinstance(error, UsageError))
            _remove_empty(missing)
            raise
        staging.rmdir()
        return started.play(observer, witness)


def _keep_logs(staging: Path, *, worth_it: bool) -> None:
    """The logs of a start that failed, where they may say why: what was wrong usage has been told in one line."""
    if worth_it and any(log.stat().st_size for log in staging.iterdir()):
        staging.rename(staging.with_name(f"failed-start{staging.name.removeprefix('.starting')}"))
        return
    shutil.rmtree(staging)


@dataclass(slots=True)
class _Started:
    """Everything is up and the run's directory is open."""

    preparation: Preparation
    services: Services
    cast: Cast
    interrupts: Interrupts
    events: EventPipe
    writer: RunWriter
    probes: tuple[Probe, ...]
    started_s: float
    watch: ContainerWatch | None

    def play(self, observer: Observer, witness: Witness | None = None) -> Finished:
        tap = Tap(self.writer)
        watch = self.watch
        sampler = Sampler(self.probes, tap, started_s=self.started_s, on_event=None if watch is None else watch.sampled)
        launch, load = self.preparation.launch, self.preparation.load
        restarts = None
        if launch.target is not None and self.preparation.plan.target.restart == "on-failure":
            restarts = Restarts(partial(self._restart_target, launch.target))
        plan = self.preparation.plan
        judge = Judge(self.writer.path, load, may_stop=may_stop_early(plan.run.early_stop, plan.gates.limits()))
        session = Session(
            writer=self.writer,
            sampler=sampler,
            tap=tap,
            services=self.services,
            cast=self.cast,
            interrupts=self.interrupts,
            events=self.events,
            started_s=self.started_s,
            deadline_s=load.duration_s + load.drain_timeout_s * len(load.phases) + LOAD_GRACE_S,
            observer=observer,
            longest_wait_s=self.preparation.workers.longest_wait_s,
            restarts=restarts,
            judge=judge,
            watch=self.watch,
            witness=witness,
        )
        if witness is not None:
            witness.begin(self.writer.path, lambda: self._pid_of(session.cast.target))
        try:
            reason = session.play()
        finally:
            judge.close()
        if witness is not None:
            with contextlib.suppress(Interrupted):
                witness.after_play(self._standing(reason, session.cast.target))
        return Finished(self.writer.path, reason)

    def _pid_of(self, target: Service | None) -> int | None:
        """The process of this machine that is the target, a container's main one included; None where there is none."""
        if target is not None:
            return target.pid
        for probe in self.probes:
            if isinstance(probe, ContainerProbe) and probe.name == TARGET_PROBE:
                return probe.local_pid
        return self.preparation.launch.target_pid

    def _standing(self, reason: EndReason, target: Service | None) -> Standing:
        encore = Encore(self.services, self.interrupts, self.preparation.load, self.preparation.workers)
        return Standing(
            path=self.writer.path,
            reason=reason,
            base_url=self.preparation.launch.base_url,
            target_pid=self._pid_of(target),
            kinds=self.preparation.load.kinds,
            drive=encore.drive,
            check=self.interrupts.raise_if_seen,
            now_s=lambda: time.monotonic() - self.started_s,
        )

    def _restart_target(self, command: Command) -> Service:
        service = _start(self.services, "target", command)
        for probe in self.probes:
            if probe.name == TARGET_PROBE and isinstance(probe, ProcessTreeProbe):
                probe.follow(service.pid)
        return service


@dataclass(slots=True)
class _Starter:
    """Brings the services up in order and opens the run's directory."""

    preparation: Preparation
    services: Services
    events: EventPipe
    interrupts: Interrupts
    containers: Containers | None

    def start(self) -> _Started:
        launch, plan = self.preparation.launch, self.preparation.plan
        mock = target = None
        if launch.mock is not None and launch.tts_url is not None:
            mock = _start(self.services, "mock", launch.mock)
            self._await_mock(mock, launch.tts_url)
        if launch.target is not None:
            target = _start(self.services, "target", launch.target)
            await_ready(target, launch.ready_url, plan.target.ready_timeout_s, self._wait)
        container_id = self._container_id()
        started_s = time.monotonic()
        load = self._start_held(self._load_process(started_s))
        probes = self._probes(load, target, mock, container_id)
        _require_working(probes)
        writer = RunWriter.create(self.preparation.plan.run.out, self._manifest(probes))
        self.services.move_logs(writer.path / LOGS_FOLDER)
        watch = None
        if container_id is not None and self.containers is not None:
            watch = self.containers.watch(container_id, writer.log_path("target"))
        self._release(load, writer.path)
        return _Started(
            self.preparation,
            self.services,
            Cast(load, target, mock),
            self.interrupts,
            self.events,
            writer,
            probes,
            started_s,
            watch,
        )

    def _await_mock(self, mock: Service, url: str) -> None:
        """Raises UsageError where the mock refuses its profile or its faults, which only it can read."""
        try:
            await_ready(mock, url + MOCK_READY_PATH, self.preparation.plan.target.ready_timeout_s, self._wait)
        except TargetError as error:
            if mock.exit_code() == ExitCode.USAGE:
                raise UsageError(mock.last_lines()) from error
            raise

    def _container_id(self) -> str | None:
        """The container to sample, started where the launch says so."""
        launch = self.preparation.launch
        if not isinstance(launch.container, Request):
            return launch.container
        assert self.containers is not None
        started = self.containers.start("target", launch.container)
        await_ready(started, launch.ready_url, self.preparation.plan.target.ready_timeout_s, self._wait)
        return started.container_id

    def _load_process(self, started_s: float) -> LoadProcess:
        return load_process(
            self.preparation.load,
            self.preparation.plan.run.out,  # the run's own folder is told when the load is released
            started_s,
            self.events.write_fd,
            workers=self.preparation.workers,
            web_port=self.preparation.web_port,
        )

    def _start_held(self, process: LoadProcess) -> Service:
        words = ("/bin/sh", "-c", _RELEASE, "sh", *process.command)
        env = os.environ | process.env
        return self.services.start("load", words, env, None, process.pass_fds, stdin=subprocess.PIPE)

    def _release(self, load: Service, run_dir: Path) -> None:
        assert load.process.stdin is not None
        load.process.stdin.write(f"{run_dir.resolve()}\n".encode())
        load.process.stdin.close()

    def _probes(
        self, load: Service, target: Service | None, mock: Service | None, container_id: str | None
    ) -> tuple[Probe, ...]:
        launch, plan = self.preparation.launch, self.preparation.plan
        pids = Pids(
            generator=load.pid,
            target=launch.target_pid if target is None else target.pid,
            mock=None if mock is None else mock.pid,
        )
        period_s = plan.run.sampling_period_s(self.preparation.load.duration_s)
        return tuple(probes_of_run(plan, launch, period_s, pids, container_id))

    def _manifest(self, probes: tuple[Probe, ...]) -> Manifest:
        plan = self.preparation.plan
        return Manifest(
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            scenario=self.preparation.load.scenario,
            primary=f"{TARGET_PROBE}.anon_bytes",
            probes=tuple(describe(probe) for probe in probes),
            seed=plan.run.seed,
            speedup=plan.run.speedup,
            host=host_facts(),
            versions=versions(),
            commit={"harness": harness_commit(), "target": plan.target.commit},
            config=public_config(plan, probes),
        )

    def _wait(self, seconds: float) -> None:
        select.select([self.interrupts], [], [], seconds)
        self.interrupts.raise_if_seen()


def worker_command(preparation: Preparation) -> str | None:
    """What starts one load worker on another machine, None unless the plan waits for such workers."""
    process = load_process(preparation.load, preparation.plan.run.out, 0.0, -1, workers=preparation.workers)
    words = process.worker_command
    return None if words is None else shlex.join(words)


def _require_meeting_place(workers: Workers) -> None:
    """Raises UsageError where workers from elsewhere could not meet."""
    if workers.expected_count:
        host = f"[{workers.bind_host}]" if ":" in workers.bind_host else workers.bind_host
        require_free_port(f"tcp://{host}:{workers.port}", "load workers to meet at (master-host, master-port)")


def _workers(section: LoadSection) -> Workers:
    """Those that the plan wants, meeting at a port that is free now. Raises UsageError where it wants them both here
    and elsewhere."""
    if section.expect_workers:
        return Workers(section.workers, section.expect_workers, section.master_host, section.master_port)
    return Workers(local_count=section.workers, port=free_port()) if section.workers else ALONE


def _start(services: Services, name: str, command: Command) -> Service:
    return services.start(name, command.words, command.env, command.cwd)


def _require_working(probes: tuple[Probe, ...]) -> None:
    reasons = [reason for probe in probes if (reason := probe.check()) is not None]
    if reasons:  # not wrong usage: by now the target has been started, and may itself be what does not answer
        raise ProbeError("; ".join(reasons))
