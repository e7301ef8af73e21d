"""Run directories judged from end to end, as a stranger would hand them in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.assess import Assessment, _undecided, assess
from harness.model import Limits, Outcome, Shape
from harness.verdict import GateResult, write_verdict
from tests.support.plain_runs import PlainRun, cycles, phase_events, used, write

T_S = np.arange(1200.0)
PLAN = cycles(("normal", "disconnect"), 4)
DEMO = {"gates": {"max_growth": "50 MB/min", "max_growth_per_query": "16 KiB"}}


def _noise(seed: int, count: int = T_S.size) -> np.typing.NDArray[np.float64]:
    return 3e5 * np.random.default_rng(seed).normal(size=count)


def _plain(slope: float, seed: int = 1) -> PlainRun:
    return PlainRun(T_S, {"anon_bytes": 2e8 + slope * T_S + _noise(seed)})


def _driven(leak: dict[str, float], seed: int = 1) -> PlainRun:
    rows, t_s, held = used(PLAN, 8.0, leak, seed)
    warm = 1.5e7 * (1 - np.exp(-t_s / 4.0))
    return PlainRun(
        t_s, {"anon_bytes": 1e8 + warm + held + _noise(seed, t_s.size)}, rows, phase_events(PLAN), config=DEMO
    )


def _judge(path: Path, run: PlainRun, limits: Limits | None = None) -> Assessment:
    return assess(write(path / "run", run), limits)


def test_a_leak_fails_and_a_flat_run_passes(tmp_path: Path) -> None:
    """A manifest and one samples file are enough, under the default limits."""
    leak = _judge(tmp_path / "a", _plain(1e5)).verdict
    flat = _judge(tmp_path / "b", _plain(0.0)).verdict

    assert (leak.outcome, leak.memory.shape) == (Outcome.FAIL, Shape.LINEAR)
    assert (flat.outcome, flat.memory.shape) == (Outcome.PASS, Shape.STABLE)
    assert leak.memory.growth_per_h.estimate == pytest.approx(3.6e8, rel=0.05)
    assert leak.kinds == ()
    assert leak.memory.growth_per_query.estimate is None


@pytest.mark.parametrize("seed", range(5))
def test_the_leaking_kind_is_named_and_the_other_is_not(tmp_path: Path, seed: int) -> None:
    """Bytes per query of each kind, under the demo's limits, in a run of two and a half minutes."""
    verdict = _judge(tmp_path, _driven({"disconnect": 400_000.0}, seed)).verdict

    kinds = {kind.kind: kind.bytes_per_query for kind in verdict.kinds}
    assert verdict.outcome is Outcome.FAIL
    assert verdict.memory.shape is Shape.STAIRCASE
    assert kinds["disconnect"].estimate == pytest.approx(400_000.0, rel=0.05)
    assert kinds["normal"].high is not None
    assert kinds["normal"].high < 16_384
    assert verdict.idle_per_h is not None


def test_without_load_growth_is_that_of_the_run_and_not_of_its_idle_phases(tmp_path: Path) -> None:
    """The phases alone do not say what use there was: a leak by use is no level run because nothing grows while
    idle."""
    run = replace(_driven({"disconnect": 400_000.0}), load=None)
    _, t_s, held = used(PLAN, 8.0, {"disconnect": 400_000.0})

    verdict = _judge(tmp_path, run, Limits(max_growth_bytes_per_h=5e6 * 60)).verdict

    assert verdict.outcome is Outcome.FAIL
    assert verdict.memory.growth_per_h.low is not None
    assert verdict.memory.growth_per_h.high is not None
    assert verdict.memory.growth_per_h.low < held[-1] / t_s[-1] * 3600.0 < verdict.memory.growth_per_h.high
    assert verdict.idle_per_h is not None
    assert verdict.idle_per_h.low is not None
    assert verdict.idle_per_h.low <= 0.0


@pytest.mark.parametrize("seed", range(5))
def test_the_fixed_build_passes(tmp_path: Path, seed: int) -> None:
    """Flat but for warm-up and noise: certain under 50 MB/min and 16 KiB a query."""
    assessment = _judge(tmp_path, _driven({}, seed))

    assert assessment.verdict.outcome is Outcome.PASS
    assert assessment.evidence.drained is not None
    assert assessment.evidence.metrics["target.anon_bytes"].levels_are == "drained"


