"""The keeper as a process: silent after a proper end; that it removes what is left is tests/docker."""

from __future__ import annotations

import subprocess
import sys

from harness.orchestrate import container_keeper


def run_keeper(said: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", container_keeper.__file__, "voice-soak.run=none"]
    env = {"DOCKER_HOST": "unix:///nonexistent/engine.sock"}
    return subprocess.run(command, input=said, capture_output=True, text=True, env=env, check=False)


def test_a_proper_end_leaves_nothing_to_do() -> None:
    """After ``bye`` the engine is not asked, and its client library was never loaded."""
    done = run_keeper("bye")

    assert done.returncode == 0
    assert " docker" not in done.stderr


def test_a_violent_end_asks_the_engine() -> None:
    """The pipe's end alone is enough; an engine that is gone too is told, with the label to look for."""
    done = run_keeper("")

    assert " docker" in done.stderr
    assert done.returncode == 1
    assert "containers labelled voice-soak.run=none could not be removed" in done.stderr
