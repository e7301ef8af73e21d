"""Pages of comparisons and ablations: what changed, with its interval, as safe as a run's report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.compare import Change
from harness.comparison import Comparison, compare_runs, measure
from harness.contributions import Contribution
from harness.errors import StoreError
from harness.model import Interval
from harness.report.experiments import comparison_page, ladder_page, write_page
from harness.report.html import html_text
from harness.report.markdown import markdown_text
from tests.support.stored_runs import FIXED, LEAKING, write_run


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """The leaking build against the fixed one."""
    folder = tmp_path_factory.mktemp("pair")
    sides = [write_run(folder / name, recipe) for name, recipe in (("base", LEAKING), ("candidate", FIXED))]
    return compare_runs([measure(sides[0])], [measure(sides[1])])


def test_a_comparison_shows_curves_kinds_and_figures(found: Comparison) -> None:
    """Both curves from one level, each kind's difference with its interval, and the sentence of the comparison."""
    page = comparison_page(found)
    text = html_text(page)

    assert page.outcome == found.outcome.value
    assert [chart.name for chart in page.sections[0].charts] == ["curves", "kinds"]
    assert found.summary in text.replace("&#39;", "'")
    assert "left by a disconnect query" in text
    assert "<script" not in text


def test_the_incident_s_table_is_there(found: Comparison) -> None:
    """One query, a hundred, a thousand; kept with intervals and sent, before and after, mixed and by kind."""
    section = next(section for section in comparison_page(found).sections if section.title == "What queries cost")
    (table,) = section.tables
    disconnect = [row for row in table.rows if row[0] == "disconnect"]

    assert table.head[1:] == ("queries", "kept before", "kept after", "sent before", "sent after")
    assert [row[1] for row in table.rows[:3]] == ["1", "100", "1,000"]
    assert table.rows[0][0] == "as they were mixed"
    assert [row[1] for row in disconnect] == ["1", "100", "1,000"]
    assert "to" in disconnect[2][2]
    assert disconnect[2][4].endswith("MB")


def test_a_page_is_written_whole_with_its_words_beside_it(found: Comparison, tmp_path: Path) -> None:
    """Or it is said why not."""
    path = write_page(comparison_page(found), tmp_path / "c.html")

    assert sorted(child.name for child in tmp_path.iterdir()) == ["c.html", "c.md"]
    assert path.read_text().startswith("<!doctype html>")
    with pytest.raises(StoreError, match="expected to write the report"):
        write_page(comparison_page(found), tmp_path / "missing" / "c.html")


def test_what_is_not_known_on_one_side_is_said(found: Comparison) -> None:
    """A kind without a difference has its reason instead."""
    kinds = (replace(found.kinds[0], difference=None, reason="no query of kind <x>"),)
    text = html_text(comparison_page(replace(found, kinds=kinds, growth=None, mismatches=("machine differs",))))

    assert "no query of kind &lt;x&gt;" in text
    assert "compared although machine differs" in text


def test_many_runs_a_side_are_named_briefly(found: Comparison) -> None:
    """Three names, and how many more."""
    page = comparison_page(replace(found, base=found.base * 5))

    assert page.facts[0].endswith("and 2 more")
    assert isinstance(found.base[0], Path)


def _switch(name: str, low: float) -> Contribution:
    growth = Interval(low + 6e7, low, low + 1.2e8)
    return Contribution(
        name, 1, growth, Interval(0.5, 0.4, 0.6), Change.BETTER, 307_000.0, None, None, None, f"{name} removes half"
    )


def test_a_ladder_names_the_largest_certain_contribution() -> None:
    """Switches with intervals, in words too."""
    page = ladder_page([_switch("tts_chunk_refs", 1e9), _switch("<tracker>", -6e7)], Interval(3e9, 2e9, 4e9), "run")
    text = html_text(page)

    assert page.headline == "tts_chunk_refs contributes most"
    assert "&lt;tracker&gt; removes half" in text
    assert "50.0 MB/min" in page.why
    assert "tts\\_chunk\\_refs" in markdown_text(page)


def test_a_ladder_without_certainty_says_so() -> None:
    """No switch is blamed on a guess, and none at all is no error."""

    assert ladder_page([_switch("a", -6e7)], Interval(), "run").headline == "No switch certainly contributes"
    assert ladder_page([], Interval(), "run").outcome == "inconclusive"
