"""Chosen series of a Prometheus ``/metrics`` page."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import ProbeError
from harness.model import Column, ProcessIdentity, Role
from harness.probes.base import PartialReading, Reading
from harness.probes.http_page import HttpPage, timeout_s_for

_START_METRIC = "process_start_time_seconds"
KNOWN_SERIES = {
    "rss_bytes": "process_resident_memory_bytes",
    "heap_used_bytes": "nodejs_heap_size_used_bytes",
    "heap_total_bytes": "nodejs_heap_size_total_bytes",
    "external_bytes": "nodejs_external_memory_bytes",
    "go_heap_inuse_bytes": "go_memstats_heap_inuse_bytes",
    "go_stack_inuse_bytes": "go_memstats_stack_inuse_bytes",
    "goroutines_count": "go_goroutines",
    "jvm_heap_bytes": 'jvm_memory_used_bytes{area="heap"}',
    "jvm_nonheap_bytes": 'jvm_memory_used_bytes{area="nonheap"}',
    "fds_count": "process_open_fds",
    "cpu_s": "process_cpu_seconds_total",
}
"""What the client libraries of Python, Node.js, Go and Java export by themselves: read where the user names nothing."""
_TYPE_LINE = re.compile(rb"^[ \t]*#[ \t]+TYPE[ \t]+(\S+)[ \t]+(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric's name and the labels that a series must have; series with further labels match too."""

    metric: str
    labels: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Selector:
        """From ``metric`` or ``metric{label="value"}``. Raises ValueError."""
        from prometheus_client.parser import text_string_to_metric_families

        try:
            samples = [sample for family in text_string_to_metric_families(f"{text} 0\n") for sample in family.samples]
        except (ValueError, IndexError, KeyError):
            samples = []
        if len(samples) != 1:
            raise ValueError(f"expected a series such as 'metric' or 'metric{{label=\"value\"}}', found {text!r}")
        return cls(samples[0].name, dict(samples[0].labels))


class PrometheusProbe:
    """Reads ``url``; ``series`` has a selector for every column's name, and what matches one adds up."""

    waits = True

    def __init__(
        self, name: str, role: Role, url: str, period_s: float, columns: tuple[Column, ...], series: Mapping[str, str]
    ) -> None:
        """Raises ValueError for a selector that is none."""
        self.name = name
        self.role = role
        self.period_s = period_s
        self.columns = columns
        self._series = dict(series)
        self._selectors = {column: Selector.parse(text) for column, text in series.items()}
        self._page = HttpPage(url, timeout_s_for(period_s))
        self._start_time_s: float | None = None

    def check(self) -> str | None:
        try:
            self.read()
        except ProbeError as error:
            return str(error)
        return None

    def identity(self) -> ProcessIdentity | None:
        """By the start time that most client libraries export; the pid (0) is not among it."""
        return None if self._start_time_s is None else ProcessIdentity(0, self._start_time_s)

    def read(self) -> Reading:
        selectors = {**self._selectors, _START_METRIC: Selector(_START_METRIC, {})}
        values = select(self._page.fetch(), selectors, self._page.shown_url)
        start_time_s = values.pop(_START_METRIC)
        if start_time_s is not None:
            self._start_time_s = round(start_time_s, 2)
        missing = [self._series[name] for name, value in values.items() if value is None]
        if missing:
            reason = f"expected the series {', '.join(missing)} in {self._page.shown_url}, found none with a number"
            raise PartialReading(reason, values)
        return values

    def close(self) -> None:
        self._page.close()


def select(page: bytes, selectors: Mapping[str, Selector], url: str) -> dict[str, float | None]:
    """The sum of what each selector matches, None where nothing does. Raises ProbeError for another kind of page."""
    from prometheus_client.parser import text_string_to_metric_families

    lines = _lines_of(page, {selector.metric for selector in selectors.values()})
    sums: dict[str, float | None] = dict.fromkeys(selectors)
    try:
        samples = [sample for family in text_string_to_metric_families(lines) for sample in family.samples]
    except (ValueError, IndexError, KeyError) as error:
        raise ProbeError(f"expected Prometheus text from {url}, found: {error}") from error
    for column, selector in selectors.items():
        matching = [
            sample.value
            for sample in samples
            if sample.name == selector.metric and selector.labels.items() <= sample.labels.items()
        ]
        if matching and math.isfinite(total := sum(matching)):
            sums[column] = total
    return sums


def _lines_of(page: bytes, metrics: Iterable[str]) -> str:
    """The lines of ``metrics`` alone: the parser costs 10 µs a line, and a page may have a hundred thousand.

    Lines end at a newline and nowhere else: a label may hold any other character.
    """
    names = b"|".join(re.escape(metric.encode()) for metric in sorted(metrics))
    lines = re.findall(rb"^[ \t]*((?:%b)[{ \t][^\n]*)" % names, page, re.MULTILINE)
    return b"".join(line.rstrip(b"\r") + b"\n" for line in lines).decode("utf-8", "replace")


def counters_of(page: bytes, series: Mapping[str, str]) -> frozenset[str]:
    """The columns of ``series`` that ``page`` declares to be counters, or parts of a histogram or a summary."""
    kinds = {name.decode("utf-8", "replace"): kind for name, kind in _TYPE_LINE.findall(page)}
    return frozenset(column for column, text in series.items() if _only_rises(Selector.parse(text).metric, kinds))


def _only_rises(metric: str, kinds: Mapping[str, bytes]) -> bool:
    if metric in kinds:
        return kinds[metric] == b"counter"
    family, _, part = metric.rpartition("_")
    declared = kinds.get(family, b"")
    return (part == "total" and declared == b"counter") or (
        part in ("bucket", "count", "sum") and declared in (b"histogram", b"summary")
    )


def fetch_page(url: str) -> bytes:
    """The page at ``url``, once. Raises ProbeError."""
    page = HttpPage(url, timeout_s_for(1.0))
    try:
        return page.fetch()
    finally:
        page.close()


def known_series(page: bytes, series: Mapping[str, str], url: str) -> dict[str, str]:
    """Those of ``series`` that ``page`` has. Raises ProbeError."""
    found = select(page, {name: Selector.parse(text) for name, text in series.items()}, url)
    return {name: series[name] for name in _with_value(found)}


def _with_value(values: Mapping[str, float | None]) -> Iterable[str]:
    return [name for name, value in values.items() if value is not None]
