"""Tests of ``voice_backend.tracker``."""

import gc
import sys

import pytest

from voice_backend.faults import TRACKER_SAMPLE_BYTES, Switch
from voice_backend.tracker import MemoryTracker, Sample


class Process:
    """A clock and a memory that a test moves."""

    now_s = 1_000.0
    rss = 100_000_000

    def clock(self) -> float:
        return self.now_s

    def rss_bytes(self) -> int:
        return self.rss


def make(process: Process, strength: float, time_scale: float = 1.0) -> MemoryTracker:
    return MemoryTracker(
        keep_references=Switch(strength), rss_bytes=process.rss_bytes, clock=process.clock, time_scale=time_scale
    )


def live_samples() -> list[Sample]:
    gc.collect()
    return [tracked for tracked in gc.get_objects() if isinstance(tracked, Sample)]


def test_before_the_fix_every_sample_lives_on_whatever_the_list_forgets() -> None:
    """70 samples: 60 in the list, all 70 alive, each with its table, and the ledger says exactly that."""
    process = Process()
    tracker = make(process, 1.0)
    for _ in range(70):
        tracker.take_sample()
        process.now_s += 60

    samples = live_samples()

    assert tracker.samples_count == 60
    assert len(samples) == 70
    assert tracker.held().retained_objects == 70
    assert tracker.held().retained_bytes == 70 * TRACKER_SAMPLE_BYTES
    assert sum(sys.getsizeof(sample.counted_types) for sample in samples) == 70 * TRACKER_SAMPLE_BYTES


def test_after_the_fix_30_samples_of_counts_are_kept() -> None:
    """Nothing else lives, and the ledger stays at zero."""
    process = Process()
    tracker = make(process, 0.0)
    for _ in range(70):
        tracker.take_sample()
        process.now_s += 60

    samples = live_samples()

    assert tracker.samples_count == len(samples) == 30
    assert all(sample.objects_count > 0 and not sample.counted_types for sample in samples)
    assert tracker.held().retained_bytes == 0


def test_a_leak_is_reported_when_it_passes_50_mb_within_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    """Not at 50 MB/min, but above it, with current, growth and rate."""
    process = Process()
    tracker = make(process, 0.0)
    tracker.take_sample()
    for growth in (50_000_000, 75_500_000):
        process.now_s += 60
        process.rss += growth
        tracker.take_sample()

    assert capsys.readouterr().out.splitlines() == [
        "🚨 [Memory Leak Tracker] MEMORY LEAK DETECTED current: 225.5 MB, growth: 75.5 MB, rate: 75.5 MB/min"
    ]


def test_a_scaled_tracker_does_not_call_a_small_warm_up_a_leak(capsys: pytest.CaptureFixture[str]) -> None:
    """20 MB in one second is a rate of 1,200 MB/min, but not 50 MB of growth."""
    process = Process()
    tracker = make(process, 0.0, time_scale=60)
    tracker.take_sample()
    process.now_s += 1
    process.rss += 20_000_000
    tracker.take_sample()

    assert tracker.period_s == 1.0
    assert capsys.readouterr().out == ""


def test_a_scaled_tracker_sees_a_whole_minute_whatever_its_list_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """At 200 times the speed 30 samples are nine seconds, in which no 50 MB come together at 100 MB/min."""
    process = Process()
    tracker = make(process, 0.0, time_scale=200)
    for _ in range(150):
        tracker.take_sample()
        process.now_s += tracker.period_s
        process.rss += 500_000

    first = capsys.readouterr().out.splitlines()[0]
    assert "MEMORY LEAK DETECTED" in first
    assert first.endswith("rate: 100.0 MB/min")
    assert tracker.samples_count == 30
