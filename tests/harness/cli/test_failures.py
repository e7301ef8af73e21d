"""Why queries failed, told from what the load has written at its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli.failures import failure_lines


def _told(run_dir: Path, *notes: dict[str, Any]) -> Path:
    lines = [json.dumps({"t_s": 1.0, "event": "note", "text": "load", "load": note}) for note in notes]
    (run_dir / "events.jsonl").write_text("\n".join(["{torn failures", '"failures"', *lines, '{"t_s": 2.0, "even']))
    return run_dir


def test_the_names_with_most_come_first_and_a_slow_target_is_said_plainly(tmp_path: Path) -> None:
    """Of all queries that were started, by the last note of the load."""
    early = {"started_count": 1, "failed_count": 1, "failures": {"timeout": 1}}
    last = {"started_count": 1200, "failed_count": 160, "failures": {"stream_cut": 1, "drain_timeout": 159}}

    first, second = failure_lines(_told(tmp_path, early, last))

    assert first == (
        "failed queries: 160 of 1,200: drain_timeout 159, stream_cut 1 (docs/load.md says what each means)"
    )
    assert "the target is too slow for this load; lower --speedup" in second


def test_a_few_that_were_too_slow_are_only_named(tmp_path: Path) -> None:
    """Half of the failures at most; names after the fifth are only counted."""
    failures = {"drain_timeout": 3, **dict.fromkeys("abcdef", 1)}

    lines = failure_lines(_told(tmp_path, {"started_count": 20, "failed_count": 9, "failures": failures}))

    names = "drain_timeout 3, a 1, b 1, c 1, d 1, 2 other names"
    assert lines == [f"failed queries: 9 of 20: {names} (docs/load.md says what each means)"]


def test_what_failed_outside_any_query_is_no_failed_query(tmp_path: Path) -> None:
    """A user of a locustfile that cannot even begin: nothing else says why there are no queries."""
    told = {"started_count": 0, "failed_count": 0, "failures": {"ValueError": 7}}

    assert failure_lines(_told(tmp_path, told)) == [
        "failures beside the queries: ValueError 7 (docs/load.md says what each means)"
    ]


def test_what_the_loads_own_stop_cut_in_an_old_run_has_not_failed(tmp_path: Path) -> None:
    """Earlier versions had it among the failures."""
    told = {"started_count": 50, "failures": {"stopped": 47, "timeout": 2}}

    assert failure_lines(_told(tmp_path, told)) == [
        "failed queries: 2 of 50: timeout 2 (docs/load.md says what each means)"
    ]


@pytest.mark.parametrize("load", [{"failures": {}}, {"failures": {"stopped": 3}}, {"failures": [1]}, {}, None])
def test_without_failures_nothing_is_said(tmp_path: Path, load: Any) -> None:
    """Nor where the load has left no note that can be read, nor any events."""
    assert failure_lines(tmp_path) == []
    assert failure_lines(_told(tmp_path, load)) == []
