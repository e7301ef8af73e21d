"""The pipe on which the load says what it does; the harness is the only writer of events.jsonl."""

from __future__ import annotations

import json
import math
import os

from harness.model import Event

_READ_BYTES = 65536
_LINE_LIMIT_BYTES = 65536


class EventPipe:
    """A pipe whose ``write_fd`` goes to the load and whose ``fileno()`` a selector watches.

    Its write end stays open here too: a pipe at its end is always readable, and the loop that selects on it would spin.
    That the load has ended is seen by its process, not by its pipe.
    """

    def __init__(self) -> None:
        self._read_fd, self.write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        self._partial = b""

    def fileno(self) -> int:
        return self._read_fd

    def close(self) -> None:
        os.close(self.write_fd)
        os.close(self._read_fd)

    def drain(self) -> list[Event]:
        """The events that have arrived; what is not one is passed over (the scenario is the user's code)."""
        events: list[Event] = []
        while True:
            try:
                chunk = os.read(self._read_fd, _READ_BYTES)
            except BlockingIOError:
                break
            if not chunk:
                break
            *lines, self._partial = (self._partial + chunk).split(b"\n")
            events.extend(event for line in lines if (event := _parse(line)) is not None)
            if len(self._partial) > _LINE_LIMIT_BYTES:
                self._partial = b""
        return events


def _parse(line: bytes) -> Event | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    t_s, name = data.pop("t_s", None), data.pop("event", None)
    if not isinstance(t_s, int | float) or not math.isfinite(t_s) or not isinstance(name, str):
        return None
    return Event(float(t_s), name, data)
