"""What the harness asks a container engine: states, statistics, past events. Never a stream without an end.

The docker package is imported when an engine is really needed: it weighs 17 MiB of the sampler's memory.
Every failure is a ProbeError that says what to do.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from harness.errors import ProbeError

if TYPE_CHECKING:
    import docker

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"

TIMEOUT_S = 10.0
"""An engine silent for so long does not answer."""

ANSWER_S = 20.0
"""A whole answer takes no longer, however busily its bytes trickle."""

LOG_SLICE_BYTES = 2**20
LOG_SLICE_LINES = 5000
"""A slice of a log is bounded by both; the engine reads lines from the end of its file, so the bound is its own too."""

_FULL = 0.9
"""The engine counts lines from the end of its file, those that came after the slice's end included."""
_HEADER_BYTES = 8
_PIECE_BYTES = 2**16

COMPOSE_SERVICE_LABEL = "com.docker.compose.service"
COMPOSE_PROJECT_LABEL = "com.docker.compose.project"


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container as the engine knows it; ``pid`` None while it does not run, ``memory_limit_bytes`` None = no limit.

    ``exit_code`` and ``oom_killed`` are of its last end and hold only while it does not run. ``restarting``: it does
    not run, and the engine will start it again. ``paused``: it runs, and none of its processes does.
    """

    container_id: str
    name: str
    running: bool
    started_at: str
    restarting: bool = False
    paused: bool = False
    pid: int | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    restarts_count: int = 0
    memory_limit_bytes: int | None = None
    log_path: str = ""
    compose_project: str | None = None

    def why_not_running(self) -> str:
        """Why nothing can be read, for an event."""
        if self.oom_killed:
            return f"container {self.name} was killed out of memory (exit code {self.exit_code})"
        return f"container {self.name} is not running (exit code {self.exit_code})"


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something the engine noted: ``action`` as the engine names it (start, die, oom, destroy, ...)."""

    time_s: float
    action: str
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class LogSlice:
    """A container's output between two moments; ``is_whole`` is False where it was too much for one slice."""

    text: bytes
    is_whole: bool = True


class NoContainer(ProbeError):
    """The engine answered, and has no such container: it was removed, or never was."""


class Engine(Protocol):
    """What probes and the watch need of an engine; times are seconds since the epoch by the engine's clock."""

    def state(self, container: str) -> ContainerState:
        """The container with this name or id, else of this Compose service, else with this label (``key=value``).

        Raises NoContainer when there is none, ProbeError when there are several.
        """

    def statistics(self, container: str) -> Mapping[str, Any]:
        """The engine's own statistics, one reading, for which it takes up to a second. Raises ProbeError."""

    def events(self, container: str, since_s: float, until_s: float) -> tuple[EngineEvent, ...]:
        """What happened in ``[since_s, until_s)``, oldest first. Raises ProbeError."""

    def log(self, container: str, since_s: float, until_s: float) -> LogSlice:
        """Its output in ``[since_s, until_s)``, the newest LOG_SLICE_LINES of it. Raises ProbeError."""

    def now_s(self) -> float: ...

    def close(self) -> None: ...


class DockerEngine:
    """The engine that the environment names (``DOCKER_HOST``), else the one on this machine's socket."""

    def __init__(self) -> None:
        with engine_errors("a container engine"):
            _knock()
            import docker

            self.client: docker.DockerClient = docker.from_env(timeout=int(TIMEOUT_S))
            try:
                asked_s = time.time()
                told = parse_time_s(str(self.client.info().get("SystemTime", "")))
            except BaseException:
                self.client.close()
                raise
        self._ahead_s = 0.0 if told is None else told - (asked_s + time.time()) / 2

    def state(self, container: str) -> ContainerState:
        import docker.errors

        with engine_errors(f"container {container!r}"):
            try:
                if "=" not in container:
                    return state_of(self.client.api.inspect_container(container))
            except docker.errors.NotFound:
                return self._labelled(f"{COMPOSE_SERVICE_LABEL}={container}", container)
            return self._labelled(container, container)

    def labelled(self, label: str) -> list[ContainerState]:
        """Every container with ``label`` (``key=value``), the running ones alone where any runs. Raises ProbeError."""
        with engine_errors(f"containers labelled {label!r}"):
            found = self.client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
            states = [state_of(container.attrs) for container in found]
        return [state for state in states if state.running] or states

    def _labelled(self, label: str, wanted: str) -> ContainerState:
        found = self.labelled(label)
        if len(found) == 1:
            return found[0]
        names = ", ".join(sorted(state.name for state in found)) or "none"
        text = f"expected one container {wanted!r} (name, id, Compose service or label), found {names}"
        raise ProbeError(text) if found else NoContainer(text)

    def statistics(self, container: str) -> Mapping[str, Any]:
        with engine_errors(f"statistics of container {container!r}"):
            found: Mapping[str, Any] = self.client.api.stats(container, stream=False, one_shot=True)
            return found

    def events(self, container: str, since_s: float, until_s: float) -> tuple[EngineEvent, ...]:
        if until_s <= since_s:
            return ()
        # fractions of a second, which the engine takes: an end in the future would have it wait for that
        window = {"since": f"{since_s:.9f}", "until": f"{until_s:.9f}"}
        filters = json.dumps({"container": [container], "type": ["container"]})
        with engine_errors(f"events of container {container!r}"):
            lines = self._answer("/events", window | {"filters": filters}).splitlines()
            found = [event_of(json.loads(line)) for line in lines if line.strip()]
        return tuple(event for event in found if since_s <= event.time_s < until_s)

    def log(self, container: str, since_s: float, until_s: float) -> LogSlice:
        window = {"since": f"{since_s:.9f}", "until": f"{until_s:.9f}", "tail": str(LOG_SLICE_LINES)}
        with engine_errors(f"the log of container {container!r}"):
            on_terminal = self.client.api.inspect_container(container)["Config"].get("Tty", False)
            path = f"/containers/{quote(container, safe='')}/logs"
            told = self._answer(path, window | {"stdout": "1", "stderr": "1"}, LOG_SLICE_BYTES)
        text = told if on_terminal else without_headers(told)
        full = len(told) >= LOG_SLICE_BYTES or text.count(b"\n") >= _FULL * LOG_SLICE_LINES
        return LogSlice(text, is_whole=not full)

    def _answer(self, path: str, params: Mapping[str, str], at_most_bytes: float = math.inf) -> bytes:
        """What the engine answers, its beginning where that is longer than ``at_most_bytes``.

        The client's own ``events`` waits for ever and its ``logs`` switches the time-out of the connection off.
        """
        import docker.errors
        import requests

        api, deadline_s, told = self.client.api, time.monotonic() + ANSWER_S, bytearray()
        url = f"{api.base_url}/v{api.api_version}{path}"
        with api.get(url, params=dict(params), stream=True, timeout=TIMEOUT_S) as response:
            try:
                response.raise_for_status()
            except requests.HTTPError as error:
                docker.errors.create_api_error_from_http_exception(error)
            for piece in response.iter_content(_PIECE_BYTES):
                told += piece
                if len(told) >= at_most_bytes:
                    break
                if time.monotonic() > deadline_s:
                    raise TimeoutError
        return bytes(told)

    def now_s(self) -> float:
        return time.time() + self._ahead_s

    def close(self) -> None:
        self.client.close()


