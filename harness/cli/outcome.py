"""A verdict as every command that judges prints it."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from harness.model import Outcome

_WORDS = {
    Outcome.PASS: "PASS",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "INCONCLUSIVE",
    Outcome.INVALID: "INVALID",
}


def print_outcome(run_dir: Path, verdict: dict[str, object], stream: TextIO) -> None:
    """The outcome, why, what was left out in reading, and where the report lies."""
    stream.write(f"{_WORDS[Outcome(str(verdict['outcome']))]}\n")
    reasons = verdict["reasons"]
    assert isinstance(reasons, list)
    for reason in reasons:
        stream.write(f"  {reason}\n")
    notes = verdict.get("notes", [])
    assert isinstance(notes, list)
    for note in notes:
        stream.write(f"  note: {note}\n")
    if (report := run_dir / "report.html").is_file():
        stream.write(f"report: {report}\n")
