"""Decides, before anything is started, what will be started and where: ports, URLs, commands.

Every reason why a run could not begin is found here and raised as UsageError.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from harness.errors import UsageError
from harness.orchestrate.containers import (
    Request,
    connected_engine,
    find_compose_service,
    find_running,
    published_port,
    request_of,
    require,
)
from harness.plan.document import Plan
from harness.probes.container import local_pid
from harness.probes.engine import ContainerState, DockerEngine

LOOPBACK = "127.0.0.1"
CONNECT_TIMEOUT_S = 3.0
MOCK_PROFILES = ("realistic", "instant", "slow")
"""Those that mock-tts brings; a file it reads itself."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to start: its words, its whole environment, its folder."""

    words: tuple[str, ...]
    env: dict[str, str]
    cwd: Path | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """What a run starts and what it finds: ``mock`` and ``target`` are None where they run already.

    ``target_pid`` is the process to sample where the target runs already and is a process. ``container`` is the
    container to start, or the id of the one that runs already.
    """

    base_url: str
    tts_url: str | None
    mock: Command | None
    target: Command | None
    target_pid: int | None
    ready_url: str
    container: Request | str | None = None


def plan_launch(plan: Plan) -> Launch:
    """Ports, URLs and commands for ``plan``, checked against this machine as it is now. Raises UsageError."""
    target = plan.target
    if target.container is not None or (plan.container is not None and not _names_process(plan)):
        return _plan_container(plan)
    starts_target = target.command is not None or target.reference is not None or not _runs_already(plan)
    tts_url, mock = _plan_mock(plan, starts_target)
    if starts_target:
        base_url = target.base_url or f"http://{LOOPBACK}:{free_port()}"
        require_free_port(base_url, "the target's --base-url")
        command = _target_command(plan, base_url, tts_url)
        return Launch(base_url, tts_url, mock, command, None, base_url + target.ready_path)
    pid = target.pid
    if pid is not None and not psutil.pid_exists(pid):
        raise UsageError(f"expected a running process as target, found no process {pid}; see `ps`, then give its --pid")
    base_url = target.base_url or _url_of(pid)
    require_listener(base_url, "the target")
    if pid is None:
        pid = listener_pid(base_url)
    return Launch(base_url, tts_url, mock, None, pid, base_url + target.ready_path)


def _runs_already(plan: Plan) -> bool:
    return plan.target.pid is not None or plan.target.base_url is not None


def _names_process(plan: Plan) -> bool:
    return any(value is not None for value in (plan.target.command, plan.target.pid, plan.target.reference))


def _plan_container(plan: Plan) -> Launch:
    """``--container`` names one that runs; else ``[container]`` an image to start or a Compose service that runs."""
    target, section = plan.target, plan.container
    with contextlib.closing(connected_engine()) as engine:
        if target.container is None and section is not None and section.image is not None:
            # the mock listens on this host's loopback, which no other network of the engine reaches
            tts_url, mock = _plan_mock(plan, True) if section.on_host_network else (plan.tts.url, None)
            base_url = target.base_url or f"http://{LOOPBACK}:{free_port()}"
            require_free_port(base_url, "the target's --base-url")
            request = request_of(section, _port_of(base_url), tts_url)
            require(engine, request)
            return Launch(base_url, tts_url, mock, None, None, base_url + target.ready_path, request)
        tts_url, mock = _plan_mock(plan, False)
        if target.container is not None:
            state = find_running(engine, target.container)
        else:
            assert section is not None
            assert section.compose_service is not None
            state = find_compose_service(engine, section.compose_service, section.compose_project)
        base_url = target.base_url or _url_of_container(engine, state)
    require_listener(base_url, "the target")
    return Launch(base_url, tts_url, mock, None, None, base_url + target.ready_path, state.container_id)


def _url_of_container(engine: DockerEngine, state: ContainerState) -> str:
    port = published_port(engine, state.container_id)
    if port is not None:
        return f"http://{LOOPBACK}:{port}"
    return _url_of(local_pid(state))  # on the host's network it listens as a process does


def _plan_mock(plan: Plan, starts_target: bool) -> tuple[str | None, Command | None]:
    """The speech URL that the target shall use, and the mock to start behind it where nothing answers there.

    A target that runs already was told its speech service by whoever started it: nothing is started for it
    unless ``--tts-url`` says where.
    """
    url = plan.tts.url
    if url is None:
        if not starts_target:
            return None, None
        url = f"http://{LOOPBACK}:{free_port()}"
    elif answers(url):
        return url, None
    elif urlsplit(url).hostname not in (LOOPBACK, "localhost"):
        raise UsageError(f"expected a speech service at --tts-url {url}, found nothing that answers; start it first")
    port = _port_of(url)
    if plan.tts.profile not in MOCK_PROFILES and not Path(plan.tts.profile).is_file():
        raise UsageError(
            f"expected tts.profile {', '.join(MOCK_PROFILES)} or a TOML file, found {plan.tts.profile!r}; name one"
        )
    words = [
        *own_program("mock_tts"), "serve", "--host", LOOPBACK, "--port", str(port),
        "--seed", str(plan.run.seed), "--profile", plan.tts.profile,
    ]  # fmt: skip
    if plan.tts.faults is not None:
        if not plan.tts.faults.is_file():
            raise UsageError(f"expected the mock's fault plan at {plan.tts.faults}, found no such file")
        words += ["--faults", str(plan.tts.faults)]
    return url, Command(tuple(words), dict(os.environ))


