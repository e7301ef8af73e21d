"""A page's parts know whether they have anything to show."""

from __future__ import annotations

from harness.report.page import Section, Table


def test_a_section_with_a_title_alone_is_empty() -> None:
    """Empty sections are left out of the report, whatever they are called."""

    assert Section("Latencies").is_empty
    assert not Section("Latencies", text=("none",)).is_empty
    assert not Section("Gates", tables=(Table(("a",), ()),)).is_empty
