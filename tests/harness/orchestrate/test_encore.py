"""Tests of ``harness.orchestrate.encore``: more of the same load, and nothing left running."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TargetError
from harness.model import IDLE_KIND, LOAD_COLUMNS
from harness.model.load import Backend, LoadPlan, Phase
from harness.orchestrate import encore
from harness.orchestrate.encore import Encore, encore_plan
from harness.orchestrate.interrupts import Interrupted, Interrupts
from harness.orchestrate.load import LoadProcess, Workers
from harness.orchestrate.services import Services

PHASES = (
    Phase("normal-1", "normal", 1, 0.0, 10.0, 100, ("normal",)),
    Phase("idle-1", IDLE_KIND, 1, 10.0, 20.0),
    Phase("disconnect-1", "disconnect", 1, 20.0, 30.0, 300, ("disconnect",)),
)
LOAD = LoadPlan("mixed", 1, 1.0, PHASES, Backend("http://127.0.0.1:1"), web=True)


def _encore(services: Services, interrupts: Interrupts, workers: Workers | None = None) -> Encore:
    return Encore(services, interrupts, LOAD, workers or Workers())


def _plays(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """The load's process is ``script`` instead of Locust."""

    def process(plan: LoadPlan, folder: Path, started_s: float, events_fd: int, **more: Any) -> LoadProcess:
        return LoadProcess(("sh", "-c", script.replace("FOLDER", str(folder))), {}, (events_fd,))

    monkeypatch.setattr(encore, "load_process", process)


def test_the_plan_has_a_phase_a_kind_at_the_mean_rate_and_an_idle_end() -> None:
    """400 queries in 20 loaded seconds are 20 a second; no page is opened again."""
    plan = encore_plan(LOAD, ("disconnect", "normal"), 10.0)

    assert [(phase.kind, phase.length_s, phase.queries_count) for phase in plan.phases] == [
        ("disconnect", 5.0, 100),
        ("normal", 5.0, 100),
        (IDLE_KIND, 2.0, 0),
    ]
    assert not plan.web


def test_the_load_is_played_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its own load.csv, beside that of the run."""
    rows = f"{','.join(LOAD_COLUMNS)}\n1.000,normal,9,7,2,0,1,10,10,,,,,\n"
    (tmp_path / "rows").write_text(rows)
    _plays(monkeypatch, f"cp {tmp_path}/rows FOLDER/load.csv")
    with Interrupts() as interrupts, Services(tmp_path) as services:
        assert _encore(services, interrupts).drive(("normal",), 1.0, tmp_path / "load") == 9


def test_a_load_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the end of its log."""
    _plays(monkeypatch, "echo no such scenario; exit 3")
    with (
        Interrupts() as interrupts,
        Services(tmp_path) as services,
        pytest.raises(TargetError, match="code 3: no such scenario"),
    ):
        _encore(services, interrupts).drive(("normal",), 1.0, tmp_path / "load")


def test_a_load_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The diagnosis has its own bounds."""
    _plays(monkeypatch, "sleep 60")
    monkeypatch.setattr(encore, "START_GRACE_S", -100.0)
    with Interrupts() as interrupts, Services(tmp_path) as services, pytest.raises(TargetError, match="not ended"):
        _encore(services, interrupts).drive(("normal",), 1.0, tmp_path / "load")


def test_the_users_end_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load's process too."""
    _plays(monkeypatch, "sleep 60")
    with Interrupts() as interrupts, Services(tmp_path) as services:
        timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
        timer.start()
        with pytest.raises(Interrupted):
            _encore(services, interrupts).drive(("normal",), 1.0, tmp_path / "load")
        timer.join()


def test_without_kinds_or_with_workers_elsewhere_it_only_waits(tmp_path: Path) -> None:
    """Nothing is started."""
    with Interrupts() as interrupts, Services(tmp_path) as services:
        assert _encore(services, interrupts).drive((), 0.01, tmp_path / "load") == 0
        elsewhere = _encore(services, interrupts, Workers(expected_count=2))
        assert elsewhere.drive(("normal",), 0.01, tmp_path / "load") == 0

    assert not (tmp_path / "load").exists()