def _target_command(plan: Plan, base_url: str, tts_url: str | None) -> Command:
    target, port = plan.target, str(_port_of(base_url))
    if target.command is None:
        preset = target.reference or "before"
        words = [*own_program("voice_backend"), "serve", "--host", LOOPBACK, "--preset", preset]
        words += ["--time-scale", f"{target.time_scale:g}"]
    else:
        words = _split(target.command)
        words = [word.replace("{port}", port).replace("{tts_url}", tts_url or "") for word in words]
        words = _resolved_program(words, target.cwd)
    if target.cwd is not None and not target.cwd.is_dir():
        raise UsageError(f"expected a folder as the target's cwd, found {str(target.cwd)!r}")
    told = {"PORT": port, "TTS_URL": tts_url or "", "ELEVENLABS_BASE_URL": tts_url or "", "PYTHONUNBUFFERED": "1"}
    return Command(tuple(words), os.environ | told | target.env, target.cwd)


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UsageError(f"expected a command that can be split as a shell does, found {command!r}: {error}") from error


OWN_PROGRAMS = {"mock-tts": "mock_tts", "voice-backend": "voice_backend"}


def _resolved_program(words: list[str], cwd: Path | None) -> list[str]:
    if words[0] in OWN_PROGRAMS:  # also where the environment's bin folder is not on PATH
        return [*own_program(OWN_PROGRAMS[words[0]]), *words[1:]]
    if os.sep not in words[0] and shutil.which(words[0]) is not None:
        return words
    beside = shutil.which(str((cwd or Path()).resolve() / words[0]))
    if beside is None:
        raise UsageError(f"expected a program to start as target, found none named {words[0]!r} on PATH or in its cwd")
    return [beside, *words[1:]]


def own_program(package: str) -> list[str]:
    """The words that start one of this distribution's programs with this very interpreter."""
    return [sys.executable, "-m", package]


def _port_of(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def free_port() -> int:
    """A loopback port that nothing uses at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free_port(url: str, what: str) -> None:
    """Raises UsageError where the port of ``url`` is taken."""
    host, port = urlsplit(url).hostname or LOOPBACK, _port_of(url)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"expected a free port for {what}, found {host}:{port} unusable ({error.strerror or error}); "
                "stop what uses it or name another"
            ) from error


def answers(url: str) -> bool:
    """Whether something accepts connections at ``url``."""
    try:
        socket.create_connection((urlsplit(url).hostname or "", _port_of(url)), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def require_listener(url: str, what: str) -> None:
    """Raises UsageError where nothing accepts connections at ``url``."""
    if not answers(url):
        raise UsageError(f"expected {what} to accept connections at {url}, found nothing there; start it first")


def listener_pid(url: str) -> int:
    """The process that listens at ``url`` on this machine. Raises UsageError."""
    port, addresses = _port_of(url), _local_addresses(url)
    listeners = [
        (str(getattr(connection.laddr, "ip", "")), connection.pid)
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.pid is not None
        and getattr(connection.laddr, "port", None) == port
    ]
    # the system prefers who listens at the very address to who listens at all of them
    for places in (addresses, {wildcard for address in addresses for wildcard in _wildcards(address)}):
        pids = {topmost_pid(pid) for address, pid in listeners if address in places}
        if len(pids) == 1:
            return pids.pop()
        if pids:
            several = ", ".join(map(str, sorted(pids)))
            raise UsageError(f"expected one process that listens at {url}, found {several}; give --pid or --container")
    raise UsageError(
        f"expected to see which process listens at {url}, found none on this machine that this user may see; "
        "give --pid or --container"
    )


def _local_addresses(url: str) -> set[str]:
    """Those of this machine that the host of ``url`` stands for."""
    with contextlib.suppress(OSError):
        places = {str(place[0]) for *_, place in socket.getaddrinfo(urlsplit(url).hostname, None)}
        return {address for address in places if _is_local(address)}
    return set()


def _wildcards(address: str) -> tuple[str, ...]:
    return ("::",) if ":" in address else ("0.0.0.0", "::")


def _is_local(address: str) -> bool:
    """Whether ``address`` is one of this machine's."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def topmost_pid(pid: int) -> int:
    """The parent of a group of forked workers that share one listening socket, or ``pid`` itself."""
    process = psutil.Process(pid)
    with contextlib.suppress(psutil.Error):
        parent = process.parent()
        if parent is not None and parent.pid != 1 and _program_words(parent) == _program_words(process):
            return topmost_pid(parent.pid)
    return pid


def _program_words(process: psutil.Process) -> list[str]:
    """Interpreter and program, as which a worker is forked: flags tell nothing (``python -u`` runs anything)."""
    return [word for word in process.cmdline() if not word.startswith("-")][:2]


def _url_of(pid: int | None) -> str:
    """Where ``pid`` listens, when that is one port. Raises UsageError."""
    ports: set[int] = set()
    if pid is not None:
        with contextlib.suppress(psutil.Error):
            for connection in psutil.Process(pid).net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    ports.add(connection.laddr[1])
    if len(ports) != 1:
        raise UsageError(
            f"expected --base-url to say where the target takes requests, found {len(ports) or 'no'} listening "
            f"port{'s' if len(ports) != 1 else ''} on the target itself"
        )
    return f"http://{LOOPBACK}:{ports.pop()}"
