"""The sample runs are golden: judged and rendered again, every file of the report is the same byte for byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.gate.judge import judge_run
from harness.report.render import render

SAMPLE = Path(__file__).parents[2] / "reports" / "sample"
DERIVED = ("report.html", "report.md", "junit.xml", "charts")
"""verdict.json has every digit, of which the last depends on the processor; a report prints three."""
HINT = "where the change is meant: soak analyze RUN; soak report RUN for both of reports/sample, look, and commit them"


def _derived(run: Path) -> dict[str, bytes]:
    files = [path for name in DERIVED for path in ([run / name] if (run / name).is_file() else (run / name).iterdir())]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", ["leaking", "fixed"])
def test_a_sample_renders_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    """Page, Markdown, JUnit and every chart, from nothing but what was recorded."""
    run = tmp_path / name
    shutil.copytree(SAMPLE / name, run)
    for derived in DERIVED:
        shutil.rmtree(run / derived, ignore_errors=True)
        (run / derived).unlink(missing_ok=True)
    (run / "verdict.json").unlink()
    render(run, judge_run(run))
    was, now = _derived(SAMPLE / name), _derived(run)

    assert sorted(now) == sorted(was)
    assert [name for name in was if was[name] != now[name]] == [], HINT


@pytest.mark.parametrize(
    ("name", "outcome", "headline"), [("leaking", "fail", "Fail: do not ship"), ("fixed", "pass", "Pass: this build")]
)
def test_the_first_screen_says_what_the_figures_say(name: str, outcome: str, headline: str) -> None:
    """Headline and sentence of the page agree with verdict.json."""
    verdict = json.loads((SAMPLE / name / "verdict.json").read_text(encoding="utf-8"))
    html = (SAMPLE / name / "report.html").read_text(encoding="utf-8")
    growth = verdict["memory"]["growth_bytes_per_h"]["estimate"] / 60e6

    assert verdict["outcome"] == outcome
    assert f"<h1>{headline}" in html
    shown = html.split('<p class="why">')[1].split("</p>")[0]
    assert f"{growth:.0f} MB/min" in shown or f"{growth:.2f} MB/min" in shown


@pytest.mark.parametrize("name", ["leaking", "fixed"])
def test_the_pictures_of_the_readme_are_those_of_the_samples(name: str) -> None:
    """What README says below them is about these very charts."""
    shown = SAMPLE.parents[1] / "docs" / "img" / f"{name}.png"

    assert shown.read_bytes() == (SAMPLE / name / "charts" / "memory.png").read_bytes()
