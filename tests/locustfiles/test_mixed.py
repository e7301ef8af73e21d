"""Cycles of kinds with drains and true idle between them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.model import LoadKind
from harness.model.load import Backend
from tests.support.load_runs import Reference, play, short_plan
from tests.support.talk_backend import talking
from tests.support.tls_front import tls_front

pytestmark = pytest.mark.slow

KINDS = (LoadKind.NORMAL, LoadKind.DUPLICATE, LoadKind.DISCONNECT)


def test_phases_drains_and_idle_come_in_order_and_rows_stay_inside_them(tmp_path: Path, fixed: Reference) -> None:
    """Each phase of load ends in a drain, after which nothing is in flight until the next phase begins."""
    played = play(short_plan(Backend(fixed.backend_url), KINDS, 15), tmp_path)

    steps = [(event["event"], event.get("kind")) for event in played.events if event["event"] != "note"]
    assert steps == [
        step
        for kind in KINDS
        for step in (
            ("phase_start", kind),
            ("phase_end", kind),
            ("drain_start", None),
            ("drain_end", None),
            ("phase_start", "idle"),
            ("phase_end", "idle"),
        )
    ]
    times = [event["t_s"] for event in played.events]
    assert times == sorted(times)
    row_times = [float(row["t_s"]) for row in played.rows]
    assert row_times == sorted(row_times)
    for kind, start, drained in zip(KINDS, played.named("phase_start")[::2], played.named("drain_end"), strict=True):
        assert played.total("completed_count", kind) == 15
        ends = [float(row["t_s"]) for row in played.rows if row["kind"] == kind]
        assert start["t_s"] < ends[0]
        assert ends[-1] < drained["t_s"] + 1.001


@pytest.mark.parametrize("workers", [0, 3])
def test_a_backend_of_another_shape_is_driven_through_its_mapping(tmp_path: Path, workers: int) -> None:
    """Other words, one WebSocket, asked over it: the counts are its own, every text different."""
    with talking() as backend:
        played = play(short_plan(backend.wire, KINDS, 16, bursts=(2, 3)), tmp_path, workers)

        assert played.summary["failures"] == {}
        assert played.total("started_count") == played.total("completed_count") == 48
        assert len(backend.sessions) == 48
        assert len(backend.says) == played.summary["posts_count"] == 16 + (8 * 2 + 8 * 3) + 16 + 2
        assert len(set(backend.says)) == 48 + 2
        assert backend.headers == {"voice"}


def test_a_backend_behind_tls_is_driven_like_any_other(
    tmp_path: Path, fixed: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streams, connections used again and connections reset; whose certificate is not trusted is not spoken to."""
    plan = short_plan(Backend(fixed.backend_url), KINDS, 12)
    with tls_front(fixed.backend_url, tmp_path) as front:
        secure = replace(plan, backend=replace(plan.backend, base_url=front.url))
        (tmp_path / "untrusted").mkdir()
        untrusted = play(secure, tmp_path / "untrusted")
        asked_untrusted = fixed.processed()
        monkeypatch.setenv("SSL_CERT_FILE", str(front.authority))
        played = play(secure, tmp_path)

    assert untrusted.summary["failures"] == {"tls_failed": 36}
    assert asked_untrusted == 0
    assert played.summary["failures"] == {}
    assert played.total("completed_count") == 36
