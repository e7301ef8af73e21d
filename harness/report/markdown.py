"""``report.md``: the report's words, figures and tables for a pull request, a step summary or a mail."""

from __future__ import annotations

import re
from html import escape

from harness.report.page import Page, Section, Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$@])")
_LINK = re.compile(r"\b(www)\.", re.IGNORECASE)
_LINE_START = re.compile(r"^(\s*\d*)([-+.)])(?=[\s-]|$)")


def plain(text: str) -> str:
    """``text`` so that Markdown shows it as it is: no markup, no HTML, no mention of anyone."""
    escaped = _SPECIAL.sub(r"\\\1", escape(text, quote=False))
    return _LINE_START.sub(r"\1\\\2", _LINK.sub(r"\1&#46;", escaped.replace("://", ":&#47;&#47;")))


def markdown_text(page: Page, picture: str | None = "charts/memory.png") -> str:
    """The page as Markdown, without the sections it folds away; ``picture`` is the main chart's file, None where it
    cannot be shown."""
    lines = [f"## {plain(page.sign)} {plain(page.headline)}", "", plain(page.why), ""]
    lines += [" · ".join(plain(fact) for fact in page.facts), ""]
    if page.tiles:
        tiles = tuple((tile.label, tile.value, tile.detail) for tile in page.tiles)
        lines += [*_table(Table(("figure", "value", "interval and limit"), tiles)), ""]
    main = next((chart for section in page.sections for chart in section.charts if chart.name == "memory"), None)
    if main is not None:
        lines += [f"**{plain(main.title)}**", ""]
        if picture is not None:
            lines += [f"![{plain(main.title)}]({picture})", ""]
    for section in page.sections:
        lines += [] if section.folded else _section(section)
    lines += [plain(page.footer), ""]
    return "\n".join(lines)


def _section(section: Section) -> list[str]:
    body: list[str] = []
    for paragraph in section.text:
        body += [plain(paragraph), ""]
    if section.points:
        body += [*(f"- {plain(point)}" for point in section.points), ""]
    for table in section.tables:
        body += [*_table(table), ""]
        if table.note:
            body += [plain(table.note), ""]
    body += [f"- **{plain(term)}**: {plain(meaning)}" for term, meaning in section.terms]
    if section.terms:
        body.append("")
    if not body or not section.title:
        return body
    return [f"### {plain(section.title)}", "", *body]


def _table(table: Table) -> list[str]:
    return [
        "| " + " | ".join(plain(head) for head in table.head) + " |",
        "|" + "---|" * len(table.head),
        *("| " + " | ".join(plain(cell) for cell in row) + " |" for row in table.rows),
    ]
