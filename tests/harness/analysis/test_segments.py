"""Pieces between restarts, start-up, quiet and loaded time."""

from __future__ import annotations

import numpy as np

from harness.analysis.segments import Phase, loaded_spans, pieces, quiet_spans, settled

T_S = np.arange(100.0)


def _phase(kind: str, start_s: float, end_s: float) -> Phase:
    return Phase(kind, kind, None, start_s, end_s, kind == "idle", kind == "drain", kind == "warmup")


def test_a_restart_cuts() -> None:
    """Samples from the restart on belong to the next piece."""
    piece = pieces(T_S, [40.0])

    assert piece[39] == 0
    assert piece[40] == 1


def test_a_scrap_is_left_out() -> None:
    """A piece of two seconds in a run of a hundred carries nothing."""
    piece = pieces(T_S, [97.5])

    assert piece[97] == 0
    assert piece[98] == -1


def test_nothing_has_no_pieces() -> None:
    """An empty series is no reason to stop."""
    assert pieces(np.empty(0), [1.0]).size == 0


def test_the_first_tenth_of_every_piece_is_left_out() -> None:
    """Warm-up follows every restart."""
    keep = settled(T_S, pieces(T_S, [50.0]))

    assert not keep[4]
    assert keep[5]
    assert not keep[54]
    assert keep[55]


def test_a_warm_up_phase_is_left_out_whole() -> None:
    """The plan knows better than a tenth how long the warm-up is."""
    keep = settled(T_S, pieces(T_S, []), 30.0)

    assert not keep[29]
    assert keep[30]


def test_a_few_samples_are_all_kept() -> None:
    """Where trimming would leave next to nothing, it is not done."""
    assert settled(np.arange(5.0), np.zeros(5, dtype=np.int64)).sum() >= 4


def test_loaded_time_leaves_out_drains_idle_and_warm_up() -> None:
    """Only what is driven counts, once, also where phases overlap."""
    phases = (
        _phase("warmup", 0, 10),
        _phase("normal", 10, 30),
        _phase("drain", 25, 30),
        _phase("idle", 30, 40),
        _phase("normal", 40, 60),
        _phase("duplicate", 50, 70),
    )

    assert loaded_spans(phases) == [(10, 25), (40, 60), (60, 70)]


def test_quiet_spans_are_the_later_halves() -> None:
    """A drain and the idle phase after it are one stretch; its first half may still give memory back."""
    phases = tuple(
        phase
        for i in range(8)
        for phase in (
            _phase("normal", 20 * i, 20 * i + 10),
            _phase("drain", 20 * i + 10, 20 * i + 12),
            _phase("idle", 20 * i + 12, 20 * i + 20),
        )
    )

    assert quiet_spans(phases)[0] == (15, 20)
    assert len(quiet_spans(phases)) == 8
    assert quiet_spans(phases, 6.0) == []


def test_idle_runs_have_no_quiet_spans() -> None:
    """Where nothing is ever driven, all of it counts."""
    assert quiet_spans(tuple(_phase("idle", i, i + 0.5) for i in range(20))) == []
