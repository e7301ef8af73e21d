"""A gate as data: what is judged, against which limit, and what a run must record for it.

Owns the list of what can be judged and the check before a run. Judging is in ``harness.gate``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from harness.errors import UsageError
from harness.model import Column, Role


class Judged(StrEnum):
    """What a gate looks at. METRIC_* look at a metric, named in full or by the column of any probe of the target."""

    PRODUCTION_GROWTH = "production_growth"
    IDLE_GROWTH = "idle_growth"
    KIND_GROWTH = "kind_growth"
    DETECTABLE = "detectable"
    TIME_TO_LIMIT = "time_to_limit"
    ERRORS = "errors"
    COMPLETENESS = "completeness"
    LATENCY_DRIFT = "latency_drift"
    ANSWER_BYTES = "answer_bytes"
    METRIC_GROWTH = "metric_growth"
    METRIC_PEAK = "metric_peak"
    METRIC_DRAINED = "metric_drained"
    METRIC_PER_QUERY = "metric_per_query"
    LOG_MATCHES = "log_matches"


_OF_METRICS = {Judged.METRIC_GROWTH, Judged.METRIC_PEAK, Judged.METRIC_DRAINED, Judged.METRIC_PER_QUERY}
_OF_LOAD = {
    Judged.KIND_GROWTH,
    Judged.ERRORS,
    Judged.COMPLETENESS,
    Judged.LATENCY_DRIFT,
    Judged.ANSWER_BYTES,
    Judged.METRIC_DRAINED,
    Judged.METRIC_PER_QUERY,
}


@dataclass(frozen=True, slots=True)
class GateRule:
    """One gate. ``limit`` is in ``unit`` (as in verdict.json); ``subject`` is a kind, a metric or a log rule.

    ``at_least`` turns it round: the value has to be above the limit. ``assumed`` marks the defaults, which are left out
    where what they need was not recorded.
    """

    name: str
    judged: Judged
    limit: float
    unit: str
    subject: str = ""
    at_least: bool = False
    assumed: bool = False


class Described(Protocol):
    """What a probe, or its entry in a manifest, says of itself."""

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> Role: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a run will record, or has recorded. ``metrics`` are full names; ``kinds`` those of queries.

    ``target_probes`` are the probes whose role is target; ``log_rules`` the names of the plan's log rules.
    """

    metrics: frozenset[str] = frozenset()
    target_probes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    has_load: bool = False
    has_idle: bool = False
    has_memory_limit: bool = False
    log_rules: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        probes: Iterable[Described],
        kinds: Iterable[str],
        idle_phases_count: int,
        *,
        has_memory_limit: bool = False,
        log_rules: Iterable[str] = (),
    ) -> Recorded:
        """What ``probes`` record while queries of ``kinds`` are driven; a container's probe brings its own limit."""
        probes, kinds = tuple(probes), frozenset(kinds)
        metrics = frozenset(f"{probe.name}.{column.name}" for probe in probes for column in probe.columns)
        return cls(
            metrics=metrics,
            target_probes=frozenset(probe.name for probe in probes if probe.role is Role.TARGET),
            kinds=kinds,
            has_load=bool(kinds),
            has_idle=idle_phases_count >= 2,
            has_memory_limit=has_memory_limit or any(metric.endswith(".limit_bytes") for metric in metrics),
            log_rules=frozenset(log_rules),
        )

    def matching(self, subject: str) -> list[str]:
        """Metrics that ``subject`` means: itself, else that column of the target's probes, else of any."""
        if subject in self.metrics:
            return [subject]
        same = sorted(metric for metric in self.metrics if metric.partition(".")[2] == subject)
        return [metric for metric in same if metric.partition(".")[0] in self.target_probes] or same


def require_recorded(rules: Iterable[GateRule], recorded: Recorded) -> None:
    """Raises UsageError for the first gate on something that is not recorded; to be called before anything starts."""
    for rule in rules:
        problem = None if rule.assumed else missing(rule, recorded)
        if problem is not None:
            raise UsageError(f"the gate {rule.name} judges what this run does not record: {problem}")


def missing(rule: GateRule, recorded: Recorded) -> str | None:
    """What ``rule`` needs that is not recorded, and what to do; None where all is there."""
    if rule.judged in _OF_LOAD and not recorded.has_load:
        return "expected driven load (load.csv), found none; drive a scenario or leave the gate out"
    if rule.judged in _OF_METRICS and not recorded.matching(rule.subject):
        return f"expected the metric {rule.subject!r}, found no probe with it; add a probe for it or leave the gate out"
    if rule.judged is Judged.KIND_GROWTH and rule.subject not in recorded.kinds:
        kinds = " ".join(sorted(recorded.kinds)) or "none"
        return f"expected queries of kind {rule.subject!r}, found {kinds}; choose a scenario that drives it"
    if rule.judged is Judged.IDLE_GROWTH and not recorded.has_idle:
        return "expected at least two idle phases, found fewer; use the scenario mixed or idle, or a longer run"
    if rule.judged is Judged.TIME_TO_LIMIT and not recorded.has_memory_limit:
        return "expected a memory limit, found none; set max_memory, or a limit on the container"
    if rule.judged is Judged.LOG_MATCHES and rule.subject not in recorded.log_rules:
        rules = " ".join(sorted(recorded.log_rules)) or "none"
        return f"expected a log rule {rule.subject!r}, found {rules}; define it in the plan"
    return None
