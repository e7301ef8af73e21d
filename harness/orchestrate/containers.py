"""Containers of a run: started from an image and always removed, or found running and left alone.

What is started carries two labels: the run's own, and who its owner is, so that what a killed harness left behind is
known for what it is, and removed: by the keeper process within seconds, or at the next start.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import psutil

from harness.errors import ProbeError, TargetError, UsageError
from harness.orchestrate import container_keeper
from harness.orchestrate.container_history import ContainerHistory
from harness.orchestrate.container_watch import ContainerWatch
from harness.plan.container import OWN_LABEL_PREFIX, ContainerSection
from harness.probes.container import local_pid
from harness.probes.engine import (
    COMPOSE_SERVICE_LABEL,
    ContainerState,
    DockerEngine,
    engine_errors,
    parse_time_s,
    state_of,
)

if TYPE_CHECKING:
    from docker.models.containers import Container

RUN_LABEL = f"{OWN_LABEL_PREFIX}run"
OWNER_LABEL = f"{OWN_LABEL_PREFIX}owner"

STOP_GRACE_S = 3
_RESTARTS_AT_MOST = 1000
_LOG_TAIL_LINES = 5
_LOG_ROTATION = {"max-size": "16m", "max-file": "2"}
"""A chatty target must not fill the disk of the engine's host."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Request:
    """A container to start. ``publish`` is (container port, port on 127.0.0.1), None on the host's network."""

    image: str
    command: tuple[str, ...] | None = None
    memory_limit_bytes: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    network: str = "host"
    publish: tuple[int, int] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    restart: bool = False


def request_of(section: ContainerSection, port: int, tts_url: str | None) -> Request:
    """What ``section`` asks for, with the target reached at ``port`` of 127.0.0.1 and told so in its environment."""
    if section.image is None:
        raise UsageError("expected [container] image to start a container, found none")
    inner_port = section.port or port
    filled = {"{port}": str(inner_port), "{tts_url}": tts_url or ""}
    told = {"PORT": str(inner_port), "TTS_URL": tts_url or "", "ELEVENLABS_BASE_URL": tts_url or ""}
    return Request(
        image=section.image,
        command=None if section.command is None else tuple(_filled(word, filled) for word in section.command),
        memory_limit_bytes=None if section.memory_limit is None else int(section.memory_limit),
        env=told | {name: _filled(value, filled) for name, value in section.env.items()},
        network=section.network,
        publish=None if section.on_host_network else (inner_port, port),
        labels=section.labels,
        restart=section.restart == "on-failure",
    )


