"""The terminal view of a run that is going on: what happens, what memory does, and what the verdict waits for.

Runs inside the sampler's process: standard library only until a terminal is there to draw on, then rich. A display that
breaks (closed terminal, full pipe) falls silent; it never ends a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from harness.model import Interval, Outcome
from harness.report.quantity import figure
from harness.report.sparkline import ASCII_BLOCKS, BLOCKS, RollingCurve, sparkline
from harness.report.text import printable
from harness.units import format_bytes, format_duration, format_rate_per_min

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

PLAIN_PERIOD_S = 10.0
"""How often a stream that is no terminal gets a line."""

_DRAW_PERIOD_S = 0.5
_LABEL_WIDTH = len("generator")


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What is known before the run: ``duration_s`` None = until stopped; ``limit_bytes_per_h`` None = the defaults."""

    scenario: str
    duration_s: float | None
    metric: str
    limit_bytes_per_h: float | None = None


@dataclass(frozen=True, slots=True)
class LiveState:
    """One tick; None = not known yet. ``phase`` and ``kind`` as in events.jsonl; counts are totals so far.

    ``begun_s``: when the plan began, from which its time left is counted; ``t_s`` for as long as it has not.
    """

    t_s: float
    memory_bytes: float | None = None
    phase: str | None = None
    kind: str | None = None
    cycle: int | None = None
    growth_bytes_per_h: Interval | None = None
    outcome: Outcome | None = None
    waits_for: str | None = None
    queries_per_s: float | None = None
    completed_count: int | None = None
    failed_count: int = 0
    dropped_count: int = 0
    generator_problem: str | None = None
    begun_s: float = 0.0


class LiveView:
    """Draws ``LiveState`` on ``stream``: a live panel on a terminal, a line every ten seconds elsewhere.

    ``quiet`` draws nothing.
    """

    def __init__(
        self, stream: TextIO, facts: LiveFacts, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._facts, self._clock = stream, facts, clock
        self._curve = RollingCurve()
        self._blocks = BLOCKS if _can_write(stream, BLOCKS) else ASCII_BLOCKS
        self._silent = quiet
        self._last_drawn_s: float | None = None
        self._last: LiveState | None = None
        self._live: Live | None = None
        if not quiet and _is_terminal(stream):
            self._live = _open_live(stream)

    @property
    def duration_s(self) -> float | None:
        """What the run was planned to take."""
        return self._facts.duration_s

    def update(self, state: LiveState) -> None:
        """Shows ``state``; call once a tick, drawing is limited in here."""
        self._last = state
        if state.memory_bytes is not None:
            self._curve.add(state.memory_bytes)
        now_s = self._clock()
        period_s = _DRAW_PERIOD_S if self._live else PLAIN_PERIOD_S
        if self._last_drawn_s is not None and now_s - self._last_drawn_s < period_s:
            return
        self._last_drawn_s = now_s
        self._draw(state)

    def close(self) -> None:
        """Leaves the last state on the screen and gives the terminal back."""
        if self._last is not None:
            self._draw(self._last)
        if self._live is not None:
            try:
                self._live.stop()
            except (OSError, ValueError):
                self._silent = True
            self._live = None
        self._last = None

    def _draw(self, state: LiveState) -> None:
        if self._silent:
            return
        try:
            if self._live is not None:
                self._live.update(self._panel(state), refresh=True)
            else:
                self._stream.write(plain_line(self._facts, state) + "\n")
                self._stream.flush()
        except (OSError, ValueError):
            self._silent = True

    def _panel(self, state: LiveState) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True, min_width=_LABEL_WIDTH)
        grid.add_column(overflow="fold")  # on a narrow terminal what the verdict waits for takes a second line
        curve = sparkline(self._curve.values, 32, blocks=self._blocks)
        for label, value, style in rows(self._facts, state, curve):
            grid.add_row(label, Text(value, style=style))
        return grid


def rows(facts: LiveFacts, state: LiveState, curve: str) -> list[tuple[str, str, str]]:
    """(label, text, rich style) of each line of the panel."""
    return [
        ("phase", f"{_phase(facts, state)} · {_time(facts, state)}", "bold"),
        ("memory", f"{_memory(state)}  {curve}  {printable(facts.metric, 60)}", ""),
        ("growth", _growth(facts, state), ""),
        ("verdict", _verdict(state), _STYLES.get(state.outcome, "") if state.outcome else "dim"),
        ("load", _load(state), ""),
        ("generator", _generator(state), "bold red" if state.generator_problem else ""),
    ]


def plain_line(facts: LiveFacts, state: LiveState) -> str:
    """The same in one line, for logs."""
    parts = [
        f"{format_duration(state.t_s)} {_phase(facts, state)} ({_time(facts, state)})",
        f"memory {_memory(state)}",
        f"growth {_growth(facts, state)}",
        f"verdict {_verdict(state)}",
        f"load {_load(state)}",
    ]
    if state.generator_problem:
        parts.append(f"generator {_generator(state)}")
    return " | ".join(parts)


_STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "bold red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.INVALID: "bold magenta",
}


def _phase(facts: LiveFacts, state: LiveState) -> str:
    parts = [printable(facts.scenario, 60)]
    if state.cycle is not None:
        parts.append(f"cycle {state.cycle}")
    if state.phase is not None:
        parts.append(printable(state.phase, 60))
    if state.kind is not None and state.kind != state.phase:
        parts.append(printable(state.kind, 60))
    return " · ".join(parts)


def _time(facts: LiveFacts, state: LiveState) -> str:
    if facts.duration_s is None:
        return f"{format_duration(state.t_s)} so far, until stopped"
    left_s = facts.duration_s - (state.t_s - state.begun_s)
    return f"{format_duration(left_s)} left" if left_s >= 0.5 else "ending"


def _memory(state: LiveState) -> str:
    return "not read yet" if state.memory_bytes is None else format_bytes(state.memory_bytes)


def _growth(facts: LiveFacts, state: LiveState) -> str:
    growth = state.growth_bytes_per_h
    if growth is None or growth.estimate is None:
        return "not known yet"
    text = format_rate_per_min(growth.estimate)
    if growth.low is not None and growth.high is not None:
        text += f" (95 %: {figure(growth.low / 60e6)} to {figure(growth.high / 60e6)})"
    if facts.limit_bytes_per_h is not None:
        text += f", limit {format_rate_per_min(facts.limit_bytes_per_h)}"
    return text


def _verdict(state: LiveState) -> str:
    so_far = f"{state.outcome.value} so far" if state.outcome else "none yet"
    return f"{so_far}; waits for {printable(state.waits_for, 200)}" if state.waits_for else so_far


def _load(state: LiveState) -> str:
    if state.completed_count is None:
        return "none driven"
    rate = "" if state.queries_per_s is None else f"{state.queries_per_s:.3g} queries/s, "
    troubles = "".join(
        f", {count:,} {name}"
        for count, name in ((state.failed_count, "failed"), (state.dropped_count, "dropped"))
        if count
    )
    return f"{rate}{state.completed_count:,} done{troubles}"


def _generator(state: LiveState) -> str:
    return printable(state.generator_problem, 200) if state.generator_problem else "healthy"


def _open_live(stream: TextIO) -> Live:
    from rich.console import Console
    from rich.live import Live

    live = Live(console=Console(file=stream), auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
    live.start()
    return live


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (OSError, ValueError):
        return False


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError, AttributeError):
        return False
    return True
