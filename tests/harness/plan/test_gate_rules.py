"""A gate on what a run does not record is a mistake of configuration, found before anything starts."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.model import Column, ColumnKind, Role, Unit
from harness.plan.gate_rules import GateRule, Judged, Recorded, missing, require_recorded
from harness.store.schema import ProbeInfo


def _probe(name: str, role: Role, *columns: str) -> ProbeInfo:
    return ProbeInfo(
        name, role, 1.0, None, tuple(Column(column, Unit.COUNT, ColumnKind.GAUGE, "m") for column in columns)
    )


RECORDED = Recorded.of(
    (
        _probe("target", Role.TARGET, "fds_count"),
        _probe("app", Role.TARGET, "fds_count"),
        _probe("mock", Role.MOCK, "fds_count", "tts_calls_count"),
    ),
    ("normal",),
    2,
    log_rules=("leak",),
)
NOTHING = Recorded.of((), (), 0)


def _rule(judged: Judged, subject: str = "", *, assumed: bool = False) -> GateRule:
    return GateRule("g", judged, 1.0, "count", subject, assumed=assumed)


@pytest.mark.parametrize(
    "rule",
    [
        _rule(Judged.ERRORS),
        _rule(Judged.COMPLETENESS),
        _rule(Judged.LATENCY_DRIFT),
        _rule(Judged.ANSWER_BYTES),
        _rule(Judged.IDLE_GROWTH),
        _rule(Judged.KIND_GROWTH, "normal"),
        _rule(Judged.METRIC_GROWTH, "target.fds_count"),
        _rule(Judged.METRIC_PER_QUERY, "tts_calls_count"),
        _rule(Judged.METRIC_DRAINED, "fds_count"),
        _rule(Judged.METRIC_PEAK, "app.fds_count"),
        _rule(Judged.LOG_MATCHES, "leak"),
    ],
    ids=lambda rule: rule.judged.value,
)
def test_what_is_recorded_may_be_judged_and_nothing_else(rule: GateRule) -> None:
    """The same gate is fine where its material is, and refused with what to do where it is not."""
    require_recorded([rule], RECORDED)
    with pytest.raises(UsageError, match=r"the gate g judges what this run does not record: expected .* found .*;"):
        require_recorded([rule], NOTHING)


def test_a_default_gate_is_never_a_mistake() -> None:
    """Defaults are left out where nothing was driven."""
    require_recorded([_rule(Judged.ERRORS, assumed=True)], NOTHING)


def test_growth_can_always_be_judged() -> None:
    """The memory of the target is in every run."""

    assert missing(_rule(Judged.PRODUCTION_GROWTH), NOTHING) is None
    assert missing(_rule(Judged.DETECTABLE), NOTHING) is None


def test_a_forecast_needs_a_limit() -> None:
    """A gate's own limit or the container's will do."""
    limited = Recorded.of((_probe("box", Role.TARGET, "limit_bytes"),), (), 0)

    assert missing(_rule(Judged.TIME_TO_LIMIT), NOTHING) is not None
    assert missing(_rule(Judged.TIME_TO_LIMIT), Recorded.of((), (), 0, has_memory_limit=True)) is None
    assert missing(_rule(Judged.TIME_TO_LIMIT), limited) is None


def test_a_column_means_the_targets() -> None:
    """A bare column is that of every probe of the target; of others only where the target has none."""

    assert RECORDED.matching("fds_count") == ["app.fds_count", "target.fds_count"]
    assert RECORDED.matching("mock.fds_count") == ["mock.fds_count"]
    assert RECORDED.matching("tts_calls_count") == ["mock.tts_calls_count"]
    assert RECORDED.matching("nothing_count") == []
