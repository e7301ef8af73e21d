"""Tests of ``harness.diagnose.doctor``: every no has its reason and what would change it."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.diagnose import doctor
from harness.diagnose.doctor import Answer, examine
from harness.errors import ProbeError
from harness.probes.engine import ContainerState
from tests.support.target_processes import process, python_process


def _ptrace_scope(proc: Path, scope: str) -> Path:
    path = proc / "sys/kernel/yama/ptrace_scope"
    path.parent.mkdir(parents=True)
    path.write_text(scope + "\n")
    return proc


def test_this_machine_is_looked_at_whole() -> None:
    """Each thing once; what is not as wished says why, and what would change it."""
    findings = examine()

    assert [finding.what for finding in findings] == [
        "memory of own processes",
        "memory of other users' processes",
        "ptrace",
        "cgroup memory",
        "container engine",
        "open files",
        "ports for the load",
        "clock",
        "swap",
        "cores",
        "free memory",
        "Node.js inspector port",
    ]
    assert all(finding.found for finding in findings)
    assert all(finding.fix for finding in findings if finding.answer is not Answer.YES)


def test_a_target_is_looked_at_too() -> None:
    """Its map can be read; its heap is not that of Node.js."""
    with python_process("print('ready'); import sys; sys.stdin.read()") as child:
        by_what = {finding.what: finding for finding in examine(child.pid)}

    assert by_what["target"].answer is Answer.YES
    assert by_what["memory map of the target"].answer is Answer.YES
    assert "no Node.js process" in by_what["heap snapshot of the target"].found


def test_a_target_that_is_not_there_is_a_no() -> None:
    """No check ends in a traceback."""
    by_what = {finding.what: finding for finding in examine(2**22 + 5)}

    assert by_what["target"].answer is Answer.NO
    assert by_what["target"].fix
    assert by_what["memory map of the target"].answer is Answer.NO


@pytest.mark.parametrize(
    ("scope", "root", "answer", "fix"),
    [
        ("0", False, Answer.YES, ""),
        ("1", True, Answer.YES, ""),
        ("1", False, Answer.NO, "sudo sysctl kernel.yama.ptrace_scope=0"),
        ("3", True, Answer.NO, "reboot with kernel.yama.ptrace_scope=0"),
    ],
)
def test_ptrace_scope(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str, root: bool, answer: Answer, fix: str
) -> None:
    """Scope 3 cannot be changed while the machine runs."""
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    finding = doctor.ptrace(_ptrace_scope(tmp_path, scope))

    assert (finding.answer, finding.fix) == (answer, fix)


def test_without_yama_nothing_is_restricted(tmp_path: Path) -> None:
    """The file is not there then."""
    assert doctor.ptrace(tmp_path).answer is Answer.YES


def test_cgroup_versions(tmp_path: Path) -> None:
    """Version 2 with and without the controller, version 1, and none."""
    none = doctor.cgroup(tmp_path)
    (tmp_path / "memory").mkdir()
    first = doctor.cgroup(tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu io\n")
    without = doctor.cgroup(tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu memory io\n")
    second = doctor.cgroup(tmp_path)

    assert [found.answer for found in (none, first, without, second)] == [
        Answer.NO,
        Answer.YES,
        Answer.NO,
        Answer.YES,
    ]
    assert "subtree_control" in without.fix
    assert "version 1" in first.found


@pytest.mark.parametrize(
    ("soft", "hard", "fix"),
    [
        (8192, 8192, ""),
        (1024, 65536, "ulimit -n 8192"),
        (1024, 4096, "echo '* hard nofile 8192' | sudo tee -a /etc/security/limits.conf"),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, ""),
    ],
)
def test_open_files(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, fix: str) -> None:
    """What the user can raise alone, and what root must."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))

    assert doctor.open_files().fix == fix


def test_a_narrow_port_range_is_a_warning(tmp_path: Path) -> None:
    """Connections that linger use it up."""
    path = tmp_path / "sys/net/ipv4/ip_local_port_range"
    path.parent.mkdir(parents=True)
    path.write_text("32768\t33000\n")
    finding = doctor.port_range(tmp_path)

    assert finding.answer is Answer.WARN
    assert finding.found.startswith("only 233")
    assert finding.fix.startswith("sudo sysctl")


