"""Children: started, logged, stopped with all of their process group."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import psutil
import pytest

from harness.errors import TargetError
from harness.orchestrate import services as services_module
from harness.orchestrate.services import Service, Services


def started(services: Services, code: str, name: str = "child") -> Service:
    return services.start(name, [sys.executable, "-c", code], os.environ)


def await_line(service: Service, line: str) -> None:
    """Returns when the log holds ``line``; the test's time-out is the limit."""
    while line not in service.last_lines(10):
        select.select([service.pidfd], [], [], 0.02)


def test_output_goes_to_the_log_also_after_the_log_has_moved(tmp_path: Path) -> None:
    """The run's folder exists only once the services are ready, so their logs move into it."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with Services(first) as services:
        child = started(services, "import time; print('one', flush=True); time.sleep(60)")
        await_line(child, "one")

        services.move_logs(second)

        assert (second / "child.log").read_text() == "one\n"
        assert child.last_lines() == "one"


def test_a_log_cannot_steer_the_terminal_that_it_is_shown_on(tmp_path: Path) -> None:
    """Colours and moves of the cursor are left out; what was written stays."""
    with Services(tmp_path) as services:
        child = started(services, r"print('\x1b[31mred\x1b[0m \x07é', flush=True); import time; time.sleep(60)")
        await_line(child, "[31mred[0m é")

        assert child.last_lines() == "[31mred[0m é"


def test_a_child_that_ignores_the_polite_signal_is_ended_with_its_grandchildren(tmp_path: Path) -> None:
    """The whole process group goes."""
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('pid', inner.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with Services(tmp_path) as services:
        child = started(services, code)
        await_line(child, "pid")
        grandchild = psutil.Process(int(child.last_lines().split()[1]))

        services.stop(grace_s=0.2)

        assert child.exit_code() == -9
        grandchild.wait(timeout=5)
        assert not grandchild.is_running()


def test_a_program_that_does_not_exist_is_one_error(tmp_path: Path) -> None:
    """It names the service and the program."""
    with Services(tmp_path) as services, pytest.raises(TargetError, match="start target with '/no/such'"):
        services.start("target", ["/no/such"], os.environ)


def test_a_log_over_its_limit_is_moved_aside_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No service fills the disk."""
    monkeypatch.setattr(services_module, "LOG_LIMIT_BYTES", 10)
    code = "import sys\nfor line in ('a' * 20, 'b'):\n    print(line, flush=True)\n    sys.stdin.readline()\n"
    with Services(tmp_path) as services:
        child = services.start("chatty", [sys.executable, "-c", code], os.environ, stdin=-1)
        assert child.process.stdin is not None
        await_line(child, "a" * 20)

        services.rotate_logs()
        child.process.stdin.write(b"\n")
        child.process.stdin.flush()
        await_line(child, "b")
        child.process.stdin.close()

    assert (tmp_path / "chatty.log.1").read_text() == "a" * 20 + "\n"
    assert (tmp_path / "chatty.log").read_text() == "b\n"
