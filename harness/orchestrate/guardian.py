"""A small process that ends the harness's children when the harness has been killed.

It is started first and holds the read end of a pipe whose only writer is the harness: the pipe's end is the harness's
end, however that came about (``kill -9`` included). Standard library only, run as a script without site packages
(``python -I -S guardian.py``) so that it stays near 9 MiB. Protocol, one line each on standard input: ``+ PGID``,
``- PGID``, ``bye``.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_S = 3.0
"""Time between the polite signal and the certain one; with it a killed harness leaves nothing after about 5 s."""


def read_groups() -> set[int]:
    """Process groups still registered when the pipe ended; empty after a proper ``bye``."""
    groups: set[int] = set()
    for line in sys.stdin:
        verb, _, group = line.strip().partition(" ")
        if verb == "bye":
            return set()
        if verb == "+" and group.isdigit():
            groups.add(int(group))
        elif verb == "-" and group.isdigit():
            groups.discard(int(group))
    return groups


def signal_groups(groups: set[int], number: signal.Signals) -> set[int]:
    """Signals every group; those that still had a process are returned."""
    alive = set()
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue
        alive.add(group)
    return alive


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = signal_groups(read_groups(), signal.SIGTERM)
    deadline_s = time.monotonic() + GRACE_S
    while groups and time.monotonic() < deadline_s:
        time.sleep(0.1)  # noqa: TID251 - waits for processes that are not its children: nothing to await
        groups = {group for group in groups if _exists(group)}
    signal_groups(groups, signal.SIGKILL)


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
