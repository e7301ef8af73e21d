"""What is wrong is one line and exit code 2, before anything starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.orchestrate.launch import free_port

pytestmark = pytest.mark.slow


def soak(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments], cwd=folder, capture_output=True, text=True, timeout=50
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "maximal"], "expected a scenario (normal heavy idle duplicates disconnects mixed)"),
        (["run"], "expected a scenario"),
        (["run", "mixed", "--duration", "soon"], "expected a duration"),
        (["run", "mixed", "--duration", "-5s"], "expected a duration"),
        (["run", "mixed", "--max-growth", "50 MB"], "expected a rate"),
        (["run", "mixed", "--max-growth-per-query", "four"], "expected a size"),
        (["run", "mixed", "--max-memory", "2 gigs"], "expected a size"),
        (["run", "mixed", "--speedup", "zero"], "found 'zero'"),
        (["run", "mixed", "--seed", "1.5"], "found '1.5'"),
        (["run", "mixed", "--out", "/proc/nowhere"], "expected a folder to store runs in"),
        (["run", "mixed", "--pid", "4194305"], "found no process 4194305"),
        (["run", "mixed", "--target-command", "no-such-server"], "none named 'no-such-server'"),
        (["run", "mixed", "--pid", "1", "--container", "x"], "expected one target"),
        (
            ["run", "mixed", "--base-url", f"http://127.0.0.1:{free_port()}"],
            "expected the target to accept connections",
        ),
        (["run", "--locustfile", "none.py"], "expected a locustfile"),
        (["run", "mixed", "--locustfile", "own.py"], "expected a scenario or --locustfile, found both"),
        (["ablate", "--target-command", "no-such-server", "-s", "A=1"], "none named 'no-such-server'"),
        ([], "expected a command"),
        (["run", "mixed", "--config", "none.toml"], "expected a plan at none.toml"),
        (["analyze", "."], "manifest.json"),
        (["report", "nowhere"], "expected the directory of a run"),
        (["gate", "nowhere"], "expected the directory of a run"),
        (["analyze", "nowhere", "--max-growth", "fast"], "expected a rate"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_it_says_what_was_expected_and_starts_nothing(tmp_path: Path, arguments: list[str], words: str) -> None:
    """One line on stderr, nothing on stdout, no directory left behind."""
    done = soak(tmp_path, *arguments)

    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.rglob("*")) == []


def test_a_locustfile_that_cannot_be_imported_starts_nothing(tmp_path: Path) -> None:
    """Python's own reason, before a target is up that the load would never reach."""
    (tmp_path / "own.py").write_text("import nothing_of_the_kind")
    done = soak(tmp_path, "run", "--locustfile", "own.py")

    assert (done.returncode, done.stdout) == (2, "")
    assert "found ModuleNotFoundError: No module named 'nothing_of_the_kind'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """The target cannot listen where something else does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        done = soak(tmp_path, "run", "mixed", "--target-command", "voice-backend serve", "--base-url", url)

    assert done.returncode == 2
    assert "expected a free port for the target" in done.stderr


def test_a_gate_on_what_is_not_recorded_is_found_before_the_start(tmp_path: Path) -> None:
    """For ``run`` and for ``attach``: no run is stored, nothing was started."""
    (tmp_path / "soak.toml").write_text("[gates]\nmax_active_dialogues = 5\n")
    for arguments in (["run", "mixed"], ["attach", "--pid", str(os.getpid()), "--duration", "2s"]):
        done = soak(tmp_path, *arguments)

        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert "the gate max_active_dialogues judges what this run does not record" in done.stderr
        assert done.stderr.count("\n") == 1
        assert [path.name for path in tmp_path.rglob("*")] == ["soak.toml"]


def test_a_variable_is_as_wrong_as_a_flag(tmp_path: Path) -> None:
    """SOAK_DURATION is read where no flag is given."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "mixed"],
        cwd=tmp_path,
        env=os.environ | {"SOAK_DURATION": "later"},
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert done.returncode == 2
    assert "found 'later'" in done.stderr


@pytest.mark.parametrize(
    ("setting", "words"),
    [('profile = "quick"', "expected tts.profile realistic, instant, slow"), ('faults = "f.toml"', "fault.0.kind")],
)
def test_what_the_mock_refuses_is_wrong_usage_too(tmp_path: Path, setting: str, words: str) -> None:
    """A profile is known before the start; a fault plan only the mock can read, and nothing is left of its refusal."""
    (tmp_path / "soak.toml").write_text(f"[tts]\n{setting}\n")
    (tmp_path / "f.toml").write_text("[[fault]]\nrate = 1\n")
    done = soak(tmp_path, "run", "mixed", "--quiet")

    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["f.toml", "soak.toml"]


def test_the_second_plan_is_wrong_before_the_first_is_run(tmp_path: Path) -> None:
    """Hours of the base's runs would be lost by it."""
    (tmp_path / "base.toml").write_text('[run]\nscenario = "mixed"\n')
    (tmp_path / "candidate.toml").write_text('[run]\nscenario = "mixed"\n[target]\ncommand = "no-such-server"\n')
    done = soak(tmp_path, "compare", "--run", "3", "-c", "base.toml", "-c", "candidate.toml")

    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "none named 'no-such-server'" in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["base.toml", "candidate.toml"]


def test_a_flag_wins_over_the_variable_of_its_rival(tmp_path: Path) -> None:
    """A process named on the command line is the target, whatever container the environment names."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "mixed", "--pid", "4194305"],
        cwd=tmp_path,
        env=os.environ | {"SOAK_CONTAINER": "voice-1", "SOAK_LOCUSTFILE": "own.py"},
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert done.returncode == 2
    assert "found no process 4194305" in done.stderr