def _knock() -> None:
    """Raises OSError where nobody listens at a local engine's socket.

    The client finds out as well, but leaves the socket of a refused connection open until a collection.
    """
    kind, _, path = os.environ.get("DOCKER_HOST", DEFAULT_ADDRESS).partition("://")
    if kind in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(f"/{path.lstrip('/')}")


def without_headers(frames: bytes) -> bytes:
    """The output in an engine's ``frames``, each of which tells its stream and its length in eight bytes."""
    output, at = bytearray(), 0
    while at + _HEADER_BYTES <= len(frames):
        length = int.from_bytes(frames[at + 4 : at + _HEADER_BYTES], "big")
        at += _HEADER_BYTES
        output += frames[at : at + length]
        at += length
    return bytes(output)


@contextlib.contextmanager
def engine_errors(expected: str) -> Iterator[None]:
    """Turns whatever the client or the connection raises into one line."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.NotFound as error:
        raise ProbeError(f"expected {expected}, the engine knows none; `docker ps --all` lists them") from error
    except docker.errors.APIError as error:
        raise ProbeError(f"expected {expected}, the engine refused: {error.explanation or error}") from error
    except (docker.errors.DockerException, requests.RequestException, OSError, ValueError) as error:
        where = os.environ.get("DOCKER_HOST", DEFAULT_ADDRESS)
        raise ProbeError(
            f"expected {expected}, found no engine that answers at {where}; start one, "
            f"set DOCKER_HOST, or join the group docker ({type(error).__name__})"
        ) from error


def state_of(inspected: Mapping[str, Any]) -> ContainerState:
    """The state in the engine's answer about one container."""
    state = inspected["State"]
    restarting = bool(state.get("Restarting"))
    running = bool(state.get("Running")) and not restarting
    return ContainerState(
        container_id=inspected["Id"],
        name=inspected.get("Name", "").lstrip("/"),
        running=running,
        started_at=state.get("StartedAt", ""),
        restarting=restarting,
        paused=bool(state.get("Paused")),
        pid=state["Pid"] if running and state.get("Pid") else None,
        exit_code=None if running else state.get("ExitCode"),
        oom_killed=bool(state.get("OOMKilled")),
        restarts_count=inspected.get("RestartCount", 0),
        memory_limit_bytes=inspected.get("HostConfig", {}).get("Memory") or None,
        log_path=inspected.get("LogPath", ""),
        compose_project=(inspected.get("Config", {}).get("Labels") or {}).get(COMPOSE_PROJECT_LABEL),
    )


def event_of(item: Mapping[str, Any]) -> EngineEvent:
    """One event of the engine's stream."""
    code = item.get("Actor", {}).get("Attributes", {}).get("exitCode", "")
    return EngineEvent(
        time_s=item["timeNano"] / 1e9,
        action=str(item.get("Action", "")),
        exit_code=int(code) if code.isdigit() else None,
    )


def parse_time_s(stamp: str) -> float | None:
    """Seconds since the epoch of an engine's stamp (nanoseconds, ``Z`` or an offset), None where it is none."""
    whole, dot, rest = stamp.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    try:
        # fromisoformat takes at most six digits of a second
        return datetime.fromisoformat(f"{whole}{dot}{digits[:6]}{rest[len(digits) :]}").timestamp()
    except ValueError:
        return None
