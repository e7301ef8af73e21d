"""SIGINT, SIGTERM and SIGHUP as something a run can wait for beside everything else."""

from __future__ import annotations

import signal
import socket
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """The user asked the run to end."""


class Interrupts:
    """While in its context the first signal sets ``seen`` and wakes a selector on ``fileno()``; a second one kills."""

    def __init__(self) -> None:
        self.seen: signal.Signals | None = None
        self._wake_receive, self._wake_send = socket.socketpair()
        self._previous: dict[signal.Signals, Any] = {}

    def fileno(self) -> int:
        return self._wake_receive.fileno()

    def __enter__(self) -> Interrupts:
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._wake_receive.close()
        self._wake_send.close()

    def raise_if_seen(self) -> None:
        """Raises Interrupted once a signal has come."""
        if self.seen is not None:
            raise Interrupted(self.seen.name)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.seen is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.seen = signal.Signals(number)
        self._wake_send.send(b"\0")
