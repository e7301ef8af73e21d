"""Before a run: everything that can be wrong is found, and nothing has been started."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.orchestrate import run
from harness.orchestrate.load import ALONE, Workers
from harness.orchestrate.run import prepare, require_writable, worker_command
from harness.plan.document import Plan


def _plan(out: Path, load: dict[str, Any] | None = None, **run: Any) -> Plan:
    return Plan.model_validate({"run": {"out": out, "scenario": "mixed", "duration": "1m", **run}, "load": load or {}})


def test_a_run_is_prepared_without_a_trace(tmp_path: Path) -> None:
    """Target, mock and load are planned on ports of their own, and there is no folder for runs yet."""
    preparation = prepare(_plan(tmp_path / "runs"))

    assert preparation.launch.target is not None
    assert preparation.launch.mock is not None
    assert preparation.web_port is None
    assert list(tmp_path.iterdir()) == []


def test_a_page_gets_a_port(tmp_path: Path) -> None:
    """Where it was asked for."""
    assert prepare(_plan(tmp_path, web=True)).web_port is not None


def test_a_file_is_no_folder_for_runs(tmp_path: Path) -> None:
    """One line: expected, found, what to do."""
    (tmp_path / "runs").write_text("here already")

    with pytest.raises(
        UsageError, match=r"expected a folder to store runs in at --out .*runs, found: .*; name another"
    ):
        require_writable(tmp_path / "runs")


def test_workers_elsewhere_are_told_what_to_start(tmp_path: Path) -> None:
    """The exact command for the other machine; without such workers there is none."""
    elsewhere = {"expect_workers": 2, "master_host": "127.0.0.1", "master_port": 5999}
    command = worker_command(prepare(_plan(tmp_path, load=elsewhere)))

    assert command is not None
    assert "--worker" in command.split()
    assert "--master-port 5999" in command
    assert worker_command(prepare(_plan(tmp_path))) is None


def test_the_place_where_workers_meet_is_chosen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks for it later is told the same; a load without workers needs none."""
    ports = iter((40001, 40002))
    monkeypatch.setattr(run, "free_port", lambda: next(ports))
    here = prepare(_plan(tmp_path, load={"workers": 2}))
    alone = prepare(_plan(tmp_path))

    assert (here.workers, alone.workers) == (Workers(local_count=2, port=40001), ALONE)
    assert here.workers.longest_wait_s > alone.workers.longest_wait_s == 0.0
    assert worker_command(here) is None
    assert next(ports) == 40002


def test_workers_are_here_or_elsewhere(tmp_path: Path) -> None:
    """Both at once is refused before anything starts."""
    with pytest.raises(UsageError, match="workers"):
        prepare(_plan(tmp_path, load={"workers": 2, "expect_workers": 2}))


def test_a_port_that_is_taken_is_no_place_for_workers_to_meet(tmp_path: Path) -> None:
    """Found before anything starts, not by a load that cannot begin."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"free port for load workers to meet at.*127\.0\.0\.1:{port}"):
            prepare(_plan(tmp_path, load={"expect_workers": 2, "master_port": port}))
