"""``soak demo``: 0 only where the leaking build failed and the fixed one passed, beside the ledger's truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import harness.cli.demo as demo
from harness.cli.app import run_command_line
from harness.ledger_truth import Truth
from harness.model import EndReason, ExitCode
from harness.plan.document import Plan

_INTERVAL = {"estimate": 3e9, "low": 2e9, "high": 4e9, "confidence": 0.95}


def _verdict(outcome: str) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "memory": {"shape": "linear", "growth_bytes_per_h": _INTERVAL},
        "kinds": {"normal": {"bytes_per_query": _INTERVAL}, "idle": {"bytes_per_h": None}},
    }


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((ExitCode.FAIL, ExitCode.PASS), ExitCode.PASS),
        ((ExitCode.FAIL, ExitCode.FAIL), ExitCode.FAIL),
        ((ExitCode.PASS, ExitCode.PASS), ExitCode.FAIL),
        ((ExitCode.FAIL, ExitCode.INVALID), ExitCode.FAIL),
    ],
)
def test_both_must_be_judged_right(
    codes: tuple[ExitCode, ExitCode],
    expected: ExitCode,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One JSON object with both runs, and a table with the truth on the other stream."""
    by_preset = dict(zip(demo.PRESETS, codes, strict=True))

    def carried_out(preset: str, plan: Plan, quiet: bool) -> demo.DemoRun:
        truth = Truth({"normal": 51_000.0}, 0.0)
        outcome = "fail" if by_preset[preset] is ExitCode.FAIL else "pass"
        return demo.DemoRun(
            preset, Path("runs") / preset, EndReason.COMPLETED, by_preset[preset], _verdict(outcome), truth
        )

    monkeypatch.setattr(demo, "_carry_out", carried_out)
    code = run_command_line(["demo", "--json", "--quiet"])
    captured = capsys.readouterr()

    assert code == expected
    assert set(json.loads(captured.out)) == set(demo.PRESETS)
    assert "51.0 kB" in captured.err


def test_an_interrupted_demo_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The second run is not made."""
    made = []

    def carried_out(preset: str, plan: Plan, quiet: bool) -> demo.DemoRun:
        made.append(preset)
        return demo.DemoRun(preset, Path(), EndReason.INTERRUPTED, ExitCode.INCONCLUSIVE, _verdict("pass"), None)

    monkeypatch.setattr(demo, "_carry_out", carried_out)

    assert run_command_line(["demo", "--quiet"]) == ExitCode.INTERRUPTED
    assert made == ["before"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--seed", "abc"], "run.seed: expected a valid integer, found 'abc'"),
        (["--seed", "-1"], "run.seed: expected"),
        (["--out", "/proc/nowhere"], "expected a folder to store runs in at --out /proc/nowhere"),
    ],
)
def test_wrong_input_is_one_line_before_anything_is_started(
    words: list[str], found: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, as `soak run` has it."""
    started: list[str] = []
    monkeypatch.setattr(demo, "_carry_out", lambda preset, *_: started.append(preset))

    assert run_command_line(["demo", *words]) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert (started, captured.out, captured.err.count("\n")) == ([], "", 1)
    assert found in captured.err
