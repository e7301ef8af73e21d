"""Counts by second and kind, bounded."""

from __future__ import annotations

import pytest

from harness.model.load import Ending
from locustfiles._tally import (
    IDLE_REQUEST,
    KIND_LIMIT_CHARACTERS,
    KINDS_LIMIT,
    NAMES_LIMIT,
    OTHER,
    UNNAMED,
    Histogram,
    Report,
    Tally,
)
from locustfiles._voice import STOPPED, Query, Turn


def _turn(kind: str = "normal", failure: str | None = None) -> Turn:
    turn = Turn(Query(0, kind, Ending.POLITE, 1, intended_s=10.0), started_s=10.01)
    turn.first_event_s, turn.first_audio_s, turn.ended_s = 10.02, 10.1, 10.5
    turn.chunks_count, turn.posts_count, turn.bytes_in, turn.bytes_out = 4, 1, 1000, 200
    turn.widest_gap_s, turn.failure = 0.05, failure
    return turn


def test_a_histogram_gives_quantiles_to_within_five_percent() -> None:
    """However many times it has counted; none from nothing."""
    histogram = Histogram()
    for value_ms in range(1, 10_001):
        histogram.add(value_ms / 10)

    assert histogram.total == 10_000
    for share in (0.5, 0.95, 0.99):
        quantile_ms = histogram.quantile_ms(share)
        assert quantile_ms is not None
        assert abs(quantile_ms / (share * 1000) - 1) < 0.05
    assert len(histogram.counts) < 100
    assert Histogram().quantile_ms(0.5) is None


def test_times_run_from_when_the_query_was_due() -> None:
    """Not from when it started: no coordinated omission."""
    tally = Tally()
    tally.started("normal", 0.01)
    tally.ended(_turn())

    report = tally.take(11.0)

    bucket = report.buckets["normal"]
    assert (bucket.started_count, bucket.completed_count, bucket.bytes_in, bucket.bytes_out) == (1, 1, 1000, 200)
    assert bucket.total_ms == [500.0]
    assert bucket.first_ms == pytest.approx([100.0])
    assert Histogram(report.lateness).total == Histogram(report.gaps).total == report.posts_count == 1


def test_what_is_in_flight_stands_in_every_report_until_it_ends() -> None:
    """Also in seconds in which nothing starts or ends."""
    tally = Tally()
    tally.started("normal", 0.0)

    assert tally.take(1.0).buckets["normal"].users_count == 1
    second = tally.take(2.0).buckets["normal"]
    assert (second.users_count, second.started_count, second.is_empty) == (1, 0, False)
    tally.ended(_turn(failure="timeout"))
    third = tally.take(3.0)
    assert third.buckets["normal"].users_count == 0
    assert third.failures == {"timeout": 1}
    assert third.buckets["normal"].total_ms == []
    assert tally.take(4.0).buckets == {}


def test_what_the_loads_own_stop_has_cut_is_neither_completed_nor_failed() -> None:
    """It stays among the started ones, and is told beside the failures: no share of failed queries counts it."""
    tally = Tally()
    tally.started("normal", 0.0)
    tally.started("normal", 0.0)
    tally.ended(_turn(failure=STOPPED))
    tally.ended(_turn(failure="drain_timeout"))

    report, later = tally.take(1.0), tally.take(2.0)

    bucket = report.buckets["normal"]
    assert (bucket.started_count, bucket.completed_count, bucket.failed_count) == (2, 0, 1)
    assert (report.failures, report.stopped_count) == ({"drain_timeout": 1}, 1)
    assert (later.buckets, later.stopped_count) == ({}, 0)


def test_a_second_with_bytes_of_a_cut_conversation_only_is_a_row() -> None:
    """What crossed the sockets stands in load.csv, whatever became of it."""
    tally = Tally()
    tally.started("normal", 0.0)
    tally.take(1.0)
    tally.ended(_turn(failure=STOPPED))

    bucket = tally.take(2.0).buckets["normal"]

    assert (bucket.is_empty, bucket.bytes_in) == (False, 1000)


def test_users_of_a_locustfile_are_the_most_that_ran_in_an_interval() -> None:
    """Those who asked and then stopped were there; an interval without requests tells those that are there at its end,
    and makes no row."""
    users = [3]
    tally = Tally()
    tally.watch_users(lambda: users[0])
    tally.request("/", 1.0, 10, None)
    users[0] = 0

    stopping, idle = tally.take(1.0), tally.take(2.0)
    users[0] = 2
    waiting = tally.take(3.0)

    assert (stopping.users_count, idle.users_count, waiting.users_count) == (3, 0, 2)
    assert stopping.buckets["/"].users_count == 0
    assert idle.buckets == waiting.buckets == {}
    assert Tally().take(1.0).users_count is None


def test_names_and_kinds_are_bounded() -> None:
    """A locustfile with ids in its request names cannot make the recorder grow."""
    tally = Tally()
    for number in range(3 * KINDS_LIMIT):
        tally.request(f"/item/{number}", 1.0, 10, f"Error{number}")

    report = tally.take(1.0)
    tally.request("/item/new", 1.0, 10, None)
    tally.request("/item/0", 1.0, 10, None)

    assert set(tally.take(2.0).buckets) == {OTHER, "/item/0"}
    assert len(report.buckets) == KINDS_LIMIT + 1
    assert len(report.failures) == NAMES_LIMIT + 1
    assert report.buckets[OTHER].started_count == 2 * KINDS_LIMIT
    assert sum(report.failures.values()) == 3 * KINDS_LIMIT


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ('GET /a, "b" ü', 'GET /a, "b" ü'),
        ("two\nlines\r\n", "two lines"),
        ("a\u2028b\x00c\ud800", "a b c"),
        (" ", UNNAMED),
        ("idle", IDLE_REQUEST),
        (404, "404"),
        ("x" * 10_000, "x" * KIND_LIMIT_CHARACTERS),
    ],
)
def test_a_request_may_have_any_name(name: object, kind: str) -> None:
    """One that no row could hold, or that would be read as no use at all, is changed as little as possible."""
    tally = Tally()
    tally.request(name, 1.0, 10, None)  # type: ignore[arg-type]  # Locust checks no names

    assert list(tally.take(1.0).buckets) == [kind]


def test_a_report_survives_the_way_to_the_master() -> None:
    """As plain data and back."""
    tally = Tally()
    tally.started("normal", 0.01)
    tally.dropped("disconnect")
    tally.failed_outside("idle_stream_cut")
    report = tally.take(5.0)

    assert Report.from_message(report.to_message()) == report
