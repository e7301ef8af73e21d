"""The incident's table is one query's figures times their number."""

from __future__ import annotations

from harness.analysis.compare import compare
from harness.burden import BURDEN_COUNTS, burden_of
from harness.model import Interval


def test_kept_and_sent_are_scaled_with_their_intervals() -> None:
    """What a side's runs sent for one query is averaged; what no run knows stays unknown."""
    difference = compare([Interval(614e3, 600e3, 628e3)], [Interval(200.0, 100.0, 300.0)], 4096.0)
    rows = burden_of(difference, [800e3, None, 828e3], [None])

    assert difference is not None
    assert tuple(row.queries_count for row in rows) == BURDEN_COUNTS == (1, 100, 1000)
    assert rows[2].kept_base == difference.base.scaled(1000)
    assert (rows[1].sent_base, rows[1].sent_candidate) == (81.4e6, None)
    assert rows[0].to_json()["sent_bytes"] == {"base": 814e3, "candidate": None}


def test_nothing_known_is_no_table() -> None:
    """Without bytes per query there is nothing to multiply."""

    assert burden_of(None, [1.0], [1.0]) == ()