def _filled(text: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


class StartedContainer:
    """A container of ours, with what waiting for it to be ready needs of a process."""

    def __init__(self, name: str, container: Container) -> None:
        self.name = name
        self._container = container

    @property
    def container_id(self) -> str:
        return str(self._container.id)

    def exit_code(self) -> int | None:
        """None while it runs or is about to be started again. Raises TargetError when the engine does not say."""
        try:
            with engine_errors(f"container {self.name!r}"):
                self._container.reload()
        except ProbeError as error:
            raise TargetError(str(error)) from error
        state = state_of(self._container.attrs)
        return None if state.running or state.restarting else state.exit_code

    def last_lines(self) -> str:
        """The end of its log on one line, for an error message."""
        with contextlib.suppress(ProbeError), engine_errors("the container's log"):
            tail = self._container.logs(tail=_LOG_TAIL_LINES).decode("utf-8", "replace")
            return " | ".join(line.strip() for line in tail.strip().splitlines())[-2000:]
        return ""


class Containers:
    """The engine of one run, and the containers started in it: leaving the context removes every one of them.

    Entering removes what killed harnesses of this machine left behind.
    """

    def __init__(self, connect: Callable[[], DockerEngine] = DockerEngine) -> None:
        self._connect = connect
        self._label_value = secrets.token_hex(8)
        self._started: list[Container] = []
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Containers:
        self.engine = connected_engine(self._connect)
        try:
            with engine_errors("to remove what an earlier run left"):
                remove_leftovers(self.engine)
        except ProbeError:
            pass  # the run does not depend on it, the next start tries again
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        removed = False
        try:
            removed = self.remove()
        finally:
            self._dismiss_keeper(removed)
            self.engine.close()

    def start(self, name: str, request: Request) -> StartedContainer:
        """Creates and starts what ``request`` says. Raises TargetError."""
        from docker.types import LogConfig

        self._call_keeper()
        labels = {**request.labels, RUN_LABEL: self._label_value, OWNER_LABEL: owner_of_this_process()}
        try:
            with engine_errors(f"to start a container from {request.image!r}"):
                container = self.engine.client.containers.create(
                    request.image,
                    command=None if request.command is None else list(request.command),
                    environment=dict(request.env),
                    labels=labels,
                    log_config=LogConfig(type="json-file", config=_LOG_ROTATION),
                    **resource_limits_of(request),
                    **network_of(request),
                )
                self._started.append(container)
                container.start()
        except ProbeError as error:
            raise TargetError(str(error)) from error
        return StartedContainer(name, container)

    def remove(self) -> bool:
        """Stops and removes every container that was started, politely first; whether all are gone."""
        left = []
        for container in self._started:
            with contextlib.suppress(ProbeError), engine_errors("to stop a container"):
                container.stop(timeout=STOP_GRACE_S)
            try:
                with engine_errors("to remove a container"):
                    container.remove(force=True, v=True)
            except ProbeError as error:
                if not _is_gone(error):
                    left.append(container)
        self._started = left
        return not left

    def watch(self, container_id: str, log_file: Path) -> ContainerWatch:
        """What tells its events; one of ours has its log kept from its start, one that ran already from now."""
        state = find_running(self.engine, container_id)
        ours = any(container.id == state.container_id for container in self._started)
        history = ContainerHistory(
            self.engine,
            state.container_id,
            log_file=log_file,
            counts_kills=local_pid(state) is not None,
            log_since_s=parse_time_s(state.started_at) if ours else None,
        )
        return ContainerWatch(history)

    def _call_keeper(self) -> None:
        if self._keeper is None:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", container_keeper.__file__, f"{RUN_LABEL}={self._label_value}"],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )

    def _dismiss_keeper(self, removed: bool) -> None:
        """Without the word it goes on trying what could not be removed here."""
        if self._keeper is None or self._keeper.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError), self._keeper.stdin as pipe:
            pipe.write(b"bye" if removed else b"")
        self._keeper.wait()


def connected_engine(connect: Callable[[], DockerEngine] = DockerEngine) -> DockerEngine:
    """The engine of the environment. Raises UsageError when none answers."""
    try:
        return connect()
    except ProbeError as error:
        raise UsageError(str(error)) from error


def require(engine: DockerEngine, request: Request) -> None:
    """Raises UsageError when the engine lacks the image or the network of ``request``."""
    import docker.errors

    try:
        with engine_errors(f"to look up image {request.image!r}"):
            _look_up(engine, request)
    except ProbeError as error:
        if isinstance(error.__cause__, docker.errors.ImageNotFound):
            raise UsageError(
                f"expected image {request.image!r} on the engine, found none; `docker pull` or `docker build` it first"
            ) from error
        if isinstance(error.__cause__, docker.errors.NotFound):
            raise UsageError(
                f"expected network {request.network!r} on the engine, found none; `docker network ls` lists them"
            ) from error
        raise UsageError(str(error)) from error


def _look_up(engine: DockerEngine, request: Request) -> None:
    engine.client.images.get(request.image)
    if request.network not in ("host", "bridge"):
        engine.client.networks.get(request.network)


def resource_limits_of(request: Request) -> dict[str, Any]:
    """The memory limit and the restart policy, as the client's ``create`` takes them."""
    limits: dict[str, Any] = {}
    if request.memory_limit_bytes is not None:
        # no swap beyond it: a limit that swap softens is not the one that production kills at
        limits |= {"mem_limit": request.memory_limit_bytes, "memswap_limit": request.memory_limit_bytes}
    if request.restart:
        limits["restart_policy"] = {"Name": "on-failure", "MaximumRetryCount": _RESTARTS_AT_MOST}
    return limits


