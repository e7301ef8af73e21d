"""Pages of experiments: two builds compared, and what each switch of a target contributes.

Takes what ``soak compare`` and ``soak ablate`` have found; the same page, style and safety as a run's report. A
function of the runs compared: rendered again, every file is the same byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.analysis.compare import Difference
from harness.comparison import Comparison
from harness.contributions import Contribution
from harness.errors import StoreError
from harness.model import Interval, Outcome
from harness.report.figures.canvas import Size
from harness.report.figures.curves import Curve
from harness.report.figures.panels import Estimate, Line, draw_estimates, draw_lines
from harness.report.html import html_text
from harness.report.markdown import markdown_text
from harness.report.page import Chart, Page, Section, Table
from harness.report.pictures import drawn_chart
from harness.report.quantity import interval_text, measure, quantity
from harness.report.source import read_facts
from harness.report.story import SIGNS
from harness.report.text import printable, short
from harness.store.reader import read_manifest
from harness.store.whole import write_whole

_HEADLINES = {
    Outcome.PASS: "No regression",
    Outcome.FAIL: "Regression: the candidate grows faster",
    Outcome.INCONCLUSIVE: "Cannot tell: more or longer runs are needed",
    Outcome.INVALID: "Invalid: a run proves nothing",
}
_MOST_CURVES = 6
_CURVES_SIZE = Size(560, 240)
_NARROW_CURVES_SIZE = Size(366, 240)


def write_page(page: Page, path: Path) -> Path:
    """Writes ``path`` (HTML) and the same words beside it as Markdown. Raises StoreError."""
    try:
        write_whole(path.with_suffix(".md"), markdown_text(page, picture=None).encode())
        return write_whole(path, html_text(page).encode())
    except OSError as error:
        raise StoreError(f"expected to write the report to {path}, found: {error.strerror or error}") from error


def comparison_page(found: Comparison) -> Page:
    """Candidate against base: growth, kinds, curves from one level, and what a thousand queries cost."""
    return Page(
        title=f"{_HEADLINES[found.outcome]} · comparison",
        outcome=found.outcome.value,
        sign=SIGNS[found.outcome],
        headline=_HEADLINES[found.outcome],
        why=printable(found.summary, 600),
        facts=(f"base: {_names(found.base)}", f"candidate: {_names(found.candidate)}"),
        tiles=(),
        sections=tuple(section for section in _comparison_sections(found) if not section.is_empty),
        footer="voice-soak · comparison · intervals are two-sided 95 % · MB is 10⁶ bytes",
    )


def _comparison_sections(found: Comparison) -> list[Section]:
    points = [printable(reason) for reason in found.reasons]
    points += [f"compared although {printable(mismatch)}" for mismatch in found.mismatches]
    charts = [_curves_chart(found), _kinds_chart(found)]
    return [
        Section("", charts=tuple(chart for chart in charts if chart is not None), small=True),
        Section("Why", points=tuple(points)),
        Section("Figures", tables=(_figures_table(found),)),
        _burden_section(found),
    ]


def _names(paths: Sequence[Path]) -> str:
    shown = ", ".join(short(path.name, 60) for path in paths[:3])
    return f"{shown} and {len(paths) - 3} more" if len(paths) > 3 else shown


def _figures_table(found: Comparison) -> Table:
    rows = [
        *_row("growth in use", found.growth, "bytes_per_h"),
        *_row("growth with time alone", found.time, "bytes_per_h"),
        *_row("left by a query, at the mix", found.per_query, "bytes"),
    ]
    for kind in found.kinds:
        name = f"left by a {short(kind.kind, 30)} query"
        rows += _row(name, kind.difference, "bytes")
        if kind.difference is None:
            rows.append((name, printable(kind.reason or "not known", 200), "", "", "", ""))
    return Table(("figure", "base", "candidate", "difference", "removed", "candidate is"), tuple(rows))


def _row(name: str, difference: Difference | None, unit: str) -> list[tuple[str, ...]]:
    if difference is None:
        return []
    intervals = (difference.base, difference.candidate, difference.difference)
    removed = interval_text(difference.removed, "ratio") if difference.removed.estimate is not None else ""
    return [(name, *(interval_text(interval, unit) for interval in intervals), removed, difference.change.value)]


def _burden_section(found: Comparison) -> Section:
    """The incident's table: one query, a hundred, a thousand, before and after; at the mix, then for each kind."""
    groups = [("as they were mixed", found.burden), *((kind.kind, kind.burden) for kind in found.kinds)]
    rows = tuple(
        (
            short(name, 30),
            f"{row.queries_count:,}",
            interval_text(row.kept_base, "bytes", level=False),
            interval_text(row.kept_candidate, "bytes", level=False),
            quantity(row.sent_base, "bytes"),
            quantity(row.sent_candidate, "bytes"),
        )
        for name, burden in groups
        for row in burden
    )
    head = ("kind of use", "queries", "kept before", "kept after", "sent before", "sent after")
    note = (
        "Kept: what one query leaves in memory, with its interval (that of the figures above), times their number. "
        "Sent: what clients received for each query started, times their number."
    )
    return Section("What queries cost", tables=(Table(head, rows, note=note),) if rows else ())


