"""What is written when nobody reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.model import ExitCode
from tests.support.plain_runs import PlainRun, write


@pytest.mark.parametrize("both", [False, True])
def test_a_reader_that_has_left_changes_no_exit_code(tmp_path: Path, both: bool) -> None:
    """``soak gate RUN | true`` says invalid (4), and not that a gate failed (1) or that all is well (0)."""
    run = write(tmp_path / "run", PlainRun(np.empty(0), {"anon_bytes": np.empty(0)}))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "harness", "gate", str(run)],
            stdout=writing,
            stderr=writing if both else subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)

    assert ended.returncode == ExitCode.INVALID
    assert not ended.stderr
