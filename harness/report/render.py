"""Writes a run's report: ``charts/``, ``report.html``, ``report.md`` and ``junit.xml``.

A function of the run directory and its assessment: rendered again, every file is the same byte for byte. Each file
appears whole (temporary file, then rename), and charts of an earlier report that no longer exist are removed.
"""

from __future__ import annotations

from pathlib import Path

from harness.assess import Assessment
from harness.errors import StoreError
from harness.report.diagnosis import diagnosis_section, with_section
from harness.report.html import html_text
from harness.report.junit import Suite, junit_text
from harness.report.markdown import markdown_text
from harness.report.pictures import Scene, memory_chart
from harness.report.sections import build_page
from harness.report.source import RunFacts, read_facts
from harness.store.whole import write_whole

HTML_FILE = "report.html"
MARKDOWN_FILE = "report.md"
JUNIT_FILE = "junit.xml"
CHARTS_FOLDER = "charts"


def render(run_dir: Path, assessment: Assessment) -> Path:
    """Writes the report of the run in ``run_dir`` and returns the path of its page.

    Raises RunFormatError where ``run_dir`` is no run, StoreError where it cannot be written to.
    """
    run = read_facts(run_dir, assessment.evidence.primary)
    scene = Scene(run, assessment.verdict, assessment.evidence)
    main = memory_chart(scene)
    page = with_section(build_page(scene, main[0] if main else None), diagnosis_section(run_dir))
    charts = {f"{chart.name}.svg": chart.svg.encode() for section in page.sections for chart in section.charts}
    if main is not None:
        charts["memory.png"] = main[1]
    try:
        _write_charts(run_dir / CHARTS_FOLDER, charts)
        write_whole(run_dir / MARKDOWN_FILE, markdown_text(page).encode())
        write_whole(run_dir / JUNIT_FILE, junit_text(assessment.verdict, _suite(run)).encode())
        return write_whole(run_dir / HTML_FILE, html_text(page).encode())
    except OSError as error:
        raise StoreError(f"expected to write the report into {run_dir}, found: {error.strerror or error}") from error


def _suite(run: RunFacts) -> Suite:
    return Suite(run.run_id, run.scenario, run.started_at, run.end_s)


def _write_charts(folder: Path, charts: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.suffix in (".svg", ".png") and path.name not in charts:
            path.unlink()
    for name, content in charts.items():
        write_whole(folder / name, content)
