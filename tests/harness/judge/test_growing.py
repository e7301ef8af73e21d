"""A run that still grows, read piece by piece."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.errors import RunFormatError
from harness.judge.growing import GrowingRun
from tests.support.stored_runs import Recipe, write_run


def test_reading_in_two_steps_is_the_same_as_reading_at_once(tmp_path: Path) -> None:
    """Half of the samples now and half later give the whole series, with its load and phases."""
    stored = write_run(tmp_path, Recipe(duration_s=120.0))
    growing = tmp_path / "growing"
    shutil.copytree(stored, growing)
    samples = growing / "samples" / "target.csv"
    whole = samples.read_text()
    samples.write_text(whole[: len(whole) // 2])
    run = GrowingRun(growing)
    run.read()
    first = run.t_s.size
    samples.write_text(whole)
    run.read()

    complete = GrowingRun(stored)
    complete.read()
    assert 0 < first < run.t_s.size
    np.testing.assert_array_equal(run.t_s, complete.t_s)
    np.testing.assert_array_equal(run.y, complete.y)
    assert run.setting().phases == complete.setting().phases
    load = run.setting().load
    assert load is not None
    assert set(load.kinds) == {"normal", "duplicate", "disconnect"}


def test_a_broken_line_is_passed_over(tmp_path: Path) -> None:
    """A judge that stumbles over one line would end early stop for the whole run."""
    stored = write_run(tmp_path, Recipe(duration_s=60.0))
    with (stored / "events.jsonl").open("a") as events, (stored / "load.csv").open("a") as load:
        events.write("{not json}\n[1]\n")
        load.write("x,y\n")
    run = GrowingRun(stored)
    run.read()

    assert run.setting().phases


def test_a_kind_may_have_commas_in_its_name(tmp_path: Path) -> None:
    """Quoted, as CSV has it."""
    stored = write_run(tmp_path, Recipe(duration_s=60.0))
    load = stored / "load.csv"
    load.write_text(load.read_text().replace(",normal,", ',"a, b",'))
    run = GrowingRun(stored)
    run.read()

    usage = run.setting().load
    assert usage is not None
    assert "a, b" in usage.kinds


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    """A folder without a manifest has nothing to judge."""
    with pytest.raises(RunFormatError):
        GrowingRun(tmp_path)
