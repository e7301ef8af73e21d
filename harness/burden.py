"""What many queries cost, from what one does: the incident's table of one query, a hundred, and a thousand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.compare import Difference
from harness.model import Interval

BURDEN_COUNTS = (1, 100, 1000)
"""One query, a hundred, and the thousand of an hour of heavy use."""


@dataclass(frozen=True, slots=True)
class Burden:
    """What ``queries_count`` queries leave in memory and send to the client, in bytes: extrapolated from one."""

    queries_count: int
    kept_base: Interval
    kept_candidate: Interval
    sent_base: float | None
    sent_candidate: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain data; None for what is not known."""
        return {
            "queries_count": self.queries_count,
            "kept_bytes": {"base": self.kept_base.to_json(), "candidate": self.kept_candidate.to_json()},
            "sent_bytes": {"base": self.sent_base, "candidate": self.sent_candidate},
        }


def burden_of(
    per_query: Difference | None, sent_base: Sequence[float | None], sent_candidate: Sequence[float | None]
) -> tuple[Burden, ...]:
    """One query and more, from what one keeps and what each run of either side sent for one; empty where unknown."""
    if per_query is None:
        return ()
    before, after = _mean(sent_base), _mean(sent_candidate)
    return tuple(
        Burden(
            count,
            per_query.base.scaled(count),
            per_query.candidate.scaled(count),
            None if before is None else before * count,
            None if after is None else after * count,
        )
        for count in BURDEN_COUNTS
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
