"""Runs as the command line names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RunFormatError, UsageError
from harness.store.runs import runs_at
from tests.support.stored_runs import Recipe, write_run


def test_a_folder_of_runs_is_a_set_of_runs(tmp_path: Path) -> None:
    """One run, several with commas, or all in a folder."""
    one, two = (write_run(tmp_path / "set", Recipe(duration_s=60.0, seed=seed)) for seed in (1, 2))

    assert runs_at(str(one)) == (one,)
    assert runs_at(f"{one}, {two}") == (one, two)
    assert runs_at(str(tmp_path / "set")) == tuple(sorted((one, two)))
    with pytest.raises(UsageError, match="twice"):
        runs_at(f"{one},{two},{one}")
    with pytest.raises(RunFormatError, match="soak list"):
        runs_at(str(one / "samples"))