def _curves_chart(found: Comparison) -> Chart | None:
    """Every run from its own first level, so that growth can be laid on growth."""
    lines = [
        Line(f"{side} {number}" if len(paths) > 1 else side, curve)
        for side, paths in (("base", found.base), ("candidate", found.candidate))
        for number, path in enumerate(paths[: _MOST_CURVES // 2], 1)
        if (curve := _from_first_level(path)) is not None
    ]
    if not lines:
        return None
    end_s = max(float(line.curve.t_s[-1]) for line in lines)
    title = "Which grows faster, from the same level?"
    return drawn_chart(
        "curves", title, lambda size: draw_lines(lines, "bytes", end_s, size), _CURVES_SIZE, _NARROW_CURVES_SIZE
    )


def _from_first_level(path: Path) -> Curve | None:
    primary = read_manifest(path).primary
    curve = read_facts(path, primary).curves.get(primary) if primary else None
    if curve is None or not len(curve.t_s):
        return None
    settled = curve.t_s >= 0.1 * curve.t_s[-1]
    return Curve(curve.t_s, curve.values - float(np.median(curve.values[settled][: max(1, int(settled.sum()) // 10)])))


def _kinds_chart(found: Comparison) -> Chart | None:
    known = [(kind.kind, kind.difference.difference) for kind in found.kinds if kind.difference is not None]
    return _estimates_chart("kinds", "What does each kind of use leave more or less?", known, "bytes")


def ladder_page(found: Sequence[Contribution], base_growth_per_h: Interval, name: str) -> Page:
    """What each switch contributes to the growth of the base, the largest first."""
    sure = [one for one in found if (one.growth_per_h.low or 0.0) > 0]
    head = f"{short(sure[0].name, 60)} contributes most" if sure else "No switch certainly contributes"
    rows = tuple(
        (
            str(one.rank),
            short(one.name, 60),
            interval_text(one.growth_per_h, "bytes_per_h"),
            interval_text(one.share, "ratio"),
            quantity(one.sent_per_query, "bytes"),
            quantity(one.swing_bytes, "bytes"),
            printable(one.says, 300),
        )
        for one in found
    )
    columns = (
        "",
        "switch",
        "growth less with it",
        "share of the growth",
        "sent less a query",
        "swing less",
        "in words",
    )
    chart = _estimates_chart(
        "ladder",
        "How much less does it grow with each switch?",
        [(o.name, o.growth_per_h) for o in found],
        "bytes_per_h",
    )
    return Page(
        title=f"{head} · ablation",
        outcome=Outcome.PASS.value if sure else Outcome.INCONCLUSIVE.value,
        sign="▼" if sure else SIGNS[Outcome.INCONCLUSIVE],
        headline=head,
        why=f"The base grows by {interval_text(base_growth_per_h, 'bytes_per_h')} in use.",
        facts=(f"ablation {short(name, 80)}", f"{len(found)} switches"),
        tiles=(),
        sections=(
            Section("", charts=(chart,) if chart is not None else (), small=True),
            Section("Every switch", tables=(Table(columns, rows),)),
        ),
        footer="voice-soak · ablation · intervals are two-sided 95 % · MB is 10⁶ bytes",
    )


def _estimates_chart(name: str, title: str, known: Sequence[tuple[str, Interval]], unit: str) -> Chart | None:
    if not known:
        return None
    ends = [end for _, interval in known for end in (interval.estimate, interval.low, interval.high)]
    how = measure(unit, *ends)
    rows = [Estimate(label, interval, interval_text(interval, unit)) for label, interval in known]
    return drawn_chart(
        name,
        title,
        lambda size: draw_estimates(rows, how.unit, how.factor, size),
        Size(560, max(240.0, 62 + 26 * len(rows))),
        Size(366, max(160.0, 62 + 44 * len(rows))),
    )
