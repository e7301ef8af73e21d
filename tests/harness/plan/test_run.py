"""The run section."""

from __future__ import annotations

from harness.plan.run import RunSection


def test_short_runs_are_sampled_more_often() -> None:
    """Four times a second up to ten minutes, once a second beyond, or as asked."""
    assert RunSection().sampling_period_s(130.0) == 0.25
    assert RunSection().sampling_period_s(3600.0) == 1.0
    assert RunSection.model_validate({"period": "2s"}).sampling_period_s(60.0) == 2.0
