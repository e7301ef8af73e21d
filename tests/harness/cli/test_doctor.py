"""Tests of ``soak doctor``: a table for people, one object for programs, and never a failure."""

from __future__ import annotations

import json

import pytest

from harness.cli.app import run_command_line


def test_the_table_names_what_was_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, whatever was found."""
    code = run_command_line(["doctor"])
    shown = capsys.readouterr().out

    assert code == 0
    assert "ptrace" in shown
    assert "cgroup memory" in shown


def test_json_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """Each check with what, answer, found and fix."""
    code = run_command_line(["doctor", "--json", "--pid", "4194309"])
    checks = json.loads(capsys.readouterr().out)["checks"]

    assert code == 0
    assert {tuple(check) for check in checks} == {("what", "answer", "found", "fix")}
    assert {check["answer"] for check in checks} <= {"yes", "warn", "no"}
    assert [check["answer"] for check in checks if check["what"] == "target"] == ["no"]


def test_a_pid_that_is_no_number_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2."""
    assert run_command_line(["doctor", "--pid", "x"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
