"""What happened, by second and kind, until it is reported; nothing here grows with the length of the run."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.model import IDLE_KIND
from locustfiles._voice import STOPPED, Turn

NAMES_LIMIT = 50
"""Failures are counted under at most this many names; what comes after is counted as ``other``."""

KINDS_LIMIT = 100
"""A user's own locustfile may put ids into its request names; beyond this many in a run, the first to come, they are
counted as ``other``: figures per kind are worthless then, and their matrix grows with the square."""

KIND_LIMIT_CHARACTERS = 200
UNNAMED = "unnamed"
IDLE_REQUEST = "idle request"

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")

OTHER = "other"

_RATIO = 1.1


def kind_of_request(name: object) -> str:
    """The kind that a request's name stands for: the name itself wherever it can stand in one row of a table.

    ``idle`` means no queries at all.
    """
    kind = _UNPRINTABLE.sub(" ", str(name)).strip()[:KIND_LIMIT_CHARACTERS]
    return IDLE_REQUEST if kind == IDLE_KIND else kind or UNNAMED


class Kinds:
    """Names of kinds, the first ``KINDS_LIMIT`` of them; all others are ``other``."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self.are_too_many = False

    def bounded(self, kind: str) -> str:
        """``kind`` itself, or ``other``."""
        if kind in self._known:
            return kind
        if len(self._known) < KINDS_LIMIT:
            self._known.add(kind)
            return kind
        self.are_too_many = True
        return OTHER


class Histogram:
    """Times in buckets 10 % wide: quantiles of any number of them in bounded memory, and sums of several."""

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self._counts: Counter[int] = Counter(counts or {})

    def add(self, value_ms: float) -> None:
        """Counts one time; below a microsecond they are all one."""
        self._counts[round(math.log(max(value_ms, 1e-3), _RATIO))] += 1

    def merge(self, counts: dict[int, int]) -> None:
        """Adds what another has counted."""
        self._counts.update(counts)

    @property
    def counts(self) -> dict[int, int]:
        return dict(self._counts)

    @property
    def total(self) -> int:
        return self._counts.total()

    def quantile_ms(self, share: float) -> float | None:
        """The time that ``share`` of all stay under, to within 5 %; None when there are none."""
        left = share * self.total
        for index in sorted(self._counts):
            left -= self._counts[index]
            if left <= 0:
                return float(_RATIO**index)
        return None

    def clear(self) -> None:
        self._counts.clear()


@dataclass(slots=True)
class Bucket:
    """One row of ``load.csv`` in the making; the two lists are the times of completed conversations.

    ``users_count`` are conversations in flight.
    """

    started_count: int = 0
    completed_count: int = 0
    failed_count: int = 0
    dropped_count: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    users_count: int = 0
    first_ms: list[float] = field(default_factory=list)
    total_ms: list[float] = field(default_factory=list)

    def merge(self, other: Bucket) -> None:
        """Adds what another process counted in the same second."""
        self.started_count += other.started_count
        self.completed_count += other.completed_count
        self.failed_count += other.failed_count
        self.dropped_count += other.dropped_count
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.users_count += other.users_count
        self.first_ms += other.first_ms
        self.total_ms += other.total_ms

    @property
    def is_empty(self) -> bool:
        """Whether the second had no traffic of this kind."""
        counts = (self.started_count, self.completed_count, self.failed_count, self.dropped_count, self.users_count)
        return not (any(counts) or self.bytes_in or self.bytes_out)


@dataclass(slots=True)
class Report:
    """What one process says about the interval ended at ``end_s`` (in ``t_s``; whole seconds but for the last).

    ``drained`` is the number of the last phase whose conversations have all ended, ``lateness`` of starts,
    ``posts_count`` how often a query was sent, duplicates and repeated questions included, ``stopped_count`` queries
    that the load's own stop has cut: started, and neither completed nor failed. ``users_count``: the users of a
    locustfile that is not ours, at their most in the interval; None where conversations in flight are counted instead.
    """

    end_s: float
    buckets: dict[str, Bucket] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    stopped_count: int = 0
    users_count: int | None = None
    posts_count: int = 0
    forbidden_count: int = 0
    lateness: dict[int, int] = field(default_factory=dict)
    gaps: dict[int, int] = field(default_factory=dict)
    first_events: dict[int, int] = field(default_factory=dict)
    drained: int = -1
    cpu_percent: float | None = None
    finished: bool = False

    def to_message(self) -> dict[str, Any]:
        """The report as Locust's messages carry it (msgpack: lists, numbers, text)."""
        return asdict(self)

    @classmethod
    def from_message(cls, data: dict[str, Any]) -> Report:
        return cls(**(data | {"buckets": {kind: Bucket(**bucket) for kind, bucket in data["buckets"].items()}}))


