"""What the report reads from the run directory itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.model import EndReason, Outcome
from harness.report.source import read_facts
from tests.harness.report.conftest import Assessed
from tests.support.stored_runs import FIXED, write_run


def test_facts_hold_every_sample_of_the_primary_metric_only(leaking: Assessed) -> None:
    """The curve is complete; no other series is read."""
    facts = read_facts(leaking.path, "target.anon_bytes")

    assert list(facts.curves) == ["target.anon_bytes"]
    assert len(facts.curves["target.anon_bytes"].t_s) == 1200
    assert facts.meaning("target.anon_bytes") == "anonymous memory of the process and its children"
    assert facts.target_commit == "89abcdef01"


def test_latencies_are_by_kind_in_milliseconds(leaking: Assessed) -> None:
    """Each kind has its percentiles on its own rows."""
    facts = read_facts(leaking.path, "target.anon_bytes")

    assert set(facts.latencies) == {"normal", "duplicate", "disconnect"}
    assert set(facts.latencies["normal"]) == {"first byte p95", "total p50", "total p95", "total p99"}
    assert 800 < float(np.median(facts.latencies["normal"]["total p50"].values)) < 1000


def test_the_end_is_said_in_words(tmp_path: Path) -> None:
    """Why it ended, or that it was cut short; the last sample stands for a missing end."""
    died = write_run(tmp_path / "a", replace(FIXED, duration_s=60.0, end=EndReason.TARGET_DIED))
    cut = write_run(tmp_path / "b", replace(FIXED, duration_s=60.0, end=None))

    assert read_facts(died, "x.y").end_words(Outcome.INVALID) == "the target died after 1 min"
    assert read_facts(cut, "x.y").end_words(Outcome.INVALID) == "cut short after 59 s: there is no end.json"
    assert read_facts(cut, "x.y").curves == {}


def test_an_early_stop_is_told_by_what_it_came_to(tmp_path: Path) -> None:
    """Given up is not decided: the evidence is in only where there is a verdict."""
    early = read_facts(write_run(tmp_path, replace(FIXED, duration_s=60.0, end=EndReason.EARLY_STOP)), "x.y")
    given_up = "given up early, after 1 min: it would not have been decided in the time planned"

    assert early.end_words(Outcome.INCONCLUSIVE) == given_up
    assert early.end_words(Outcome.PASS) == "stopped early, after 1 min: the evidence was in"
    assert early.end_words(Outcome.INVALID) == "stopped early after 1 min"
