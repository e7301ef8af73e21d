"""The noise of a stored run, for planning the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RunFormatError
from harness.noise import noise_of_run
from tests.support.stored_runs import Recipe, write_run


def test_a_run_says_how_noisy_it_was_and_how_it_was_driven(tmp_path: Path) -> None:
    """Its scenario and speed are what the next is planned for."""
    noise, scenario, speedup = noise_of_run(write_run(tmp_path, Recipe()))

    assert noise.long_run_variance > 0
    assert noise.cycle_s is not None
    assert (scenario, speedup) == ("mixed", 60.0)


def test_a_run_too_short_to_know_says_what_to_do(tmp_path: Path) -> None:
    """Three samples have no noise."""
    with pytest.raises(RunFormatError, match="longer pilot"):
        noise_of_run(write_run(tmp_path, Recipe(duration_s=3.0, with_load=False)))
