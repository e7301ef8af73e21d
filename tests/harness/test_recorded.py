"""A stored run as the analysis wants it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import RunFormatError
from harness.model import EndReason, Event, Limits
from harness.recorded import cut_short, invalid_reasons, limits_of, missing_samples, phases_of, read_recorded
from tests.support.plain_runs import Floats, PlainRun, write

T_S = np.arange(60.0)
FLAT = np.full(60, 1e8)


def _event(at: float, name: str, **fields: object) -> Event:
    return Event(at, name, dict(fields))


def test_phases_have_their_kind_and_place() -> None:
    """Idle, drain and warm-up are told apart; a phase without an end lasts until the run ends."""
    phases = phases_of(
        (
            _event(0, "phase_start", phase="warmup", kind="mixed", cycle=0),
            _event(5, "phase_end", phase="warmup", kind="mixed", cycle=0),
            _event(5, "drain_start", phase="warmup", cycle=0),
            _event(6, "drain_end", phase="warmup", cycle=0),
            _event(6, "phase_start", phase="normal-1", kind="normal", cycle=1),
            _event(9, "phase_end", phase="normal-1", kind="normal", cycle=1),
            _event(9, "phase_start", phase="idle-1", kind="idle", cycle=1),
            _event(9, "note", text="unrelated"),
        ),
        20.0,
    )

    assert [(p.start_s, p.end_s, p.warmup, p.drain, p.idle) for p in phases] == [
        (0, 5, True, False, False),
        (5, 6, True, True, False),
        (6, 9, False, False, False),
        (9, 20.0, False, False, True),
    ]


def test_limits_are_read_as_numbers_or_as_on_the_command_line() -> None:
    """A manifest may hold either; what is not there is not asked for."""
    assert limits_of({"gates": {"max_growth": "50 MB/min", "max_memory_bytes": 2e9}}) == Limits(3e9, None, 2e9)
    assert limits_of({"gates": None}) == Limits()
    assert limits_of({}) == Limits()


def test_a_stranger_s_directory_is_read(tmp_path: Path) -> None:
    """A manifest and one samples file are a run, cut short."""
    recorded = read_recorded(write(tmp_path / "run", PlainRun(T_S, {"anon_bytes": FLAT}, end=None)))

    assert recorded.gauges["target.anon_bytes"].reduced.samples == 60
    assert recorded.load is None
    assert cut_short(recorded.run) == "the run was cut short (it has no end.json)"


def test_a_run_that_goes_on_is_read_as_though_it_ended(tmp_path: Path) -> None:
    """An early look at it is no cut."""
    path = write(tmp_path / "run", PlainRun(T_S, {"anon_bytes": FLAT}, end=None))

    assert cut_short(read_recorded(path, EndReason.EARLY_STOP).run) is None


def test_memory_held_is_found_without_a_primary(tmp_path: Path) -> None:
    """Anonymous memory before resident memory."""
    run = PlainRun(T_S, {"rss_bytes": FLAT, "anon_bytes": FLAT}, primary=None)

    assert read_recorded(write(tmp_path / "run", run)).primary == "target.anon_bytes"


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ({"t_s": 5.0, "event": "restart", "probe": "target", "old": {}, "new": {}, "planned": False}, "restarted"),
        ({"t_s": 5.0, "event": "oom_kill", "probe": "target", "count": 1}, "lack of memory"),
        ({"t_s": 5.0, "event": "generator_saturated", "reason": "CPU at 97 %"}, "saturated"),
    ],
)
def test_events_that_make_a_run_invalid(tmp_path: Path, event: dict[str, object], word: str) -> None:
    """Each with its reason; a planned restart is none."""
    recorded = read_recorded(write(tmp_path / "run", PlainRun(T_S, {"anon_bytes": FLAT}, events=[event])))

    (reason,) = invalid_reasons(recorded.run)
    assert word in reason


def test_a_planned_restart_only_cuts(tmp_path: Path) -> None:
    """The series begins anew, and the run stays valid."""
    restart = {"t_s": 30.0, "event": "restart", "probe": "target", "old": {}, "new": {}, "planned": True}
    recorded = read_recorded(write(tmp_path / "run", PlainRun(T_S, {"anon_bytes": FLAT}, events=[restart])))

    assert invalid_reasons(recorded.run) == ()
    assert recorded.cuts_s == (30.0,)


@pytest.mark.parametrize("reason", ["target_died", "generator_failed", "mock_failed", "disk_full"])
def test_ends_that_make_a_run_invalid(tmp_path: Path, reason: str) -> None:
    """What died or was lost cannot be averaged away."""
    recorded = read_recorded(write(tmp_path / "run", PlainRun(T_S, {"anon_bytes": FLAT}, end=reason)))

    assert len(invalid_reasons(recorded.run)) == 1


def test_a_death_is_told_with_its_last_words(tmp_path: Path) -> None:
    """Code and log's end, as the session noted them: the user need not open an events file."""
    notes = [
        {"t_s": 5.0, "event": "note", "text": "something else"},
        {"t_s": 30.0, "event": "note", "text": "the target ended with code 3: out of tokens"},
    ]
    run = PlainRun(T_S, {"anon_bytes": FLAT}, events=notes, end="target_died")

    assert invalid_reasons(read_recorded(write(tmp_path / "run", run)).run) == (
        "the target died with code 3: out of tokens",
    )