def network_of(request: Request) -> dict[str, Any]:
    """The network, and the published port on 127.0.0.1, as the client's ``create`` takes them."""
    if request.publish is None:
        return {"network_mode": request.network}
    inner, outer = request.publish
    return {"network": request.network, "ports": {f"{inner}/tcp": ("127.0.0.1", outer)}}


def _is_gone(error: ProbeError) -> bool:
    import docker.errors

    return isinstance(error.__cause__, docker.errors.NotFound)


def find_running(engine: DockerEngine, container: str) -> ContainerState:
    """The container with this name or id. Raises UsageError unless it runs."""
    try:
        state = engine.state(container)
    except ProbeError as error:
        raise UsageError(str(error)) from error
    if not state.running:
        raise UsageError(f"expected a running container as target, found {state.why_not_running()}; start it first")
    if state.paused:
        raise UsageError(
            f"expected a running container as target, found {state.name} paused; `docker unpause` it first"
        )
    return state


def find_compose_service(engine: DockerEngine, service: str, project: str | None) -> ContainerState:
    """The one running container of a Compose service. Raises UsageError when there is none, or more than one."""
    try:
        found = engine.labelled(f"{COMPOSE_SERVICE_LABEL}={service}")
    except ProbeError as error:
        raise UsageError(str(error)) from error
    mine = [state for state in found if state.running and project in (None, state.compose_project)]
    if len(mine) != 1:
        names = ", ".join(sorted(state.name for state in mine)) or "none"
        raise UsageError(
            f"expected one running container of Compose service {service!r}, found {names}; "
            "`docker compose up` it, name its compose-project, or give --container NAME"
        )
    return mine[0]


def published_port(engine: DockerEngine, container_id: str) -> int | None:
    """The one TCP port that the container publishes on this machine, None when there is none or more than one."""
    with contextlib.suppress(ProbeError), engine_errors("the container's ports"):
        published = engine.client.api.inspect_container(container_id)["NetworkSettings"].get("Ports") or {}
        ports = {
            int(binding["HostPort"])
            for name, bindings in published.items()
            if name.endswith("/tcp")
            for binding in bindings or ()
        }
        return ports.pop() if len(ports) == 1 else None
    return None


def owner_of_this_process() -> str:
    """Machine, boot, pid namespace, pid and start of this process: enough to know later, there, that it has ended."""
    process = psutil.Process()
    return "/".join((*_here(), str(process.pid), f"{process.create_time():.2f}"))


def owner_has_ended(owner: str) -> bool:
    """Whether the harness that ``owner`` names ran on this machine and does no more.

    What cannot be known from here is no: another machine's processes, though it has the same name, and those of another
    pid namespace (a harness in a container), where a pid is somebody else's or nobody's.
    """
    parts = owner.split("/")
    if len(parts) != len(_here()) + 2:
        return False
    machine, boot, namespace, pid, start = parts
    this_machine, this_boot, this_namespace = _here()
    if machine != this_machine or not pid.isdigit():
        return False
    if boot != this_boot:
        return True
    if namespace != this_namespace:
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" != start
    except psutil.NoSuchProcess:
        return True


def _here() -> tuple[str, str, str]:
    """This machine (names are given twice, so its id too), its boot, and the namespace that pids are of."""
    machine_id = _first_line(Path("/etc/machine-id"))[:8]
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = "unknown"
    return f"{socket.gethostname()}.{machine_id}", _first_line(_BOOT_ID), namespace


def remove_leftovers(engine: DockerEngine) -> tuple[str, ...]:
    """Removes the containers of harnesses of this machine that have ended; their names."""
    return tuple(_removed(engine))


def _removed(engine: DockerEngine) -> Iterator[str]:
    for container in engine.client.containers.list(all=True, filters={"label": OWNER_LABEL}, ignore_removed=True):
        if owner_has_ended(container.labels.get(OWNER_LABEL, "")):
            with contextlib.suppress(ProbeError), engine_errors("to remove a container"):
                container.remove(force=True, v=True)
                yield str(container.name)


def _first_line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return "unknown"
