"""Which lines of the program hold memory: ``tracemalloc``, from when it is asked to look until told to stop.

It makes every allocation dearer while it is on, so it is off unless somebody looks for a leak.
"""

import tracemalloc

TOP_LINES = 100
FRAMES_LIMIT = 25


def start(frames: int = 1) -> None:
    """Traces from now on, with up to ``frames`` lines a trace."""
    tracemalloc.start(min(max(frames, 1), FRAMES_LIMIT))


def stop() -> None:
    """Forgets all traces."""
    tracemalloc.stop()


def lines() -> dict[str, object]:
    """The lines that hold most, with count and bytes of what was allocated there since the start and still lives."""
    if not tracemalloc.is_tracing():
        return {"tracing": False, "lines": []}
    snapshot = tracemalloc.take_snapshot().filter_traces((tracemalloc.Filter(False, tracemalloc.__file__),))
    rows = [
        {"file": row.traceback[0].filename, "line": row.traceback[0].lineno, "count": row.count, "bytes": row.size}
        for row in snapshot.statistics("lineno")[:TOP_LINES]
    ]
    return {"tracing": True, "lines": rows}
