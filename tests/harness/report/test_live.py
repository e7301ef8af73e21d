"""The terminal view shows the run, is bounded in output and never breaks it."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import pytest

from harness.model import Interval, Outcome
from harness.report.live import LiveFacts, LiveState, LiveView, plain_line

FACTS = LiveFacts("mixed", 600.0, "target.anon_bytes", limit_bytes_per_h=3e9)
STATE = LiveState(
    t_s=120.0,
    memory_bytes=812e6,
    phase="cycle 2",
    kind="disconnect",
    cycle=2,
    growth_bytes_per_h=Interval(2.4e9, 2.1e9, 2.7e9),
    outcome=Outcome.INCONCLUSIVE,
    waits_for="4 more cycles",
    queries_per_s=5.25,
    completed_count=1234,
    failed_count=3,
)


class Clock:
    """A clock that the test winds by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class ClosedPipe(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_line_says_everything_that_matters() -> None:
    """Phase, time left, memory, growth with interval and limit, verdict so far, load."""
    line = plain_line(FACTS, STATE)

    for part in (
        "cycle 2 · disconnect",
        "8 min left",
        "812 MB",
        "40.0 MB/min (95 %: 35.0 to 45.0), limit 50.0 MB/min",
        "inconclusive so far; waits for 4 more cycles",
        "5.25 queries/s, 1,234 done, 3 failed",
    ):
        assert part in line


def test_what_is_not_known_is_said_so() -> None:
    """Before the first reading nothing is shown as zero."""
    line = plain_line(LiveFacts("idle", None, "target.rss_bytes"), LiveState(t_s=3.0))

    assert "memory not read yet" in line
    assert "growth not known yet" in line
    assert "3 s so far, until stopped" in line


def test_almost_nothing_is_nothing() -> None:
    """An end of an interval has no exponent."""
    state = replace(STATE, growth_bytes_per_h=Interval(6e7, -18.0, 6e9))

    assert "1.00 MB/min (95 %: 0 to 100)" in plain_line(FACTS, state)


def test_a_log_gets_a_line_every_ten_seconds() -> None:
    """Sixty ticks of a second write six lines, and the last state at the end."""
    stream, clock = io.StringIO(), Clock()
    view = LiveView(stream, FACTS, clock=clock)
    for tick in range(60):
        clock.now_s = float(tick)
        view.update(STATE)
    view.close()

    assert len(stream.getvalue().splitlines()) == 7


def test_quiet_writes_nothing() -> None:
    """Quiet is quiet, on terminals too."""
    stream = Terminal()
    view = LiveView(stream, FACTS, quiet=True)
    view.update(STATE)
    view.close()

    assert stream.getvalue() == ""


def test_a_terminal_gets_a_panel_with_a_sparkline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel carries memory, its curve and the generator's health."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream, clock = Terminal(), Clock()
    view = LiveView(stream, FACTS, clock=clock)
    for tick in range(20):
        clock.now_s = float(tick)
        view.update(LiveState(t_s=float(tick), memory_bytes=1e6 * tick, generator_problem="CPU at 97 %"))
    view.close()
    view.close()

    assert "▁" in stream.getvalue()
    assert "█" in stream.getvalue()
    assert "CPU at 97 %" in stream.getvalue()


def test_a_narrow_terminal_loses_no_word() -> None:
    """At 40 columns labels stay whole, and what the verdict waits for goes on below."""
    from rich.console import Console

    state = LiveState(t_s=60.0, waits_for="kind duplicate, disconnect, normal to be driven 2 times more each")
    console = Console(file=io.StringIO(), width=40, record=True)
    console.print(LiveView(io.StringIO(), FACTS, quiet=True)._panel(state))
    shown = console.export_text()

    assert "…" not in shown
    assert "generator" in shown
    assert "each" in shown


def test_a_closed_pipe_silences_the_view() -> None:
    """A display that cannot write does not end the run."""
    view = LiveView(ClosedPipe(), FACTS)
    view.update(STATE)
    view.update(STATE)
    view.close()


def test_escape_sequences_in_names_do_not_reach_the_terminal() -> None:
    """A phase named by a stranger cannot colour or move the cursor."""
    line = plain_line(FACTS, LiveState(t_s=1.0, phase="\x1b[2J", waits_for="a\rb"))

    assert "\x1b" not in line
    assert "\r" not in line


def test_importing_the_view_loads_neither_rich_nor_numpy() -> None:
    """The sampler's process pays for rich only when there is a terminal."""
    code = "import sys, harness.report.live; print({'rich', 'numpy', 'matplotlib', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_the_time_left_counts_from_the_plans_begin() -> None:
    """A load that waits for its workers for a minute has all of its plan before it."""
    waiting = LiveState(t_s=60.0, phase="waiting for 2 load workers", begun_s=60.0)

    assert "waiting for 2 load workers (10 min left)" in plain_line(FACTS, waiting)
    assert "(8 min left)" in plain_line(FACTS, replace(waiting, t_s=180.0))
