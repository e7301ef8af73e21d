"""``soak plan --show`` from the outside."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from harness.cli.app import run_command_line
from harness.cli.plan_show import _MARKS
from harness.model import IDLE_KIND, LoadKind

MIXED = ["plan", "--show", "--scenario", "mixed", "--duration", "130s", "--speedup", "160", "--seed", "9"]


def test_the_timeline_is_the_one_that_a_run_drives(capsys: pytest.CaptureFixture[str]) -> None:
    """Every phase in its place, idle between any two blocks, and all the queries of the rate."""
    assert run_command_line([*MIXED, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    phases = plan["phases"]

    assert phases[0]["phase"] == "warmup"
    assert all(before["end_s"] == after["start_s"] for before, after in pairwise(phases))
    assert phases[-1]["end_s"] == pytest.approx(130.0)
    assert {phase["kind"] for phase in phases[1::2]} == {"idle"}
    assert sum(phase["queries"] for phase in phases) == round(120 * 160 * 130 / 3600)


def test_every_kind_of_use_has_a_mark_of_its_own() -> None:
    """A new kind is asked for here."""
    assert set(_MARKS) == {IDLE_KIND, *LoadKind}
    assert len(set(_MARKS.values())) == len(_MARKS)


def test_how_well_each_kind_will_be_known_stands_below(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything runs."""
    run_command_line([*MIXED, "--json"])
    kinds = json.loads(capsys.readouterr().out)["plan"]["kinds"]
    run_command_line(MIXED)
    text = capsys.readouterr().out

    assert set(kinds) == {"normal", "duplicate", "disconnect"}
    assert all(kind["identifiable"] and kind["standard_error_bytes_per_query"] > 0 for kind in kinds.values())
    assert "standard error of bytes per query" in text
    assert "w warm-up" in text


def test_a_kind_that_the_plan_cannot_tell_apart_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a number that could be believed."""
    config = tmp_path / "soak.toml"
    config.write_text('[run]\nscenario = "mixed"\nduration = "20s"\n[load]\nqueries-per-h = 200\n')
    assert run_command_line(["plan", "--show", "--config", str(config)]) == 0

    assert "not identifiable" in capsys.readouterr().out


def test_a_scenario_without_queries_shows_its_phases_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Idle is a scenario too."""
    assert run_command_line(["plan", "--show", "--scenario", "idle"]) == 0
    out = capsys.readouterr().out

    assert "idle-4" in out
    assert "VIF" not in out


def test_a_plan_without_a_scenario_is_one_line_and_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to show."""
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["plan", "--show"]) == 2
    assert capsys.readouterr().err.startswith("soak: expected a scenario")