def test_a_load_that_said_why_it_ends_is_believed(tmp_path: Path) -> None:
    """Its log ends with Locust's table, which explains nothing."""
    notes = [
        {"t_s": 29.0, "event": "note", "text": "the load ended with code 1: it was stopped on Locust's page"},
        {"t_s": 30.0, "event": "note", "text": "the load ended with code 1: GET /health 43 55 74"},
    ]
    run = PlainRun(T_S, {"anon_bytes": FLAT}, events=notes, end="generator_failed")

    assert invalid_reasons(read_recorded(write(tmp_path / "run", run)).run) == (
        "the load generator failed with code 1: it was stopped on Locust's page",
    )


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    """Shuffled rows are no series."""
    path = write(tmp_path / "run", PlainRun(T_S[::-1], {"anon_bytes": FLAT}))

    with pytest.raises(RunFormatError):
        read_recorded(path)


def test_restarts_are_counted_once_each(tmp_path: Path) -> None:
    """Two probes of one target see the same restart; ten restarts are one reason."""
    events = [
        {"t_s": at, "event": "restart", "probe": probe, "old": {}, "new": {}, "planned": False}
        for at, probe in [(5.0, "target"), (5.2, "collector"), (9.0, "target"), (9.2, "collector"), (11.0, "target")]
    ]
    path = write(tmp_path / "run", PlainRun(T_S, {"anon_bytes": FLAT}, events=events))

    assert invalid_reasons(read_recorded(path).run) == (
        "the target restarted at 5 s, 3 times in all, and that was not planned",
    )


def _missing(path: Path, t_s: Floats) -> str | None:
    run = PlainRun(t_s, {"anon_bytes": np.full(t_s.size, 1e8)}, end_s=float(t_s[-1]))
    return missing_samples(read_recorded(write(path / "run", run)))


@pytest.mark.parametrize(("gap_s", "invalid"), [(12.0, False), (18.0, True)])
def test_gaps_count_together(tmp_path: Path, gap_s: float, invalid: bool) -> None:
    """Two of ten seconds in a minute and a half are a quarter or less; each longer, they are too much."""
    t_s = np.concatenate([np.arange(30.0), np.arange(30.0) + 30.0 + gap_s, np.arange(30.0) + 60.0 + 2.0 * gap_s])

    found = _missing(tmp_path, t_s)

    assert (found is not None) is invalid
    assert found is None or "in 2 gaps" in found


@pytest.mark.parametrize("how", ["random", "ever more rarely", "late"])
def test_readings_that_are_not_regular_are_no_gaps(tmp_path: Path, how: str) -> None:
    """At random; by a probe whose readings cost more as memory grows; and from half of the run on, without a break."""
    t_s = {
        "random": np.unique(np.random.default_rng(4).uniform(0.0, 1800.0, 700).round(3)),
        "ever more rarely": np.geomspace(10.0, 1800.0, 400),
        "late": np.arange(900.0, 1800.0),
    }[how]

    assert _missing(tmp_path, t_s) is None