def test_header_only_is_invalid(tmp_path: Path) -> None:
    """Samples without a row are no samples of the primary metric."""
    verdict = _judge(tmp_path, PlainRun(np.empty(0), {"anon_bytes": np.empty(0)})).verdict

    assert verdict.outcome is Outcome.INVALID
    assert verdict.memory.growth_per_h.estimate is None


def test_a_blank_primary_is_invalid_and_the_rest_is_still_estimated(tmp_path: Path) -> None:
    """Blanks are not zeros."""
    run = _plain(1e5)
    columns = {"anon_bytes": np.full(T_S.size, np.nan), "rss_bytes": run.columns["anon_bytes"]}

    verdict = _judge(tmp_path, replace(run, columns=columns)).verdict

    assert verdict.outcome is Outcome.INVALID
    assert verdict.metrics[0].growth_per_h.estimate == pytest.approx(3.6e8, rel=0.05)


@pytest.mark.parametrize(("blank_after", "outcome"), [(0.6, Outcome.INVALID), (0.95, Outcome.PASS)])
def test_a_target_that_falls_silent_is_invalid(tmp_path: Path, blank_after: float, outcome: Outcome) -> None:
    """A page that nobody serves any more leaves blanks, and a flat line up to then; the last readings may fail."""
    run = _plain(0.0)
    held = np.where(np.arange(T_S.size) < blank_after * T_S.size, run.columns["anon_bytes"], np.nan)

    verdict = _judge(tmp_path, replace(run, columns={"anon_bytes": held})).verdict

    assert verdict.outcome is outcome
    assert any("did not answer to the end" in reason for reason in verdict.reasons) is (outcome is Outcome.INVALID)


