"""Lists show every run there is, quickly, and say what is wrong with the others."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.gate.judge import judge_run
from harness.report.glance import glance, glances
from harness.verdict import write_verdict
from tests.support.stored_runs import FIXED, LEAKING, write_run


def test_a_judged_run_shows_outcome_growth_and_curve(tmp_path: Path) -> None:
    """Outcome and growth are those of verdict.json, the curve that of the primary metric."""
    run = write_run(tmp_path, replace(LEAKING, noise_bytes=0.0, saw_bytes=0.0))
    verdict = judge_run(run).verdict
    write_verdict(run, verdict)
    seen = glance(run)

    assert seen.outcome == "fail"
    assert seen.growth_bytes_per_h == verdict.memory.growth_per_h.estimate
    assert (seen.scenario, seen.length_s, seen.problem) == ("mixed", 1200.0, None)
    assert 40 <= len(seen.curve) <= 48
    values = [value for value in seen.curve if value is not None]
    assert values == sorted(values)


def test_short_and_cut_runs_are_shown(tmp_path: Path) -> None:
    """Three samples, and an end that never came."""
    run = write_run(tmp_path, replace(FIXED, duration_s=3.0, end=None))
    for samples in (run / "samples").iterdir():
        os.utime(samples, (0.0, 0.0))
    seen = glance(run)

    assert len(seen.curve) == 3
    assert (seen.outcome, seen.problem) == (None, "cut short")


def test_a_run_that_was_written_to_just_now_goes_on(tmp_path: Path) -> None:
    """It has no end yet; nothing cut it short."""
    assert glance(write_run(tmp_path, replace(FIXED, end=None))).problem == "still running"


@pytest.mark.parametrize("text", ["not JSON", "[]", '{"schema": 1'])
def test_what_cannot_be_read_is_said(text: str, tmp_path: Path) -> None:
    """A broken manifest is a line with a problem, not an end of the list."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text(text)
    good = write_run(tmp_path, replace(FIXED, duration_s=3.0))
    found = {seen.path: seen.problem for seen in glances(tmp_path)}

    assert found[tmp_path / "broken"] is not None
    assert found[good] is None


def test_a_torn_or_empty_samples_file_gives_what_it_has(tmp_path: Path) -> None:
    """A last line without its end is not shown; a header alone is no curve."""
    run = write_run(tmp_path, replace(FIXED, duration_s=5.0))
    path = run / "samples" / "target.csv"
    path.write_bytes(path.read_bytes()[:-8])

    assert len(glance(run).curve) == 4
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert glance(run).curve == ()


def test_other_folders_are_no_runs(tmp_path: Path) -> None:
    """Only what has a manifest is listed; a missing folder lists nothing."""
    (tmp_path / "notes").mkdir()

    assert list(glances(tmp_path)) == []
    assert list(glances(tmp_path / "missing")) == []


def test_numbers_that_are_none_are_left_out(tmp_path: Path) -> None:
    """One damaged run does not hide the others."""
    run = write_run(tmp_path, replace(FIXED, duration_s=60.0))
    samples = next((run / "samples").glob("target.csv"))
    head, *rows = samples.read_text().splitlines()
    column = head.split(",").index("anon_bytes")
    cells = [row.split(",") for row in rows]
    for row, word in zip(cells, ("NaN", "inf", "-inf"), strict=False):
        row[column] = word
    samples.write_text("\n".join([head, *(",".join(row) for row in cells)]) + "\n")
    (run / "end.json").write_text('{"reason": "completed", "t_s": 1e400, "rows": {}}')
    seen = glance(run)

    assert seen.length_s is None
    assert all(value is None or value < 1e12 for value in seen.curve)
