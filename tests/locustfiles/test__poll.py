"""What a descriptor has to say."""

from __future__ import annotations

import os
import select

from locustfiles._poll import poll_now


def test_nothing_something_and_the_end_are_told_apart() -> None:
    """Without waiting; a hang-up is told unasked."""
    reading, writing = os.pipe()
    quiet = poll_now(reading, select.POLLIN)
    os.write(writing, b"x")
    heard = poll_now(reading, select.POLLIN)
    os.close(writing)
    ended = poll_now(reading, 0)
    os.close(reading)

    assert (quiet, heard) == (0, select.POLLIN)
    assert ended & select.POLLHUP