def test_too_few_cores_or_too_busy_ones_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load would compete with its target."""
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    one = doctor.cores()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    four = doctor.cores()
    monkeypatch.setattr(os, "getloadavg", lambda: (9.0, 9.0, 9.0))

    assert (one.answer, four.answer, doctor.cores().answer) == (Answer.WARN, Answer.YES, Answer.WARN)


def test_a_check_that_fails_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its error; the others are made."""

    def broken() -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "swap_memory", broken)
    by_what = {finding.what: finding for finding in examine()}

    assert by_what["swap"].answer is Answer.NO
    assert "AccessDenied" in by_what["swap"].found
    assert by_what["cores"].found


def test_an_inspector_that_does_not_answer_is_a_no() -> None:
    """The port is named by the user, so it is asked."""
    by_what = {finding.what: finding for finding in examine(node="127.0.0.1:1")}

    assert by_what["Node.js inspector port"].answer is Answer.NO


class _Engine:
    """Knows one container, ``voice``."""

    def __init__(self, state: ContainerState) -> None:
        self._state = state

    def state(self, container: str) -> ContainerState:
        if container != self._state.name:
            raise ProbeError(f"expected one container {container!r}, found none")
        return self._state

    def now_s(self) -> float:
        return time.time()

    def close(self) -> None:
        pass


def _container_findings(
    monkeypatch: pytest.MonkeyPatch, container: str, *, here: bool, **state: Any
) -> dict[str, doctor.Finding]:
    found = replace(ContainerState("47dc", "voice", running=True, started_at="", pid=os.getpid()), **state)
    monkeypatch.setattr("harness.probes.engine.DockerEngine", lambda: _Engine(found))
    monkeypatch.setattr("harness.probes.container.local_pid", lambda state: state.pid if here else None)
    return {finding.what: finding for finding in examine(container=container)}


def test_a_container_is_looked_at_as_its_main_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its limit, its memory map and its heap."""
    by_what = _container_findings(monkeypatch, "voice", here=True, memory_limit_bytes=512 * 2**20)

    assert by_what["target"].answer is Answer.YES
    assert "container voice, limit 537 MB" in by_what["target"].found
    assert by_what["memory map of the target"].answer is Answer.YES
    assert "heap snapshot of the target" in by_what


def test_a_container_elsewhere_has_statistics_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said beforehand, with where to run instead."""
    by_what = _container_findings(monkeypatch, "voice", here=False)

    assert by_what["target"].answer is Answer.WARN
    assert "no memory map or heap snapshot" in by_what["target"].found
    assert "memory map of the target" not in by_what


@pytest.mark.parametrize(
    ("container", "state", "fix"),
    [
        ("other", {}, "docker ps --all"),
        ("voice", {"running": False, "exit_code": 1, "pid": None}, "docker start voice"),
    ],
)
def test_a_container_that_does_not_run_is_a_no(
    monkeypatch: pytest.MonkeyPatch, container: str, state: dict[str, Any], fix: str
) -> None:
    """With the command that would change it."""
    by_what = _container_findings(monkeypatch, container, here=True, **state)

    assert by_what["target"].answer is Answer.NO
    assert by_what["target"].fix.startswith(fix)


@pytest.mark.parametrize(
    ("flags", "answer"), [((), Answer.NO), (("--inspect-port=127.0.0.1:0",), Answer.YES)], ids=["usual", "any"]
)
def test_a_taken_inspector_port_is_said_beforehand(
    monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], answer: Answer
) -> None:
    """Another Node.js process may hold 9229; one that takes any port is not concerned."""
    monkeypatch.setattr(doctor, "inspector_port_holder", lambda: 4242)
    with process(["node", *flags, "-e", "console.log('up'); setInterval(() => {}, 1000)"]) as child:
        assert child.stdout is not None
        child.stdout.readline()
        finding = doctor.target_heap(child.pid)

    assert finding.answer is answer
    assert ("--inspect-port=127.0.0.1:0" in finding.fix) is (answer is Answer.NO)
