"""``soak list`` shows stored runs in one line each."""

from __future__ import annotations

import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.list import list_runs
from harness.errors import UsageError
from harness.model import ExitCode
from tests.support.stored_runs import FIXED, write_run


def test_runs_have_a_line_with_a_sparkline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scenario, length, curve and where it lies; broken ones with their problem."""
    run = write_run(tmp_path, replace(FIXED, duration_s=90.0))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    code = list_runs(tmp_path)
    second, first = capsys.readouterr().out.splitlines()  # what has no date comes before all dates

    assert code is ExitCode.PASS
    assert "mixed" in first
    assert "1 min 30 s" in first
    assert "▁" in first
    assert first.endswith(str(run))
    assert "(Expecting property name" in second


def test_the_plans_own_folder_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs are looked for where `soak run` puts them, oldest first whatever their names; a run is no folder of runs."""
    later = write_run(tmp_path / "soaks", replace(FIXED, duration_s=9.0)).rename(tmp_path / "soaks" / "a")
    earlier = tmp_path / "soaks" / "b"
    shutil.copytree(later, earlier)
    manifest = json.loads((earlier / "manifest.json").read_text())
    (earlier / "manifest.json").write_text(json.dumps({**manifest, "started_at": "2020-01-01T00:00:00Z"}))
    (tmp_path / "soak.toml").write_text('[run]\nout = "soaks"\n')
    monkeypatch.chdir(tmp_path)
    list_runs()

    assert [line.split()[-1][:7] for line in capsys.readouterr().out.splitlines()] == ["soaks/b", "soaks/a"]
    list_runs(later)
    assert "it is one itself" in capsys.readouterr().out


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs."""
    run = write_run(tmp_path, replace(FIXED, duration_s=9.0))
    list_runs(tmp_path, as_json=True)
    (only,) = json.loads(capsys.readouterr().out)["runs"]

    assert (only["run"], only["outcome"], only["length_s"]) == (str(run), None, 9.0)


def test_nothing_there_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty folder is no mistake; a folder that was named and is missing is one."""
    monkeypatch.chdir(tmp_path)
    list_runs()

    assert "soak run mixed" in capsys.readouterr().out
    with pytest.raises(UsageError, match="expected a folder of stored runs"):
        list_runs(tmp_path / "missing")


def test_a_terminal_without_unicode_gets_plain_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ASCII stream is not a reason to fail."""
    write_run(tmp_path, replace(FIXED, duration_s=9.0))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    list_runs(tmp_path)
    stream.flush()

    assert b"mixed" in stream.buffer.getvalue()