class Tally:
    """Counts of one process; ``take`` hands over what has been counted since it was last called."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._kinds = Kinds()
        self._in_flight: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._stopped_count = 0
        self._posts_count = 0
        self._forbidden_count = 0
        self._lateness = Histogram()
        self._gaps = Histogram()
        self._first_events = Histogram()
        self._count_users: Callable[[], int] | None = None
        self._most_users_count: int | None = None

    def watch_users(self, count: Callable[[], int]) -> None:
        """From now on reports say how many users run, which ``count`` tells."""
        self._count_users = count

    def started(self, kind: str, lateness_s: float) -> None:
        self._bucket(kind).started_count += 1
        self._in_flight[kind] += 1
        self._lateness.add(lateness_s * 1e3)

    def dropped(self, kind: str) -> None:
        self._bucket(kind).dropped_count += 1

    def ended(self, turn: Turn) -> None:
        """Counts a conversation that has ended, well or not; times run from when it was due.

        One that the load's own stop has cut has not ended: the target is not to blame for it.
        """
        kind, due_s = turn.query.kind, turn.query.intended_s
        bucket = self._bucket(kind)
        self._in_flight[kind] -= 1
        bucket.bytes_in += turn.bytes_in
        bucket.bytes_out += turn.bytes_out
        self._posts_count += turn.posts_count
        self._forbidden_count += turn.carried_forbidden
        if turn.failure == STOPPED:
            self._stopped_count += 1
            return
        if turn.failure is not None:
            bucket.failed_count += 1
            self._count_failure(turn.failure)
            return
        bucket.completed_count += 1
        bucket.total_ms.append((turn.ended_s - due_s) * 1e3)
        if turn.first_audio_s is not None:
            bucket.first_ms.append((turn.first_audio_s - due_s) * 1e3)
        if turn.first_event_s is not None:
            self._first_events.add((turn.first_event_s - due_s) * 1e3)
        if turn.chunks_count > 1:
            self._gaps.add(turn.widest_gap_s * 1e3)

    def request(self, kind: str, total_ms: float, bytes_in: int, failure: str | None) -> None:
        """Counts a request of a locustfile that is not ours; its start is not announced, so it counts with its end."""
        bucket = self._bucket(kind_of_request(kind))
        bucket.started_count += 1
        bucket.bytes_in += bytes_in
        self._look_at_users()
        if failure is not None:
            bucket.failed_count += 1
            self._count_failure(failure)
            return
        bucket.completed_count += 1
        bucket.total_ms.append(total_ms)

    def failed_outside(self, name: str) -> None:
        """Counts what failed outside any conversation, in the table of failures only."""
        self._count_failure(name)

    def take(self, end_s: float) -> Report:
        """What has been counted since the last call, and how many conversations are in flight now."""
        for kind, users_count in self._in_flight.items():
            if users_count:
                self._bucket(kind).users_count = users_count
        self._look_at_users()
        report = Report(
            end_s=end_s,
            buckets=self._buckets,
            failures=dict(self._failures),
            stopped_count=self._stopped_count,
            users_count=self._most_users_count,
            posts_count=self._posts_count,
            forbidden_count=self._forbidden_count,
            lateness=self._lateness.counts,
            gaps=self._gaps.counts,
            first_events=self._first_events.counts,
        )
        self._buckets = {}
        self._failures.clear()
        self._stopped_count = 0
        self._most_users_count = None
        self._posts_count = 0
        self._forbidden_count = 0
        for histogram in (self._lateness, self._gaps, self._first_events):
            histogram.clear()
        return report

    def _look_at_users(self) -> None:
        """Also whenever a request ends: those who stop within an interval are gone at its end."""
        if self._count_users is not None:
            self._most_users_count = max(self._most_users_count or 0, self._count_users())

    def _bucket(self, kind: str) -> Bucket:
        kind = self._kinds.bounded(kind)
        if kind not in self._buckets:
            self._buckets[kind] = Bucket()
        return self._buckets[kind]

    def _count_failure(self, name: str) -> None:
        self._failures[name if name in self._failures or len(self._failures) < NAMES_LIMIT else OTHER] += 1
