"""The ledger's truth by kind of use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.ledger_truth import ledger_truth
from harness.model import Column, ColumnKind, Event, Role, Unit
from harness.store.reader import LoadSeries, ProbeSeries, StoredRun
from harness.store.schema import Manifest, ProbeInfo

NAMES = ("tts_chunk_refs_bytes", "dialogue_state_bytes", "memory_tracker_bytes")


def stored(with_ledger: bool = True) -> StoredRun:
    """Ten seconds: 4 normal queries of 100 bytes until 4 s, 2 disconnects of 1,000 until 8 s, 5 bytes/s with time."""
    t_s = np.arange(0.0, 10.5, 0.5)
    chunks = np.clip((t_s - 2) / 2, 0, 1) * 400 + np.clip((t_s - 6) / 2, 0, 1) * 2000
    columns = tuple(Column(name, Unit.BYTES, ColumnKind.GAUGE, "") for name in NAMES)
    info = ProbeInfo("ledger", Role.TARGET, 0.5, None, columns)
    values = dict(zip(NAMES, (chunks, np.zeros_like(t_s), 5 * t_s), strict=True))
    ledger = ProbeSeries(info, t_s, values, np.zeros_like(t_s))
    load = LoadSeries(
        np.array([3.0, 4.0, 7.0]),
        ("disconnect", "normal"),
        np.array([1, 1, 0]),
        {"completed_count": np.array([1.0, 3.0, 2.0])},
    )
    events = tuple(
        Event(at, "phase_start", {"phase": phase, "kind": kind, "cycle": 1})
        for at, phase, kind in (
            (0.0, "warmup", "mixed"),
            (2.0, "normal-1", "normal"),
            (4.0, "idle-1", "idle"),
            (6.0, "disconnect-1", "disconnect"),
        )
    )
    manifest = Manifest("2026-11-22T00:00:00+00:00", "mixed", "target.anon_bytes", (info,))
    return StoredRun(Path(), manifest, {"ledger": ledger} if with_ledger else {}, load, events, None, ())


def test_each_block_is_divided_by_its_completed_queries() -> None:
    """The idle time after a block belongs to it; time's own part does not."""
    truth = ledger_truth(stored())

    assert truth is not None
    assert truth.bytes_per_query == pytest.approx({"normal": 100.0, "disconnect": 1000.0})
    assert truth.time_bytes_per_h == pytest.approx(5 * 3600)


def test_without_the_ledger_there_is_no_truth() -> None:
    """Any other target."""
    assert ledger_truth(stored(with_ledger=False)) is None
