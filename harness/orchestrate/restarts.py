"""When a target that has ended is started again, and when that is given up (``[target] restart = "on-failure"``)."""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.orchestrate.services import Service

SHORT_LIFE_S = 10.0
MOST_SHORT_LIVES = 5
"""So many starts in a row that live less than ``SHORT_LIFE_S``: what cannot start would be started for ever."""


class Restarts:
    """Starts the target again with ``start``, which raises TargetError where it cannot be executed any more."""

    def __init__(self, start: Callable[[], Service], clock: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._clock = clock
        self._started_s = clock()
        self._short_lives_count = 0

    def refusal(self, exit_code: int | None) -> str | None:
        """Why a target that has just ended with ``exit_code`` is not started again, or None. Call once an end."""
        if exit_code == 0:
            return "code 0 is no failure: it is not started again"
        short = self._clock() - self._started_s < SHORT_LIFE_S
        self._short_lives_count = self._short_lives_count + 1 if short else 0
        if self._short_lives_count >= MOST_SHORT_LIVES:
            return f"it ended {MOST_SHORT_LIVES} times within {SHORT_LIFE_S:g} s of its start: it is not started again"
        return None

    def start(self) -> Service:
        """The target, started again. Raises TargetError."""
        service = self._start()
        self._started_s = self._clock()
        return service
