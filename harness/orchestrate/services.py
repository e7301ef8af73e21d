"""Processes that the harness starts: the mock, the target, the load.

Each has its own session (so that a terminal's Ctrl-C reaches only the harness, which then stops them in order), writes
to one bounded log file, and is registered with the guardian.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from harness.errors import TargetError
from harness.orchestrate import guardian as guardian_script

LOG_LIMIT_BYTES = 16 * 2**20
"""Size at which a log is moved to ``NAME.log.1``; a service never holds more than two of these."""

STOP_GRACE_S = 3.0


@dataclass(frozen=True, slots=True)
class Service:
    """A started process and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    pidfd: int
    path_of_log: Callable[[str], Path]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log_path(self) -> Path:
        return self.path_of_log(self.name)

    def exit_code(self) -> int | None:
        """None while it runs; negative = ended by that signal."""
        return self.process.poll()

    def last_lines(self, count: int = 3) -> str:
        """The end of its log on one line, for an error message: what would steer a terminal is left out."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, self.log_path.stat().st_size - 4096))
                lines = log.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        text = " | ".join(line.strip() for line in lines[-count:])
        return "".join(character for character in text if character.isprintable())


class Services:
    """The children of one run. Leaving the context stops all of them together."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._services: list[Service] = []
        self._guardian: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Services:
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian_script.__file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._guardian is not None:
            self._tell_guardian("bye")
            if self._guardian.stdin is not None:
                self._guardian.stdin.close()
            self._guardian.wait()

    def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> Service:
        """Starts ``command`` without a shell. Raises TargetError when it cannot be executed."""
        with self._log_path(name).open("ab") as log:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=stdin,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(env),
                    cwd=cwd,
                    start_new_session=True,
                    pass_fds=tuple(pass_fds),
                )
            except OSError as error:
                raise TargetError(f"expected to start {name} with {command[0]!r}: {error.strerror or error}") from error
        self._tell_guardian(f"+ {process.pid}")
        service = Service(name, process, os.pidfd_open(process.pid), self._log_path)
        self._services.append(service)
        return service

    def move_logs(self, log_dir: Path) -> None:
        """Moves the logs into the run's own folder, on the same file system: open files follow their names."""
        for log in self._log_dir.glob("*.log*"):
            log.rename(log_dir / log.name)
        self._log_dir = log_dir

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ends every child and all of its process group: politely, then, after ``grace_s``, for certain."""
        for service in self._services:
            _signal_group(service.pid, signal.SIGTERM)
        deadline_s = time.monotonic() + grace_s
        for service in self._services:
            try:
                service.process.wait(timeout=max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
            _signal_group(service.pid, signal.SIGKILL)
            service.process.wait()
            self._forget(service)
        self._services.clear()

    def stop_one(self, service: Service, grace_s: float = STOP_GRACE_S) -> None:
        """Ends one child and its process group."""
        _signal_group(service.pid, signal.SIGTERM)
        try:
            service.process.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            pass
        self.discard(service)

    def discard(self, service: Service) -> None:
        """Reaps a child that ended by itself, with whatever it left behind in its group."""
        _signal_group(service.pid, signal.SIGKILL)
        service.process.wait()
        self._forget(service)
        self._services.remove(service)

    def rotate_logs(self) -> None:
        """Moves a log over its limit aside. The writer appends, so after the cut it goes on at the new start."""
        for service in self._services:
            try:
                if service.log_path.stat().st_size > LOG_LIMIT_BYTES:
                    shutil.copyfile(service.log_path, service.log_path.with_name(service.log_path.name + ".1"))
                    os.truncate(service.log_path, 0)
            except OSError:
                continue

    def _log_path(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"

    def _forget(self, service: Service) -> None:
        os.close(service.pidfd)
        self._tell_guardian(f"- {service.pid}")

    def _tell_guardian(self, line: str) -> None:
        if self._guardian is None or self._guardian.stdin is None:
            return
        try:
            self._guardian.stdin.write(f"{line}\n".encode())
            self._guardian.stdin.flush()
        except BrokenPipeError:
            pass  # somebody killed the guardian; the children are still stopped by us


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass
