"""What each switch contributes, ranked, and what it costs beside growth."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.compare import Change
from harness.comparison import measure
from harness.contributions import contributions
from tests.support.stored_runs import LEAKING, Recipe, write_run


def test_switches_are_ranked_by_what_they_contribute(tmp_path: Path) -> None:
    """The one that leaks most comes first; one without growth is told apart from one with."""
    base = [measure(write_run(tmp_path, LEAKING))]
    thrown = {
        "nothing": [measure(write_run(tmp_path, Recipe(leak_bytes=LEAKING.leak_bytes, noise_bytes=0.5e6)))],
        "duplicates": [measure(write_run(tmp_path, Recipe(leak_bytes={"disconnect": 90_000.0})))],
        "disconnects": [measure(write_run(tmp_path, Recipe(leak_bytes={"duplicate": 20_000.0})))],
    }
    found = contributions(base, thrown)

    assert [one.name for one in found] == ["disconnects", "duplicates", "nothing"]
    assert [one.rank for one in found] == [1, 2, 3]
    assert found[0].change is Change.BETTER
    assert found[0].share.estimate == pytest.approx(90 / 110, abs=0.1)
    assert "of the growth" in found[0].says
    assert "no certain growth" in found[2].says
    assert found[2].to_json()["name"] == "nothing"


def test_traffic_without_growth_is_called_that(tmp_path: Path) -> None:
    """A cause that costs traffic only is not a leak, and not nothing."""
    from dataclasses import replace

    base = measure(write_run(tmp_path, Recipe(duration_s=600.0)))
    found = contributions(
        [replace(base, sent_per_query=700_000.0)], {"sound": [replace(base, sent_per_query=300_000.0)]}
    )

    assert found[0].says.startswith("costs 400 kB of traffic a query, but no certain growth")


def test_collections_are_a_cost_beside_growth(tmp_path: Path) -> None:
    """Garbage that only the cyclic collector frees costs collections; a target that does not count them has no such
    figure."""
    from dataclasses import replace

    base = measure(write_run(tmp_path, Recipe(duration_s=600.0)))
    counted = replace(base, sent_per_query=700_000.0, collections_per_query=0.5)
    thrown = replace(base, sent_per_query=300_000.0, collections_per_query=0.2)
    found = contributions([counted], {"sound": [thrown]})[0]

    assert base.collections_per_query is None
    assert "400 kB of traffic a query and 0.3 garbage collections a query, but no certain growth" in found.says
    assert found.to_json()["collections_per_query"] == pytest.approx(0.3)
