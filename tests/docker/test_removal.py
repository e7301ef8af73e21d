"""A container of ours is removed in every way that a run can end, a killed harness included."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.containers import (
    BASE_IMAGE,
    DEAF,
    QUIET,
    kill_tree,
    newest_run,
    own_containers,
    run_soak,
    script,
    start_soak,
    write_plan,
)

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400), pytest.mark.usefixtures("images")]

KEEPER = "container_keeper"


def quiet_plan(tmp_path: Path) -> Path:
    return write_plan(tmp_path, {"image": BASE_IMAGE, "command": script(QUIET)})


def until(happened: Callable[[], bool], timeout_s: float = 120.0) -> None:
    """Returns when ``happened``; other machines tell nobody, so it is asked."""
    deadline_s = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.1)  # noqa: TID251


def sampling(tmp_path: Path, plan: Path) -> subprocess.Popen[str]:
    """A harness in the middle of its run."""
    process = start_soak(plan, "idle", "--duration", "120s")
    until(lambda: (run := newest_run(plan)) is not None and (run / "samples" / "target.csv").stat().st_size > 1000)

    assert len(own_containers(tmp_path)) == 1
    return process


def keepers(process: subprocess.Popen[str]) -> list[int]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child.pid for child in children if any(KEEPER in word for word in child.cmdline())]


def test_after_a_whole_run(tmp_path: Path) -> None:
    """The common case."""
    assert run_soak(quiet_plan(tmp_path), "idle", "--duration", "15s").is_judged()
    assert own_containers(tmp_path) == []


def test_after_an_interrupt(tmp_path: Path) -> None:
    """Ctrl-C stores, judges, and removes."""
    process = sampling(tmp_path, quiet_plan(tmp_path))
    process.send_signal(signal.SIGINT)
    process.communicate()

    assert process.returncode == 130
    assert own_containers(tmp_path) == []


def test_after_a_target_that_never_answers(tmp_path: Path) -> None:
    """A start that fails says what the container said, and leaves nothing."""
    plan = write_plan(tmp_path, {"image": BASE_IMAGE, "command": DEAF}, target={"ready-timeout": "12s"})

    result = run_soak(plan, "idle", "--duration", "15s")

    assert result.code == 4
    assert "I do not listen" in result.said
    assert own_containers(tmp_path) == []


def test_after_a_target_that_ends_at_once(tmp_path: Path) -> None:
    """Its exit code and last words are the reason."""
    plan = write_plan(tmp_path, {"image": BASE_IMAGE, "command": ["sh", "-c", "echo no key; exit 3"]})

    result = run_soak(plan, "idle", "--duration", "15s")

    assert result.code == 4
    assert "ended with code 3: no key" in result.said
    assert own_containers(tmp_path) == []


def test_after_a_killed_harness(tmp_path: Path) -> None:
    """The keeper removes what a harness that was killed cannot."""
    process = sampling(tmp_path, quiet_plan(tmp_path))
    kill_tree(process)

    until(lambda: own_containers(tmp_path) == [])


@pytest.mark.alone  # the next start of any other test would remove it too
def test_after_a_killed_harness_and_keeper(tmp_path: Path) -> None:
    """What nobody could remove is removed by the next start on the same machine."""
    plan = quiet_plan(tmp_path)
    process = sampling(tmp_path, plan)
    kill_tree(process, *keepers(process))

    assert len(own_containers(tmp_path)) == 1
    run_soak(plan, "idle", "--duration", "10s")
    assert own_containers(tmp_path) == []


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"image": "voice-soak-no-such-image"}, "expected image 'voice-soak-no-such-image' on the engine"),
        ({"image": BASE_IMAGE, "network": "no-such-net", "port": 80}, "expected network 'no-such-net' on the engine"),
        ({"compose-service": "no-such-service"}, "expected one running container of Compose service"),
    ],
)
def test_wrong_plans_start_nothing(tmp_path: Path, container: dict[str, object], expected: str) -> None:
    """Exit 2 with one line."""
    result = run_soak(write_plan(tmp_path, container), "idle", "--duration", "15s")

    assert (result.code, result.said.count("\n")) == (2, 1)
    assert expected in result.said
    assert own_containers(tmp_path) == []
