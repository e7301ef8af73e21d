"""What the report reads from the run directory itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.model import ContainerIdentity, EndReason, Identity, Outcome, ProcessIdentity, Role
from harness.report.source import read_facts, target_words
from harness.store.schema import Manifest, ProbeInfo
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


def _target(config: object, identity: Identity | None = None) -> str:
    probes = (ProbeInfo("target", Role.TARGET, 1.0, identity, ()),)
    return target_words(Manifest("", "", None, probes, config={"target": config}))


@pytest.mark.parametrize(
    ("config", "identity", "words"),
    [
        ({"command": "node server.js --key ***"}, ProcessIdentity(6175, 1.5), "node server.js --key *** (pid 6175)"),
        ({"command": "x" * 90}, None, "x" * 59 + "…"),
        ({"command": "a\x1bb"}, None, "a\\x1bb"),
        ({"reference": "before"}, ProcessIdentity(7, 1.5), "reference backend “before” (pid 7)"),
        ({"container": "voice"}, ContainerIdentity("8f3a", "2026"), "container voice"),
        ({"pid": 812}, ProcessIdentity(812, 1.5), "pid 812"),
        ({}, ProcessIdentity(812, 1.5), "pid 812"),
        ("nonsense", ContainerIdentity("8f3a", "2026"), "container 8f3a"),
        ({}, None, ""),
    ],
)
def test_the_target_is_named_as_the_manifest_does(config: object, identity: Identity | None, words: str) -> None:
    """By command, container or process; shortened, safe to show, secrets as they were stored."""

    assert _target(config, identity) == words
