"""What `docker/engine.sh` says where there is no engine (needs none: the commands that it asks are stand-ins)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ENGINE = Path(__file__).parent.parent.parent / "docker" / "engine.sh"


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder that is searched first; its `docker` finds no engine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    stand_in(folder, "docker", "exit 1")
    return folder


def stand_in(folder: Path, name: str, does: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)


def engine(commands: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """A copy of the script, so that its cache is the test's own."""
    script = commands.parent / "engine.sh"
    script.write_text(ENGINE.read_text())
    script.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    environment |= {"PATH": f"{commands}:{os.environ['PATH']}"} | settings
    return subprocess.run([script], env=environment, capture_output=True, text=True, timeout=50, check=False)


def test_a_user_without_rights_cannot_run_one(commands: Path) -> None:
    """Exit 3 and one line: the machine cannot, and nothing is wrong with the project."""
    stand_in(commands, "id", 'if [ "$1" = -un ]; then echo ci; else echo 1000; fi')

    done = engine(commands)

    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "expected an engine that answers, or root to start one, found user ci" in done.stderr


def test_an_engine_that_does_not_come_up(commands: Path) -> None:
    """Exit 3, with the last line that it said."""
    stand_in(commands, "id", "echo 0")
    stand_in(commands, "dockerd", "echo starting; echo failed to mount cgroup; exit 1")

    done = engine(commands)

    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "expected dockerd to come up here, found: failed to mount cgroup" in done.stderr


def test_an_engine_that_cannot_limit_memory(commands: Path) -> None:
    """It answers, yet no test about limits could be right there."""
    stand_in(commands, "docker", "case $* in *MemoryLimit*) echo false ;; esac")

    done = engine(commands)

    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "expected an engine that can limit memory" in done.stderr


def test_an_engine_that_was_named_and_is_not_there(commands: Path) -> None:
    """Exit 1: somebody meant it to be there."""
    done = engine(commands, DOCKER_HOST="tcp://127.0.0.1:9")

    assert done.returncode == 1
    assert "expected the engine of DOCKER_HOST to answer, found none" in done.stderr
