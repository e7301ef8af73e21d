"""A comparison and a ladder as text: sentences and tables that read the same on a terminal and in a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TextIO

from harness.analysis.compare import Change, Difference
from harness.comparison import Comparison, share
from harness.contributions import Contribution
from harness.model import Interval
from harness.units import format_bytes, format_rate_per_min

Words = Callable[[Interval], str]


def write_comparison(found: Comparison, stream: TextIO) -> None:
    """Summary, reasons, differences by figure and kind, and the table of one, a hundred and a thousand queries."""
    stream.write(f"  {found.summary}\n")
    for reason in found.reasons:
        stream.write(f"  {reason}\n")
    for mismatch in found.mismatches:
        stream.write(f"  compared although {mismatch}\n")
    rows: list[tuple[str, ...]] = [("", "base", "candidate", "difference", "removed")]
    rows += _row("growth", found.growth, rate)
    rows += _row("with time alone", found.time, rate)
    rows += _row("a query, at the mix", found.per_query, size)
    for kind in found.kinds:
        rows += _row(f"a query of kind {kind.kind}", kind.difference, size)
        if kind.reason is not None:
            rows.append((f"a query of kind {kind.kind}", kind.reason, "", "", ""))
    write_table(rows, stream)
    if found.burden:
        stream.write("\n")
        write_table(_burden_rows(found), stream)


def _row(name: str, difference: Difference | None, words: Words) -> list[tuple[str, ...]]:
    if difference is None:
        return []
    figures = [words(interval) for interval in (difference.base, difference.candidate, difference.difference)]
    better = difference.change is Change.BETTER and difference.removed.estimate is not None
    gone = share(difference.removed) if better else ""
    return [(name, *figures, gone)]


def _burden_rows(found: Comparison) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("queries", "", "kept before", "kept after", "sent before", "sent after")]
    groups = [("as mixed", found.burden), *((f"of kind {kind.kind}", kind.burden) for kind in found.kinds)]
    rows += [
        (
            f"{row.queries_count:,}",
            name,
            size(row.kept_base),
            size(row.kept_candidate),
            "" if row.sent_base is None else format_bytes(row.sent_base),
            "" if row.sent_candidate is None else format_bytes(row.sent_candidate),
        )
        for name, burden in groups
        for row in burden
    ]
    return rows


def write_contributions(found: Sequence[Contribution], base: Interval, stream: TextIO) -> None:
    """The ladder: what grows as it is, and what each switch contributes, the largest first."""
    stream.write(f"as it is, the target grows {rate(base)}\n")
    rows: list[tuple[str, ...]] = [("", "switch", "contributes", "share", "")]
    rows += [
        (
            f"{one.rank}.",
            one.name,
            rate(one.growth_per_h),
            share(one.share) if one.share.estimate is not None else "",
            one.says,
        )
        for one in found
    ]
    write_table(rows, stream)


def rate(interval: Interval) -> str:
    """Megabytes a minute with their interval."""
    if interval.estimate is None:
        return "not known"
    if interval.low is None or interval.high is None:
        return format_rate_per_min(interval.estimate)
    low, high = (format_rate_per_min(end).removesuffix(" MB/min") for end in (interval.low, interval.high))
    return f"{format_rate_per_min(interval.estimate)} ({low} to {high})"


def size(interval: Interval) -> str:
    """Bytes with their interval."""
    if interval.estimate is None:
        return "not known"
    if interval.low is None or interval.high is None:
        return format_bytes(interval.estimate)
    return f"{format_bytes(interval.estimate)} ({format_bytes(interval.low)} to {format_bytes(interval.high)})"


def write_table(rows: Sequence[tuple[str, ...]], stream: TextIO) -> None:
    """Columns as wide as their widest cell, the last as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        stream.write(("  " + "  ".join(cells)).rstrip() + "\n")
