"""Tests of ``harness.report.diagnosis``: the suspects in order, safe to show; nothing where nothing was captured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.report.diagnosis import diagnosis_section, with_section
from harness.report.page import Page, Section

_GROWTH = {
    "arenas_gained": 2,
    "groups": [{"group": "heap", "anon_bytes": 3_000_000, "swap_bytes": 0, "mappings_count": 1}],
}
_FOUND: dict[str, Any] = {
    "suspects": [{"sentence": "27.1 MB more in service.dialogues._by_id"}, {"sentence": "<b>\x1b[31m"}],
    "between": {"seconds": 25.0, "queries_count": 1117, "kinds": ["disconnect"]},
    "log_rules": [{"rule": "alarm", "means": "none", "count": 3, "broken": True, "first_lines": ["LEAK"]}],
    "memory_map": {"over_the_run": _GROWTH, "between": None, "trim": {"trimmed": True, "before": 9e6, "after": 8e6}},
    "evidence": {"python objects": {"grown": []}},
    "not_captured": {"node heap": "no inspector"},
}


def _section(folder: Path, content: Any) -> Section:
    (folder / "diagnosis.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return diagnosis_section(folder)


def test_the_suspects_stand_in_their_order_with_the_evidence(tmp_path: Path) -> None:
    """Sentences, mappings, log rules, what was not captured and why."""
    section = _section(tmp_path, _FOUND)

    assert section.points[0] == "27.1 MB more in service.dialogues._by_id"
    assert "\x1b" not in section.points[1]
    assert "1,117 more queries" in section.text[0]
    assert section.tables[0].rows == (("heap", "3.00 MB", "1"),)
    assert section.tables[0].note == (
        "+2 arenas of malloc beside its heap. Asked to, the allocator gave back 1.00 MB: that was reserve, "
        "the rest is held."
    )
    assert section.tables[1].rows == (("alarm", "none", "3", "yes", "LEAK"),)
    assert section.terms == (("node heap", "no inspector"),)


def test_without_suspects_it_says_so(tmp_path: Path) -> None:
    """A clean run that was looked into has nobody to name."""
    section = _section(tmp_path, _FOUND | {"suspects": []})

    assert section.points == ()
    assert section.text[-1] == "Nothing grew enough to be suspected."


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"between": 3}'])
def test_a_file_that_is_none_leaves_the_report_as_it_is(tmp_path: Path, content: str) -> None:
    """The verdict's report does not depend on it."""
    assert _section(tmp_path, content).is_empty


def test_without_a_diagnosis_there_is_no_section(tmp_path: Path) -> None:
    """By default nothing is captured."""
    page = Page("t", "pass", "✓", "h", "w", (), (), (Section("", text=("x",)), Section("Why")), "f")

    assert with_section(page, diagnosis_section(tmp_path)) is page
    titles = [section.title for section in with_section(page, _section(tmp_path, _FOUND)).sections]
    assert titles == ["", "Why", "Suspects"]
