"""The user's own command, run at both drained moments; what it prints is kept."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.diagnose.room import Moment, Room
from harness.diagnose.suspects import Finding
from harness.errors import ProbeError

OUTPUT_LIMIT_BYTES = 50 * 10**6
_POLL_S = 0.2


class CommandCapture:
    """Runs ``command`` without a shell, ``{pid}`` and ``{moment}`` replaced in its words; both outputs go to one file
    a moment."""

    name = "command"

    def __init__(self, command: str, pid: int | None) -> None:
        self._words = shlex.split(command)
        self._pid = pid
        self._files: dict[Moment, tuple[Path, int]] = {}

    def take(self, moment: Moment, room: Room) -> None:
        """Runs it to its end. Raises ProbeError where it cannot be run or does not end in time."""
        path = room.folder / f"command-{moment}.txt"
        words = [word.replace("{pid}", str(self._pid or "")).replace("{moment}", moment) for word in self._words]
        with path.open("wb") as output:
            try:
                child = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
                )
            except OSError as error:
                raise ProbeError(f"expected to run {words[0]!r}: {error.strerror or error}") from error
            try:
                self._files[moment] = path, self._await(child, path, room)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()

    def _await(self, child: subprocess.Popen[bytes], path: Path, room: Room) -> int:
        limit = min(OUTPUT_LIMIT_BYTES, room.left_bytes)
        while True:
            room.check()
            try:
                return child.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                if path.stat().st_size > limit:
                    raise ProbeError(f"expected at most {limit:.0f} bytes from the command, found more") from None

    def compare(self, room: Room) -> dict[str, Any]:
        """Where the outputs are, and how the command ended."""
        return {moment: {"file": path.name, "exit_code": code} for moment, (path, code) in self._files.items()}

    def findings(self) -> list[Finding]:
        """None: only its author can read it."""
        return []

    def remarks(self) -> list[str]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing is left running."""
