"""A report is a function of the run: complete, safe, and the same on every render."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from harness.assess import assess
from harness.errors import RunFormatError, StoreError
from harness.model import EndReason
from harness.report.render import render
from tests.harness.report.conftest import Assessed
from tests.support.stored_runs import FIXED, LEAKING, Recipe, hostile, write_run


def _files(run_dir: Path) -> dict[str, bytes]:
    derived = [*(run_dir / "charts").iterdir(), *(run_dir / name for name in ("report.html", "report.md", "junit.xml"))]
    return {str(path.relative_to(run_dir)): path.read_bytes() for path in derived}


def test_the_report_is_the_same_byte_for_byte_when_rendered_again(leaking: Assessed, tmp_path: Path) -> None:
    """Delete and render again, or render over it: every file has the same bytes."""
    run_dir = tmp_path / leaking.path.name
    shutil.copytree(leaking.path, run_dir)
    render(run_dir, leaking.assessment)
    first = _files(run_dir)
    shutil.rmtree(run_dir / "charts")
    render(run_dir, assess(run_dir))

    assert _files(run_dir) == first
    assert {"charts/memory.svg", "charts/memory.png", "charts/kinds.svg", "report.html"} <= set(first)


def test_nothing_temporary_stays_and_old_charts_go(leaking: Assessed, tmp_path: Path) -> None:
    """A chart of an earlier report is removed; other people's files stay."""
    run_dir = tmp_path / "run"
    shutil.copytree(leaking.path, run_dir)
    (run_dir / "charts").mkdir()
    (run_dir / "charts" / "metric-old.svg").write_text("old")
    (run_dir / "charts" / "notes.txt").write_text("mine")
    page = render(run_dir, leaking.assessment)

    assert page == run_dir / "report.html"
    assert not (run_dir / "charts" / "metric-old.svg").exists()
    assert (run_dir / "charts" / "notes.txt").exists()
    assert not list(run_dir.rglob(".*"))


def test_hostile_texts_are_shown_and_never_run(tmp_path: Path) -> None:
    """Scripts, escapes and ten thousand characters in names, events and plan stay text in every format."""
    run_dir = write_run(tmp_path, hostile(replace(LEAKING, duration_s=300.0)))
    html = render(run_dir, assess(run_dir)).read_text(encoding="utf-8")
    markdown = (run_dir / "report.md").read_text(encoding="utf-8")
    junit = (run_dir / "junit.xml").read_text(encoding="utf-8")
    everything = html + markdown + junit + "".join(path.read_text() for path in run_dir.glob("charts/*.svg"))

    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert not {"\x1b", "\x00", "\u202e"} & set(everything)
    assert "x" * 2000 not in html.replace("\n", "")
    assert "<script" not in MarkdownIt("commonmark").enable("table").render(markdown)
    ElementTree.fromstring(junit)


@pytest.mark.parametrize(
    "recipe",
    [
        replace(FIXED, duration_s=20.0),
        replace(FIXED, duration_s=2.0),
        replace(FIXED, duration_s=120.0, with_load=False),
        replace(FIXED, duration_s=120.0, end=None),
        replace(FIXED, duration_s=120.0, end=EndReason.TARGET_DIED),
        replace(FIXED, duration_s=120.0, failed_ratio=1.0),
    ],
    ids=["20 s", "2 s", "no load", "cut short", "target died", "everything failed"],
)
def test_poor_runs_have_a_report_too(recipe: Recipe, tmp_path: Path) -> None:
    """Short, loadless, cut and failed runs are reported without a gap or a number that is not known."""
    run_dir = write_run(tmp_path, recipe)
    assessment = assess(run_dir)
    html = render(run_dir, assessment).read_text(encoding="utf-8")

    assert f'<body class="{assessment.verdict.outcome.value}">' in html
    assert "nan" not in html.lower().replace("anan", "")
    assert "None" not in html.replace("None that is certain", "")


def test_a_run_without_samples_is_reported(tmp_path: Path) -> None:
    """Headers only: no curve, and said so."""
    run_dir = write_run(tmp_path, replace(FIXED, duration_s=60.0))
    for path in (run_dir / "samples").iterdir():
        path.write_text(path.read_text().splitlines()[0] + "\n")

    assert "There is no sample of target.anon_bytes" in render(run_dir, assess(run_dir)).read_text(encoding="utf-8")


def test_what_is_no_run_is_refused(leaking: Assessed, tmp_path: Path) -> None:
    """A folder without a manifest is refused with what to do."""
    with pytest.raises(RunFormatError, match=r"manifest\.json"):
        render(tmp_path, leaking.assessment)


def test_a_folder_that_cannot_be_written_is_said_in_one_line(leaking: Assessed, tmp_path: Path) -> None:
    """A report that cannot be written names the folder and the reason."""
    run_dir = tmp_path / "run"
    shutil.copytree(leaking.path, run_dir)
    (run_dir / "charts").write_text("a file where the folder belongs")

    with pytest.raises(StoreError, match="expected to write the report into"):
        render(run_dir, leaking.assessment)
