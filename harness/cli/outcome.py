"""A verdict as every command that judges prints it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from harness.cli.failures import failure_lines
from harness.model import Outcome

if TYPE_CHECKING:
    from harness.verdict import Verdict

_WORDS = {
    Outcome.PASS: "PASS",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "INCONCLUSIVE",
    Outcome.INVALID: "INVALID",
}


def print_outcome(run_dir: Path, verdict: dict[str, object], stream: TextIO) -> None:
    """The outcome, why, what was left out in reading, why queries failed, and where the report lies."""
    stream.write(f"{_WORDS[Outcome(str(verdict['outcome']))]}\n")
    reasons = verdict["reasons"]
    assert isinstance(reasons, list)
    for reason in reasons:
        stream.write(f"  {reason}\n")
    notes = verdict.get("notes", [])
    assert isinstance(notes, list)
    for note in notes:
        stream.write(f"  note: {note}\n")
    for line in failure_lines(run_dir):
        stream.write(f"{line}\n")
    if (report := run_dir / "report.html").is_file():
        stream.write(f"report: {report}\n")


def keep_verdict(run_dir: Path, verdict: Verdict) -> bool:
    """Writes verdict.json; where that cannot be done says so, and the outcome is known all the same."""
    from harness.verdict import write_verdict

    try:
        write_verdict(run_dir, verdict)
    except OSError as error:
        sys.stderr.write(
            f"soak: expected to write the verdict into {run_dir}, found: {error.strerror or error}; make room, "
            f"then `soak analyze {run_dir}`\n"
        )
        return False
    return True
