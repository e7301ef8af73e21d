"""The lines in which every command tells a verdict."""

from __future__ import annotations

import io
from pathlib import Path

from harness.cli.outcome import print_outcome


def test_outcome_reasons_notes_and_the_report_that_is_there(tmp_path: Path) -> None:
    """In this order; without a report nothing is said of one."""
    verdict: dict[str, object] = {"outcome": "fail", "reasons": ["it grows"], "notes": ["a torn line"]}
    before, after = io.StringIO(), io.StringIO()

    print_outcome(tmp_path, verdict, before)
    (tmp_path / "report.html").touch()
    print_outcome(tmp_path, verdict, after)

    assert before.getvalue() == "FAIL\n  it grows\n  note: a torn line\n"
    assert after.getvalue() == before.getvalue() + f"report: {tmp_path / 'report.html'}\n"
