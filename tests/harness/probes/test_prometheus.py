"""Series of a Prometheus page."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from harness.errors import ProbeError
from harness.model import Column, ColumnKind, ProcessIdentity, Role, Unit
from harness.probes.base import PartialReading
from harness.probes.prometheus import (
    KNOWN_SERIES,
    PrometheusProbe,
    Selector,
    counters_of,
    fetch_page,
    known_series,
    select,
)
from tests.support.pages import served

PAGE = """\
# HELP heap_bytes Heap, with "quotes"
# TYPE heap_bytes gauge
heap_bytes{space="old",kind="a b"} 1e6
heap_bytes{space="new",kind="a b"} 2.5e5
heap_bytes_limit 7
process_resident_memory_bytes 4096
process_start_time_seconds 1700000000.123
broken_bytes NaN
requests_total 5 1700000000000
"""
COLUMN = Column("heap_bytes", Unit.BYTES, ColumnKind.GAUGE, "")


def probe_of(url: str, **series: str) -> PrometheusProbe:
    return PrometheusProbe("app", Role.TARGET, url, 1.0, (COLUMN,), series)


def total(series: str) -> float | None:
    return select(PAGE.encode(), {"x": Selector.parse(series)}, "page")["x"]


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ("heap_bytes", 1_250_000.0),
        ('heap_bytes{space="old"}', 1e6),
        ('heap_bytes{kind="a b",space="new"}', 2.5e5),
        ('heap_bytes{space="big"}', None),
        ("heap_bytes_limit", 7.0),
        ("requests_total", 5.0),
        ("broken_bytes", None),
        ("absent", None),
    ],
)
def test_matching_series_add_up(series: str, value: float | None) -> None:
    """By all labels that are named; nothing that matches is blank, not zero."""
    assert total(series) == value


def test_the_page_of_the_official_client_is_read() -> None:
    """Counters by the name that they have on the page."""
    registry = CollectorRegistry()
    Gauge("app_memory_bytes", "Memory", ["part"], registry=registry).labels(part='a"b\\c').set(12.5)
    Counter("app_queries", "Queries", registry=registry).inc(3)
    page = generate_latest(registry)

    assert select(page, {"x": Selector.parse("app_queries_total")}, "page") == {"x": 3.0}
    assert select(page, {"x": Selector("app_memory_bytes", {"part": 'a"b\\c'})}, "page") == {"x": 12.5}


@pytest.mark.parametrize("text", ["", "a b", 'heap{space="old"', "heap{space=old}", "a\nb", "{}"])
def test_a_selector_that_is_none_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(ValueError, match="expected a series such as 'metric'"):
        Selector.parse(text)


def test_chosen_series_are_read_and_the_process_is_told_by_its_start() -> None:
    """A restart shows as another start time."""
    with served(PAGE) as page:
        probe = probe_of(page.url, heap_bytes='heap_bytes{space="old"}')
        before = probe.identity()
        reading = dict(probe.read())
        first = probe.identity()
        page.body = PAGE.replace("1700000000.123", "1700000500.5").encode()
        probe.read()
        second = probe.identity()
        probe.close()

    assert reading == {"heap_bytes": 1e6}
    assert (before, first) == (None, ProcessIdentity(0, 1700000000.12))
    assert second == ProcessIdentity(0, 1700000500.5)


def test_a_missing_series_is_named() -> None:
    """The other columns are kept."""
    with served(PAGE) as page:
        probe = probe_of(page.url, heap_bytes="gone_bytes")
        reason = probe.check()
        with pytest.raises(PartialReading):
            probe.read()
        probe.close()

    assert reason == f"expected the series gone_bytes in {page.url}, found none with a number"


def test_a_broken_page_is_a_reason() -> None:
    """A line of a wanted series that cannot be read."""
    with pytest.raises(ProbeError, match="expected Prometheus text from page"):
        select(b'heap_bytes{space="old 5\n', {"x": Selector("heap_bytes", {})}, "page")


def test_known_series_are_found_without_being_named() -> None:
    """What client libraries export by themselves."""
    with served(PAGE) as page:
        found = known_series(fetch_page(page.url), KNOWN_SERIES, page.url)

    assert found == {"rss_bytes": "process_resident_memory_bytes"}


def test_what_only_rises_is_a_counter() -> None:
    """By the page's own words, so that it is not judged as growth."""
    registry = CollectorRegistry()
    Gauge("open_count", "Open", registry=registry)
    Counter("queries", "Queries", registry=registry)
    Histogram("turn_seconds", "Turns", registry=registry)
    series = {
        "open_count": "open_count",
        "queries_count": "queries_total",
        "turns_count": "turn_seconds_count",
        "quick_count": 'turn_seconds_bucket{le="0.1"}',
        "turns_s": "turn_seconds_sum",
        "other_count": "undeclared_total",
    }

    assert counters_of(generate_latest(registry), series) == {"queries_count", "turns_count", "quick_count", "turns_s"}


def test_a_label_may_hold_what_elsewhere_ends_a_line() -> None:
    """Only a newline ends one here."""
    page = 'heap_bytes{part="a\u2028b\x0bc"} 5\r\n'.encode()

    assert select(page, {"x": Selector("heap_bytes", {})}, "page") == {"x": 5.0}


def test_the_parser_sees_the_wanted_metrics_only() -> None:
    """A page may have a hundred thousand others, whose names begin alike and which need not be well formed."""
    page = b'heap_bytes_limit{space="old 7\nheap_bytes 5\n'

    assert select(page, {"x": Selector("heap_bytes", {})}, "page") == {"x": 5.0}
