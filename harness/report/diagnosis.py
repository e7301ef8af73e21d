"""The report's section on ``diagnosis.json``: the suspects in order, and what the evidence for them is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.report.page import Page, Section, Table
from harness.report.text import printable
from harness.store.schema import DIAGNOSIS_FILE
from harness.units import format_bytes, format_duration

_MOST_ROWS = 12
_NOTHING = "Nothing grew enough to be suspected."


def diagnosis_section(run_dir: Path) -> Section:
    """The section; an empty one where the run was not looked into, or its file cannot be read."""
    try:
        found = json.loads((run_dir / DIAGNOSIS_FILE).read_text(encoding="utf-8"))
        return _section(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Section("")


def with_section(page: Page, section: Section) -> Page:
    """``page`` with ``section`` after its curve and the reasons, where it is not empty."""
    if section.is_empty:
        return page
    at = next((number + 1 for number, each in enumerate(page.sections) if each.title == "Why"), 1)
    return replace(page, sections=(*page.sections[:at], section, *page.sections[at:]))


def _section(found: Mapping[str, Any]) -> Section:
    between = found["between"]
    sentences = [printable(str(suspect["sentence"]), 600) for suspect in found["suspects"]]
    opening = (
        f"After the verdict was stored, the target was looked into twice, {format_duration(between['seconds'])} apart, "
        f"with {between['queries_count']:,} more queries between the two. It was disturbed by that: nothing after the "
        "run's end is part of the verdict."
    )
    tables = tuple(table for table in (_map_table(found["memory_map"]), _rules_table(found["log_rules"])) if table.rows)
    terms = tuple((printable(name, 60), printable(reason, 400)) for name, reason in found["not_captured"].items())
    evidence = json.dumps(found["evidence"], indent=1, ensure_ascii=False)
    lines = [printable(line, 500) for line in evidence.splitlines()[:2000]]
    return Section(
        "Suspects",
        text=(opening, *([] if sentences else [_NOTHING])),
        points=(*sentences, *(f"Note: {printable(str(remark), 400)}" for remark in found.get("remarks", []))),
        tables=tables,
        terms=terms,
        blocks=(("The evidence", "\n".join(lines)),) if found["evidence"] else (),
    )


def _map_table(memory_map: Mapping[str, Any]) -> Table:
    growth = memory_map["over_the_run"] or memory_map["between"]
    rows = [
        (
            printable(str(row["group"]), 80),
            format_bytes(row["anon_bytes"] + row["swap_bytes"]),
            str(row["mappings_count"]),
        )
        for row in (growth["groups"] if growth else ())
        if row["anon_bytes"] + row["swap_bytes"] or row["mappings_count"]
    ][:_MOST_ROWS]
    note = ""
    if growth:
        note = f"{growth['arenas_gained']:+d} arenas of malloc beside its heap."
    trim = memory_map["trim"]
    if trim:
        given = format_bytes(max(0, trim["before"] - trim["after"]))
        note += f" Asked to, the allocator gave back {given}: that was reserve, the rest is held."
    over_the_run = "held more at the run's last drained moment than at its first"
    what = over_the_run if memory_map["over_the_run"] else "held more at the second look"
    return Table(("mappings", what, "mappings more"), tuple(rows), note=note)


def _rules_table(rules: list[Mapping[str, Any]]) -> Table:
    return Table(
        ("log rule", "means", "lines", "broken", "first line"),
        tuple(
            (
                printable(str(rule["rule"]), 60),
                printable(str(rule["means"]), 120),
                f"{rule['count']:,}",
                "yes" if rule["broken"] else "no",
                printable(str(rule["first_lines"][0]) if rule["first_lines"] else "", 160),
            )
            for rule in rules
        ),
    )
