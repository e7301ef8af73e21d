"""The lines in which every command tells a verdict."""

from __future__ import annotations

import io
import json
from pathlib import Path

from harness.cli.outcome import print_outcome


def test_outcome_reasons_notes_failures_and_the_report_that_is_there(tmp_path: Path) -> None:
    """In this order; without a report nothing is said of one."""
    verdict: dict[str, object] = {"outcome": "fail", "reasons": ["it grows"], "notes": ["a torn line"]}
    load = {"started_count": 3, "failed_count": 1, "failures": {"stream_cut": 1}}
    (tmp_path / "events.jsonl").write_text(json.dumps({"t_s": 1.0, "event": "note", "load": load}))
    before, after = io.StringIO(), io.StringIO()

    print_outcome(tmp_path, verdict, before)
    (tmp_path / "report.html").touch()
    print_outcome(tmp_path, verdict, after)

    failed = "failed queries: 1 of 3: stream_cut 1 (docs/load.md says what each means)\n"
    assert before.getvalue() == f"FAIL\n  it grows\n  note: a torn line\n{failed}"
    assert after.getvalue() == before.getvalue() + f"report: {tmp_path / 'report.html'}\n"
