"""Stored runs compared: what a fix removes, what a regression adds, and what cannot be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.compare import Change, Difference
from harness.comparison import Measured, compare_runs, measure, mismatches, summary
from harness.model import EndReason, Interval, Outcome
from tests.support.plain_runs import PlainRun, cycles, phase_events, used, write
from tests.support.stored_runs import FIXED, LEAKING, Recipe, write_run


def test_a_fix_is_seen_with_what_it_removes_and_what_is_left(tmp_path: Path) -> None:
    """All of the growth is gone, and the incident's table says so for a thousand queries."""
    before, after = measure(write_run(tmp_path, LEAKING)), measure(write_run(tmp_path, FIXED))
    found = compare_runs([before], [after])

    assert found.outcome is Outcome.PASS
    assert found.summary.startswith("removes ")
    assert found.persists is False
    assert "what is left is below" in found.summary
    assert [row.queries_count for row in found.burden] == [1, 100, 1000]
    assert found.burden[2].kept_base.estimate == pytest.approx(1000 * (found.burden[0].kept_base.estimate or 0.0))
    disconnect = next(kind for kind in found.kinds if kind.kind == "disconnect")
    assert disconnect.difference is not None
    assert disconnect.burden[1].kept_base == disconnect.difference.base.scaled(100)
    assert disconnect.burden[1].sent_base == pytest.approx(100 * before.sent_by_kind["disconnect"])
    assert found.to_json()["growth_bytes_per_h"]["removed_ratio"]["estimate"] == pytest.approx(1.0, abs=0.05)


def test_a_regression_names_the_kind_that_grew(tmp_path: Path) -> None:
    """The other way round it is a regression, by kind as well."""
    before, after = measure(write_run(tmp_path, FIXED)), measure(write_run(tmp_path, LEAKING))
    found = compare_runs([before], [after])

    assert found.outcome is Outcome.FAIL
    assert found.persists is True
    assert "the base showed no certain leak" in found.summary
    assert any("kind disconnect" in reason for reason in found.reasons)


def test_a_fix_of_one_cause_leaves_a_leak_that_persists(tmp_path: Path) -> None:
    """Less is not none."""
    after = Recipe(leak_bytes={"disconnect": 90_000.0}, seed=8)
    found = compare_runs([measure(write_run(tmp_path, LEAKING))], [measure(write_run(tmp_path, after))])

    assert found.outcome is Outcome.PASS
    assert "the leak persists" in found.summary


def test_a_leak_below_the_default_limit_persists_where_the_plan_forbids_it(tmp_path: Path) -> None:
    """It fails the candidate's own limit; under the default ones nobody would speak of it."""
    strict: dict[str, object] = {"gates": {"max_growth_bytes_per_h": 0.01e6 * 60}}
    slight = {"drift_bytes_per_h": 0.08e6 * 60, "noise_bytes": 2e4, "saw_bytes": 0.0, "with_load": False}
    before = Recipe(drift_bytes_per_h=5e6 * 60, noise_bytes=2e4, saw_bytes=0.0, with_load=False, config=strict)
    own = compare_runs(
        [measure(write_run(tmp_path / "base", before))],
        [measure(write_run(tmp_path / "own", Recipe(**slight, config=strict)))],  # type: ignore[arg-type]
    )

    assert own.growth is not None
    assert (own.growth.candidate.high or 0.0) < 0.1e6 * 60
    assert own.persists is True


def test_the_same_build_twice_is_no_regression(tmp_path: Path) -> None:
    """Two seeds of one build differ by chance only."""
    sides = [[measure(write_run(tmp_path, Recipe(seed=seed)))] for seed in (1, 2)]

    assert compare_runs(sides[0], sides[1]).outcome is Outcome.PASS


def test_other_machines_and_plans_are_named(tmp_path: Path) -> None:
    """What the comparison would be of, beside the build."""
    base = measure(write_run(tmp_path, Recipe(duration_s=120.0)))
    other = measure(write_run(tmp_path, Recipe(duration_s=120.0, scenario="heavy", config={"load": {"users": 3}})))
    found = mismatches([base], [other])

    assert any("scenario" in text for text in found)
    assert any("[load]" in text for text in found)
    assert mismatches([base], [base]) == ()


def test_the_target_may_differ(tmp_path: Path) -> None:
    """That is the question."""
    sides = [
        measure(write_run(tmp_path, Recipe(duration_s=120.0, config={"target": {"reference": preset}})))
        for preset in ("before", "after")
    ]

    assert mismatches(sides[:1], sides[1:]) == ()


