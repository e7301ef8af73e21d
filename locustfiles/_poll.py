"""Asks the system what a descriptor has to say at this moment; gevent's own poll hears no errors."""

from __future__ import annotations

import gevent.monkey


def poll_now(descriptor: int, events: int) -> int:
    """Which of ``events`` (``select.POLLIN``, ...) ``descriptor`` has now, with its errors and hang-ups; 0 is none."""
    poll = gevent.monkey.get_original("select", "poll")()
    poll.register(descriptor, events)
    return next((int(flags) for _, flags in poll.poll(0)), 0)
