"""A report as data: what stands on it in which order, before it becomes HTML or Markdown.

Every text in here is already in plain words and safe to show (``harness.report.text``), but not yet escaped.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from harness.report.story import Tile


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart under its title; ``svg`` is a file of its own, ``inline`` the same for a page, ``narrow`` for a phone."""

    name: str
    title: str
    svg: str
    inline: Markup
    narrow: Markup | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text; ``outcome_column`` holds an outcome's word, which is coloured."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    outcome_column: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A question of the report with its answer; ``blocks`` are (title, preformatted text), folded away."""

    title: str
    text: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    small: bool = False
    folded: bool = False
    tables: tuple[Table, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    blocks: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.points or self.charts or self.tables or self.terms or self.blocks)


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report; ``outcome`` is the word that colours it."""

    title: str
    outcome: str
    sign: str
    headline: str
    why: str
    facts: tuple[str, ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    footer: str