def test_an_invalid_run_makes_the_comparison_invalid(tmp_path: Path) -> None:
    """A target that died has no growth to compare."""
    dead = measure(write_run(tmp_path, Recipe(duration_s=300.0, end=EndReason.TARGET_DIED)))
    found = compare_runs([measure(write_run(tmp_path, Recipe(duration_s=300.0)))], [dead])

    assert found.outcome is Outcome.INVALID


def test_a_run_that_was_cut_short_is_no_proof_that_nothing_got_worse(tmp_path: Path) -> None:
    """As at the gate: what would have come after it nobody knows."""
    base, cut = (
        measure(write_run(tmp_path, Recipe(seed=seed, end=end))) for seed, end in ((1, EndReason.COMPLETED), (2, None))
    )
    found = compare_runs([base], [cut])

    assert found.outcome is Outcome.INCONCLUSIVE
    assert "cut short" in found.reasons[0]


def test_without_a_stored_plan_the_driven_rate_is_the_plan(tmp_path: Path) -> None:
    """Twice the queries an hour are twice the growth an hour, and no regression of the build."""
    plan = cycles(("normal",), 8)
    runs = []
    for rate_per_s in (4.0, 4.4, 8.0):
        rows, t_s, held = used(plan, rate_per_s, {"normal": 1e5})
        run = PlainRun(t_s, {"anon_bytes": 1e8 + held}, rows, phase_events(plan))
        runs.append(measure(write(tmp_path / f"{rate_per_s}", run)))

    assert mismatches(runs[:1], runs[1:2]) == ()
    (found,) = mismatches(runs[:1], runs[2:])
    assert found.startswith("queries a second differ")


def _driven(path: Path, rate_per_s: float, leak_bytes: float, slope: float = 0.0) -> Measured:
    plan = cycles(("normal", "disconnect"), 8)
    rows, t_s, held = used(plan, rate_per_s, {"disconnect": leak_bytes})
    noise = 1e5 * np.random.default_rng(4).normal(size=t_s.size)
    run = PlainRun(t_s, {"anon_bytes": 1e8 + held + slope * t_s + noise}, rows, phase_events(plan))
    return measure(write(path, run))


@pytest.mark.parametrize(
    ("rate_per_s", "leak_bytes", "slope", "outcome"),
    [
        (5.0, 1e5, 0.0, Outcome.PASS),
        (5.5, 1e5, 0.0, Outcome.PASS),
        (4.5, 1.2e5, 0.0, Outcome.FAIL),
        (5.0, 1e5, 0.5e6, Outcome.FAIL),
    ],
)
def test_the_same_leak_is_no_regression_however_often_it_was_asked(
    tmp_path: Path, rate_per_s: float, leak_bytes: float, slope: float, outcome: Outcome
) -> None:
    """A tenth more queries by chance are a tenth more growth, which says nothing about the build; a fifth more a query
    does, also where fewer were asked, and so does growth with time beside it."""
    base = _driven(tmp_path / "base", 5.0, 1e5)

    found = compare_runs([base], [_driven(tmp_path / "candidate", rate_per_s, leak_bytes, slope)])

    assert found.outcome is outcome, found.reasons


def test_a_new_leak_of_half_a_megabyte_a_minute_is_a_regression(tmp_path: Path) -> None:
    """However little it is beside the budget, nothing was there before."""
    clean, leaking = _driven(tmp_path / "a", 5.0, 0.0), _driven(tmp_path / "b", 5.0, 0.0, 0.5e6 / 60.0)

    assert compare_runs([clean], [leaking]).outcome is Outcome.FAIL


def test_what_may_be_left_is_said_by_its_upper_end() -> None:
    """Where 91 MB/min cannot be ruled out, 0.02 is not what a reader should take home."""
    estimate, low, high = 0.02e6 * 60, -90e6 * 60, 91.4e6 * 60
    wide = Interval(estimate, low, high)
    growth = Difference(wide, wide, Interval(0.0, low, high), Interval(), Change.UNKNOWN)

    assert summary(growth, None) == "no certain difference; up to 91.4 MB/min may be left"


def test_another_kernel_is_a_remark_and_no_mismatch(tmp_path: Path) -> None:
    """Hosted runners are updated between one night and the next."""
    base = measure(write_run(tmp_path, Recipe(duration_s=120.0)))
    kernels = [replace(base, manifest=replace(base.manifest, host={"kernel": kernel})) for kernel in ("6.11", "6.14")]

    assert mismatches(kernels[:1], kernels[1:]) == ()
    assert compare_runs(kernels[:1], kernels[1:]).mismatches == ("machine: kernel differs (6.11 and 6.14)",)