def test_samples_that_are_missing_at_the_end_are_no_shorter_run(tmp_path: Path) -> None:
    """All files cut alike, by a copy that broke off, say: when the run ended stands in end.json."""
    run = write(tmp_path / "cut", replace(_plain(0.0), end_s=4.0 * T_S[-1]))

    verdict = assess(run).verdict

    assert verdict.outcome is Outcome.INVALID
    assert any("samples are missing" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("blank", [True, False])
def test_a_rise_in_a_gap_is_not_passed(tmp_path: Path, blank: bool) -> None:
    """Level before and after it: nobody saw what memory did in between, whether rows are blank or not there."""
    run = _plain(0.0)
    missing = (T_S >= 120.0) & (T_S < 1080.0)
    held = run.columns["anon_bytes"] + 5e7 * (T_S >= 1080.0)
    rows = T_S if blank else T_S[~missing]
    held = np.where(missing, np.nan, held) if blank else held[~missing]

    verdict = _judge(tmp_path, PlainRun(rows, {"anon_bytes": held})).verdict

    assert verdict.outcome is Outcome.INVALID
    assert verdict.reasons[0] == (
        "samples of the primary metric target.anon_bytes are missing for 960 s of 1199 s, in a gap: at most 25 % may be"
    )


def test_a_column_that_is_read_rarely_is_not_silent(tmp_path: Path) -> None:
    """Nothing between two of its readings means nothing."""
    run = _plain(0.0)
    held = np.where(np.arange(T_S.size) % 50 == 0, run.columns["anon_bytes"], np.nan)

    verdict = _judge(tmp_path, replace(run, columns={"anon_bytes": held})).verdict

    assert verdict.outcome is not Outcome.INVALID


def test_a_missing_primary_column_is_invalid(tmp_path: Path) -> None:
    """A manifest that names a column that nobody recorded."""
    verdict = _judge(tmp_path, replace(_plain(0.0), primary="target.pss_bytes")).verdict

    assert verdict.outcome is Outcome.INVALID
    assert any("target.pss_bytes" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("end", [None, "interrupted"])
def test_a_run_cut_short_can_fail_but_not_pass(tmp_path: Path, end: str | None) -> None:
    """What was seen of a leak is a leak; what was not seen may have come."""
    assert _judge(tmp_path / "a", replace(_plain(1e5), end=end)).verdict.outcome is Outcome.FAIL
    assert _judge(tmp_path / "b", replace(_plain(0.0), end=end)).verdict.outcome is Outcome.INCONCLUSIVE


def test_an_unplanned_restart_is_invalid_with_estimates(tmp_path: Path) -> None:
    """The figures stay, on both sides of it."""
    restart = {"t_s": 600.0, "event": "restart", "probe": "target", "old": {}, "new": {}, "planned": False}
    since = np.where(T_S < 600, T_S, T_S - 600)
    run = PlainRun(T_S, {"anon_bytes": 2e8 + 1e5 * since + _noise(2)}, events=[restart])

    verdict = _judge(tmp_path, run).verdict

    assert verdict.outcome is Outcome.INVALID
    assert verdict.memory.growth_per_h.estimate == pytest.approx(3.6e8, rel=0.2)


def test_a_torn_last_line_is_dropped_and_said(tmp_path: Path) -> None:
    """Half a row is no row."""
    path = write(tmp_path / "run", _plain(0.0))
    with (path / "samples" / "target.csv").open("a") as samples:
        samples.write("1200.000,99999999")

    verdict = assess(path).verdict

    assert verdict.outcome is Outcome.PASS
    assert any("torn" in note for note in verdict.notes)


@pytest.mark.parametrize(("fall", "outcome"), [(0.02, Outcome.PASS), (5.0, Outcome.INCONCLUSIVE)])
def test_a_fall_is_no_lack_of_power(tmp_path: Path, fall: float, outcome: Outcome) -> None:
    """A planted leak shows less by what falls: that is the reason then, and none where the fall does not matter."""
    verdict = _judge(tmp_path, _plain(-fall * 1e6 / 60.0)).verdict

    assert verdict.outcome is outcome
    assert not any("planted" in reason for reason in verdict.reasons)
    assert any("given back" in reason for reason in verdict.reasons) is (outcome is Outcome.INCONCLUSIVE)


def test_two_samples_are_inconclusive(tmp_path: Path) -> None:
    """Too few to judge, and what would settle it."""
    verdict = _judge(tmp_path, PlainRun(np.array([0.0, 1.0]), {"anon_bytes": np.array([1e8, 2e8])})).verdict

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert any("too few" in reason for reason in verdict.reasons)


def test_a_run_in_which_nothing_was_asked_does_not_pass(tmp_path: Path) -> None:
    """Level memory that nobody used says nothing; without a load.csv nothing is known of its use, and idle is not."""
    driven = replace(_plain(0.0), load=[], events=phase_events(cycles(("normal",), 4)))
    alone = replace(
        driven, events=phase_events([("warmup", 0.0, 12.0), ("idle", 12.0, 600.0), ("idle", 600.0, 1200.0)])
    )

    unused = _judge(tmp_path / "a", driven).verdict

    assert unused.outcome is Outcome.INCONCLUSIVE
    assert any("no query was completed" in reason for reason in unused.reasons)
    assert _judge(tmp_path / "b", replace(driven, load=None)).verdict.outcome is Outcome.PASS
    assert _judge(tmp_path / "c", alone).verdict.outcome is Outcome.PASS


def test_a_run_in_which_nothing_was_completed_does_not_fail_whatever_grew(tmp_path: Path) -> None:
    """What a target takes before it has answered anything is no leak; without phases of load nothing was to be asked,
    and a peak that is too high is what it is."""
    driven = replace(_plain(1e6), load=[], events=phase_events(cycles(("normal",), 4)))
    attached = replace(driven, load=None, events=[])
    peak = Limits(max_growth_bytes_per_h=1e6 * 60, max_memory_bytes=1e8)

    unused = _judge(tmp_path / "a", driven)

    assert unused.verdict.outcome is Outcome.INCONCLUSIVE
    assert unused.evidence.settling
    assert any("no query was completed" in reason for reason in unused.verdict.reasons)
    assert _judge(tmp_path / "b", attached).verdict.outcome is Outcome.FAIL
    assert _judge(tmp_path / "c", driven, peak).verdict.outcome is Outcome.FAIL


def test_limits_given_replace_those_of_the_plan(tmp_path: Path) -> None:
    """The same run under another budget is another verdict."""
    path = write(tmp_path / "run", _plain(1e5))

    assert assess(path, Limits(max_growth_bytes_per_h=50e6 * 60)).verdict.outcome is Outcome.PASS
    assert assess(path, Limits(max_growth_bytes_per_h=1e6 * 60)).verdict.outcome is Outcome.FAIL


def test_a_generous_limit_does_not_make_a_leak_look_level(tmp_path: Path) -> None:
    """What is allowed is the gate's matter; the shape says what the curve does."""
    verdict = _judge(tmp_path, _plain(1e5), Limits(max_growth_bytes_per_h=50e6 * 60)).verdict

    assert (verdict.outcome, verdict.memory.shape) == (Outcome.PASS, Shape.LINEAR)


def test_a_primary_that_is_no_memory_is_not_judged_by_limits_of_memory(tmp_path: Path) -> None:
    """Six descriptors a minute are not 0.00 MB/min."""
    run = PlainRun(T_S, {"fds_count": 40.0 + np.floor(T_S / 10.0)}, primary="target.fds_count")

    verdict = _judge(tmp_path, run).verdict

    assert verdict.outcome is Outcome.INVALID
    assert "not in bytes" in verdict.reasons[0]


@pytest.mark.parametrize(("asked_bytes", "counts_bytes"), [(None, 1e9), (6e8, 6e8), (2e9, 1e9)])
def test_the_forecast_is_to_the_limit_that_is_reached_first(
    tmp_path: Path, asked_bytes: float | None, counts_bytes: float
) -> None:
    """The container's, or the one that was asked for where that is lower."""
    run = _plain(1e5)
    run = replace(run, columns={**run.columns, "limit_bytes": np.full(T_S.size, 1e9)})

    forecast = _judge(tmp_path, run, Limits(50e6 * 60, max_memory_bytes=asked_bytes)).verdict.forecast

    assert forecast.limit_bytes == counts_bytes
    assert forecast.hours_to_limit.estimate == pytest.approx((counts_bytes - 2e8 - 1.2e8) / 3.6e8, rel=0.05)


def test_a_run_whose_primary_nobody_named_says_so(tmp_path: Path) -> None:
    """Neither the manifest nor the columns say what memory is."""
    run = PlainRun(T_S, {"cache_bytes": 2e8 + 0.0 * T_S}, primary=None)

    verdict = _judge(tmp_path, run).verdict

    assert verdict.outcome is Outcome.INVALID
    assert verdict.reasons[0].startswith("the manifest names no primary metric")


def test_speed_does_not_change_bytes_per_query_but_production(tmp_path: Path) -> None:
    """A run driven ten times faster grows a tenth as fast at production rate."""
    verdict = _judge(tmp_path, replace(_driven({"disconnect": 400_000.0}), speedup=10.0)).verdict
    driven, production = verdict.memory.growth_per_h.estimate, verdict.memory.growth_at_production_per_h.estimate

    assert driven is not None
    assert production is not None
    assert production == pytest.approx(driven / 10.0, rel=0.15)


def test_the_verdict_is_json(tmp_path: Path) -> None:
    """What assess finds can be stored and read by anyone."""
    path = write(tmp_path / "run", _driven({"disconnect": 400_000.0}))

    stored = json.loads(write_verdict(path, assess(path).verdict).read_text())

    assert set(stored["kinds"]) == {"normal", "disconnect", "idle"}
    assert stored["gates"][0]["name"] == "max_growth"


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.floats(2e5, 1e7))
def test_a_planted_leak_never_turns_a_fail_into_a_pass(seed: int, leak: float) -> None:
    """More growth cannot make a run better."""
    from tempfile import TemporaryDirectory

    run = _plain(3e4, seed)
    planted = replace(run, columns={"anon_bytes": run.columns["anon_bytes"] + leak * T_S})
    with TemporaryDirectory() as folder:
        before = _judge(Path(folder) / "a", run).verdict.outcome
        after = _judge(Path(folder) / "b", planted).verdict.outcome

    assert before is not Outcome.FAIL or after is Outcome.FAIL
    assert after is not Outcome.PASS


@pytest.mark.parametrize(("otherwise_s", "needed_s"), [(0.0, [600.0]), (300.0, [600.0]), (900.0, [])])
def test_a_run_needs_as_long_as_what_needs_longest(otherwise_s: float, needed_s: list[float]) -> None:
    """Gates that are not decided count beside whatever else stands in the way of a pass."""
    half = 10.0 * (2.0 / 1.1) ** 1.5  # twice the length would decide it
    gate = GateResult(
        "max_growth", "bytes_per_h", 20.0, 20.0, 10.0, 10.0 - half, 10.0 + half, 0.98, Outcome.INCONCLUSIVE
    )

    found = _undecided((gate,), 600.0, otherwise_s)

    assert [obstacle.needs_s for obstacle in found] == pytest.approx(needed_s)


def test_a_gate_that_no_length_decides_is_said_where_nothing_else_is() -> None:
    """Growth at the very limit."""
    gate = GateResult("max_growth", "bytes_per_h", 10.0, 10.0, 10.0, 5.0, 15.0, 0.98, Outcome.INCONCLUSIVE)

    assert [obstacle.needs_s for obstacle in _undecided((gate,), 600.0, 0.0)] == [None]
    assert _undecided((gate,), 600.0, 60.0) == []
    assert _undecided((replace(gate, outcome=Outcome.PASS),), 600.0, 0.0) == []
