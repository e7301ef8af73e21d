"""What is written when nobody reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from harness.model import ExitCode
from tests.support.documents import ROOT
from tests.support.plain_runs import PlainRun, write

SAMPLE = ROOT / "reports" / "sample"
SOAK = [sys.executable, "-m", "harness"]


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


def test_an_encoding_without_the_signs_costs_signs_only() -> None:
    """A minus is a hyphen there."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*SOAK, "gate", str(SAMPLE / "fixed")], env=environment, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert " (98 %: -" in done.stdout


def test_a_stream_that_is_closed_is_no_mistake(tmp_path: Path) -> None:
    """As a service manager may start it."""
    command = f"exec {sys.executable} -m harness list {tmp_path} >&- 2>&-"
    done = subprocess.run(["/bin/sh", "-c", command], timeout=60)

    assert done.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_is_one_line(tmp_path: Path, number: signal.Signals) -> None:
    """Whatever the parser makes of Ctrl-C; a cancelled job and a closed terminal are the same."""
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    child = subprocess.Popen(
        [*SOAK, "plan", "--show", "-c", str(opened)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, number, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )
    with opened.open("w"):  # returns when the command reads its plan
        child.send_signal(number)
        _, told = child.communicate(timeout=60)

    assert (child.returncode, told.strip()) == (130, "soak: interrupted")


def test_a_full_disk_behind_stdout_changes_no_exit_code() -> None:
    """What is written is lost; the outcome is the exit code."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*SOAK, "gate", str(SAMPLE / "fixed")], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )

    assert (done.returncode, done.stderr) == (0, "")
