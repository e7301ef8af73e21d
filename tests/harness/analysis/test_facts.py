"""One series from samples to facts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.facts import Setting, analyse
from harness.analysis.levels import LevelKind
from harness.analysis.segments import Phase
from harness.model import Shape
from tests.support.plain_runs import cycles, load_of, phases_of, used


def test_nothing_is_nothing() -> None:
    """Blanks only: no samples, no estimate, no word."""
    facts = analyse(np.arange(5.0), np.full(5, np.nan), Setting())

    assert (facts.samples, facts.growth, facts.form.shape) == (0, None, Shape.UNKNOWN)


def test_blanks_are_left_out() -> None:
    """A reading that failed is no zero."""
    y = np.full(100, 5e7)
    y[::3] = np.nan

    facts = analyse(np.arange(100.0), y, Setting(quantum=4096.0))

    assert facts.samples == 66
    assert facts.form.shape is Shape.STABLE


def test_kinds_are_read_off_drained_levels() -> None:
    """What the load needs while it runs does not count; what each kind leaves behind does."""
    plan = cycles(("normal", "disconnect"), 4)
    rows, t_s, held = used(plan, 10.0, {"disconnect": 50_000.0})
    driven = np.zeros(t_s.size)
    for kind, low, high in plan:
        if kind not in ("idle", "drain"):
            driven[(t_s >= low) & (t_s < high)] = 8e6
    rng = np.random.default_rng(1)

    facts = analyse(
        t_s, 1e8 + held + driven + 1e5 * rng.normal(size=t_s.size), Setting(phases=phases_of(plan), load=load_of(rows))
    )

    assert facts.levels is not None
    assert facts.levels.kind is LevelKind.DRAINED
    assert facts.growth is not None
    parts = {part.kind: part.per_query for part in facts.growth.parts}
    assert parts["disconnect"].estimate == pytest.approx(50_000.0, rel=0.05)
    assert parts["normal"].high is not None
    assert parts["normal"].high < 4096.0
    assert facts.form.shape is Shape.STAIRCASE


def test_the_warm_up_ends_where_the_first_phase_that_counts_begins() -> None:
    """Its drain and the idle time after it are part of it."""
    phases = phases_of(cycles(("normal", "disconnect"), 4))
    setting = Setting(phases=phases)

    assert setting.warmup_end_s == 14.0
    assert setting.settled_from_s == 14.0
    assert Setting().settled_from_s is None


def test_quiet_spans_in_the_start_that_is_left_out_do_not_count() -> None:
    """Eight are enough to be the levels; seven after the start, or one that has only just begun, are not."""
    spans = [(float(20 * i), 20.0 * i + 10.0, 20.0 * i + 20.0) for i in range(9)]
    phases = tuple(
        phase
        for low, middle, high in spans
        for phase in (
            Phase(f"normal-{low}", "normal", 1, low, middle, False),
            Phase(f"idle-{low}", "idle", 1, middle, high, True),
        )
    )
    t_s = np.arange(0.0, 180.0, 0.5)
    y = 5e7 + 1e4 * np.random.default_rng(2).normal(size=t_s.size)

    whole = analyse(t_s, y, Setting(phases=phases))
    short = analyse(t_s[t_s < 171.0], y[t_s < 171.0], Setting(phases=(*phases[:-1], replace(phases[-1], end_s=171.0))))

    assert whole.levels is not None
    assert short.levels is not None
    assert (whole.levels.kind, whole.levels.count) == (LevelKind.DRAINED, 8)
    assert short.levels.kind is LevelKind.MEAN


@pytest.mark.parametrize("cycles_count", [4, 5, 6, 8])
def test_two_kinds_with_short_drains_are_told_apart(cycles_count: int) -> None:
    """Every cycle has a drain of five seconds and one that half a minute of idle time follows."""
    turns = [(kind, quiet_s) for _ in range(cycles_count) for kind, quiet_s in (("normal", 5.0), ("duplicate", 35.0))]
    plan: list[tuple[str, float, float]] = []
    for kind, quiet_s in turns:
        start_s = plan[-1][2] if plan else 0.0
        plan += [(kind, start_s, start_s + 60.0), ("drain", start_s + 60.0, start_s + 60.0 + quiet_s)]
    rows, t_s, held = used(plan, 5.0, {"normal": 50_000.0})
    noise = 1e5 * np.random.default_rng(3).normal(size=t_s.size)

    facts = analyse(t_s, 1e8 + held + noise, Setting(phases=phases_of(plan), load=load_of(rows)))

    assert facts.growth is not None
    parts = {part.kind: part.per_query for part in facts.growth.parts}
    assert parts["normal"].estimate == pytest.approx(50_000.0, rel=0.05)
    assert abs(parts["duplicate"].estimate or 0.0) < 4096.0


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_growth_that_bends_is_read_over_the_last_quarter_as_recorded(share: float) -> None:
    """Neither the tenth left out at the start nor a warm-up phase of ``share`` moves the quarter."""
    t_s = np.arange(3600.0)
    y = 2e8 + 1e8 * (t_s / t_s[-1]) ** 2 + 1e4 * np.random.default_rng(3).normal(size=t_s.size)
    warm = Phase("warmup", "normal", 0, 0.0, share * t_s[-1], False, warmup=True)

    growth = analyse(t_s, y, Setting(phases=(warm,) if share else ())).growth

    assert growth is not None
    assert growth.at_end.estimate == pytest.approx(2e8 * 0.875 / t_s[-1], rel=2e-3)


MINUTES_S = np.arange(1800.0) + 0.5
"""Half an hour at 1 Hz."""


def _held(rates_per_s: tuple[float, ...], noise: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """100 MB that grow at each of the rates for an equal part of the half hour."""
    rates = np.repeat(rates_per_s, MINUTES_S.size // len(rates_per_s))
    return 1e8 + np.cumsum(rates) + np.random.default_rng(3).normal(0.0, noise, MINUTES_S.size)


@pytest.mark.parametrize("minutes", [(15.0, 18.0), (12.0, 18.0), (9.0, 21.0)])
@pytest.mark.parametrize("noise", [1e5, 1e6])
def test_a_rise_that_takes_its_time_and_is_over_is_no_growth(minutes: tuple[float, float], noise: float) -> None:
    """100 MB more, and level ever since: cycles can draw that too, with growth at the end of which nothing is there."""
    begin_s, end_s = (60.0 * minute for minute in minutes)
    rise = 1e8 * np.clip((MINUTES_S - begin_s) / (end_s - begin_s), 0.0, 1.0)
    facts = analyse(MINUTES_S, _held((0.0,), noise) + rise, Setting(quantum=4096.0, material=1667.0))

    assert facts.form.shape is Shape.STEP
    assert facts.growth is not None
    low, high = facts.growth.at_end.low, facts.growth.at_end.high
    assert low is not None
    assert high is not None
    assert low <= 0.0 <= high < 1e6 / 60.0


@pytest.mark.parametrize("rates_per_min", [(5e6, 0.0, 5e6), (5e6, 1e6, 5e6), (3e6, 0.0, 3e6)])
def test_growth_that_paused_goes_on_at_its_rate(rates_per_min: tuple[float, ...]) -> None:
    """The last quarter counts, not the mean with the pause in it."""
    y = _held(tuple(rate / 60.0 for rate in rates_per_min), 1e5)
    facts = analyse(MINUTES_S, y, Setting(quantum=4096.0, material=1667.0))

    assert facts.growth is not None
    assert facts.growth.certain.low == pytest.approx(rates_per_min[-1] / 60.0, rel=0.02)
    assert facts.growth.certain.high == pytest.approx(rates_per_min[-1] / 60.0, rel=0.02)


@pytest.mark.parametrize("power", [1.5, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("noise", [1e5, 2e6])
def test_growth_that_becomes_faster_is_accelerating_however_fast(power: float, noise: float) -> None:
    """Its start is no warm-up that dies out."""
    share = MINUTES_S / 1800.0
    facts = analyse(MINUTES_S, _held((0.0,), noise) + 2e8 * share**power, Setting(quantum=4096.0, material=1667.0))
    truth = 2e8 * (1.0 - 0.75**power) / 450.0

    assert facts.form.shape is Shape.ACCELERATING
    assert facts.growth is not None
    assert not facts.growth.warming
    assert facts.growth.at_end.estimate == pytest.approx(truth, rel=0.03)
