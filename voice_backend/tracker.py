"""Fault 5, the memory tracker: a look at the process every minute that must not itself hold memory.

Before: a sample keeps references to what it counted. It counts every object that the collector knows, and the sample
before it is one of those, so the list of 60 samples holds a chain of all samples ever taken. After: counts only, 30
samples.
"""

import gc
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from voice_backend import log
from voice_backend.faults import Switch
from voice_backend.ledger import Held

PERIOD_S = 60.0
SAMPLES_BEFORE = 60
SAMPLES_AFTER = 30
COUNTED_LIMIT = 65_536
"""Slots of a sample's table, so that every leaking sample has the same, known size."""
LEAK_BYTES_PER_MIN = 50e6
COLLECT_ABOVE_BYTES = 10_000_000_000
"""The incident's fix: collect when external memory passes 10 GB."""


@dataclass(slots=True)
class Sample:
    """One look: when, how much, how many objects; and, before the fix, the objects' types and the sample before it."""

    at_s: float
    rss_bytes: int
    objects_count: int
    counted_types: list[type | None] = field(default_factory=list)
    previous: "Sample | None" = None


class MemoryTracker:
    """Samples the process and warns of growth above 50 MB/min."""

    def __init__(
        self, *, keep_references: Switch, rss_bytes: Callable[[], int], clock: Callable[[], float], time_scale: float
    ) -> None:
        self._keep_references = keep_references
        self._rss_bytes = rss_bytes
        self._clock = clock
        self.period_s = PERIOD_S / time_scale
        self._readings: deque[tuple[float, int]] = deque()
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_BEFORE if keep_references.strength else SAMPLES_AFTER)
        self._newest_leaking: Sample | None = None
        self._held = Held(0, 0)

    def take_sample(self) -> None:
        """Takes one sample and warns when the process grew by more than 50 MB within a minute (or one period)."""
        objects = gc.get_objects()
        sample = Sample(self._clock(), self._rss_bytes(), len(objects))
        if self._keep_references.strikes():
            self._reference(sample, objects)
        del objects
        self._samples.append(sample)
        if sample.rss_bytes > COLLECT_ABOVE_BYTES:
            gc.collect()
        self._warn(sample)

    def held(self) -> Held:
        """What the fault retains: the tables of all samples in the chain, one object a sample."""
        return self._held

    @property
    def samples_count(self) -> int:
        """Samples in the list."""
        return len(self._samples)

    def _reference(self, sample: Sample, objects: list[object]) -> None:
        table: list[type | None] = [None] * COUNTED_LIMIT
        types = [type(counted) for counted in objects[:COUNTED_LIMIT]]
        table[: len(types)] = types
        sample.counted_types = table
        sample.previous = self._newest_leaking
        self._newest_leaking = sample
        self._held = Held(self._held.retained_bytes + sys.getsizeof(table), self._held.retained_objects + 1)

    def _warn(self, sample: Sample) -> None:
        """Against the oldest reading of the last minute, which with faster timers is older than the list of samples."""
        window_s = max(60.0, self.period_s * 1.5)
        self._readings.append((sample.at_s, sample.rss_bytes))
        while sample.at_s - self._readings[0][0] > window_s:
            self._readings.popleft()
        base_s, base_bytes = self._readings[0]
        growth_bytes = sample.rss_bytes - base_bytes
        minutes = (sample.at_s - base_s) / 60
        if minutes > 0 and growth_bytes > LEAK_BYTES_PER_MIN and growth_bytes / minutes > LEAK_BYTES_PER_MIN:
            log.leak_detected(sample.rss_bytes, growth_bytes, growth_bytes / minutes)
