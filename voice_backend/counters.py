"""What the service counts, and the same as Prometheus text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(slots=True)
class Counters:
    """Totals since the start of the process."""

    queries: int = 0
    duplicates_rejected: int = 0
    tts_calls: int = 0
    tts_errors: int = 0
    tts_bytes: int = 0
    readers_cut: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class Gauges:
    """Amounts at this moment."""

    active_dialogues: int
    buffered_messages: int
    buffered_bytes: int


_COUNTERS = (
    ("queries", "Queries processed."),
    ("duplicates_rejected", "Duplicate queries answered without work."),
    ("tts_calls", "Calls to the speech upstream."),
    ("tts_errors", "Calls to the speech upstream that failed."),
    ("tts_bytes", "Bytes of audio from the speech upstream."),
    ("readers_cut", "Clients cut because they stopped reading."),
    ("bytes_in", "Bytes of request bodies received."),
    ("bytes_out", "Bytes of answers and events sent."),
)
_GAUGES = (
    ("active_dialogues", "Dialogues in the map."),
    ("buffered_messages", "Events buffered in dialogues."),
    ("buffered_bytes", "Bytes of events buffered in dialogues."),
)


class _VoiceCollector(Collector):
    def __init__(self, counters: Counters, gauges: Callable[[], Gauges]) -> None:
        self._counters = counters
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        return self._collect()

    def _collect(self) -> Iterator[Metric]:
        for name, meaning in _COUNTERS:
            yield CounterMetricFamily(f"voice_backend_{name}", meaning, value=getattr(self._counters, name))
        now = self._gauges()
        for name, meaning in _GAUGES:
            yield GaugeMetricFamily(f"voice_backend_{name}", meaning, value=getattr(now, name))


class PrometheusText:
    """The text of ``GET /metrics``: the service's own figures, process memory and garbage collections."""

    def __init__(self, counters: Counters, gauges: Callable[[], Gauges]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_VoiceCollector(counters, gauges))
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def render(self) -> bytes:
        """The exposition text, UTF-8."""
        return generate_latest(self._registry)
