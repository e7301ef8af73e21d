"""Lets a live page know what the terminal view knows: the last state as a small file in the run directory."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.model.live_data import LIVE_FILE
from harness.report.live import LiveState
from harness.store.whole import write_whole

_PERIOD_S = 1.0


class LiveFile:
    """Writes states into ``run_dir``, at most one a second; a folder that cannot be written to is left alone.

    ``duration_s`` None = until stopped.
    """

    def __init__(
        self, run_dir: Path, duration_s: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = run_dir / LIVE_FILE
        self._duration_s = duration_s
        self._clock = clock
        self._last_s: float | None = None

    def update(self, state: LiveState) -> None:
        """Shows ``state`` to whoever asks; call once a tick."""
        now_s = self._clock()
        if self._last_s is not None and now_s - self._last_s < _PERIOD_S:
            return
        self._last_s = now_s
        known = {**asdict(state), "duration_s": self._duration_s}
        with contextlib.suppress(OSError):  # a full disk ends the run elsewhere, and with a reason
            write_whole(self._path, json.dumps(_finite(known), allow_nan=False).encode())

    def close(self) -> None:
        """Takes the file away: the run no longer goes on."""
        self._path.unlink(missing_ok=True)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
