"""The probes of a run, and what they will record: known before anything is started, as their columns never change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import UsageError
from harness.model import Column, ColumnKind, Role, Unit
from harness.model.load import LoadPlan
from harness.orchestrate.launch import Launch
from harness.orchestrate.session import TARGET_PROBE
from harness.plan.document import Plan
from harness.plan.gate_rules import Recorded, require_recorded
from harness.plan.log_rules import LogRule, gates_of
from harness.probes.base import Probe
from harness.probes.container import ContainerProbe
from harness.probes.json_http import JsonHttpProbe
from harness.probes.process import ProcessTreeProbe
from harness.probes.prometheus import PrometheusProbe

MOCK_STATS_PATH = "/admin/stats"
REFERENCE_METRICS_PATH = "/metrics"
_NOT_YET = 0
"""Stands for the pid of what has not been started: nothing reads it."""


@dataclass(frozen=True, slots=True)
class Pids:
    """Who is there to be sampled; None for what this run does not have."""

    generator: int
    target: int | None
    mock: int | None


def probes_of_run(plan: Plan, launch: Launch, period_s: float, pids: Pids, container_id: str | None) -> list[Probe]:
    """Every probe of a run, the target's own first; none has read anything yet. Raises UsageError."""
    slow_s = max(period_s, 1.0)
    probes: list[Probe] = []
    if pids.target is not None:
        probes.append(ProcessTreeProbe(TARGET_PROBE, Role.TARGET, pids.target, period_s))
    if launch.target is not None and plan.target.command is None:
        probes.append(_collections_probe(f"{launch.base_url}{REFERENCE_METRICS_PATH}", slow_s))
    if container_id is not None:
        probes.append(ContainerProbe(container_id, name=TARGET_PROBE, period_s=period_s))
    if pids.mock is not None:
        probes.append(ProcessTreeProbe("mock", Role.MOCK, pids.mock, slow_s))
        probes.append(_tts_probe(f"{launch.tts_url}{MOCK_STATS_PATH}", slow_s))
    probes.append(ProcessTreeProbe("generator", Role.GENERATOR, pids.generator, slow_s))
    probes.append(ProcessTreeProbe("harness", Role.HARNESS, os.getpid(), slow_s, children=False))
    return with_planned(probes, plan)


def with_planned(probes: Iterable[Probe], plan: Plan) -> list[Probe]:
    """``probes``, and those of the plan's ``[[probes]]`` behind them. Raises UsageError for one that cannot be."""
    found = list(probes)
    for entry in plan.probes:
        if any(probe.name == entry.name for probe in found):
            raise UsageError(f"expected probes of different names, found {entry.name!r} again in [[probes]]; rename it")
        try:
            found.append(entry.build())
        except ValueError as error:
            raise UsageError(f"probes.{entry.name}: {error}") from error
    return found


def _tts_probe(url: str, period_s: float) -> JsonHttpProbe:
    """The calls that the target makes to the speech service, from the mock's own ledger."""
    column = Column("tts_calls_count", Unit.COUNT, ColumnKind.COUNTER, "requests to the speech service")
    return JsonHttpProbe("tts", Role.MOCK, url, period_s, (column,), {column.name: "requests_total"})


def _collections_probe(url: str, period_s: float) -> PrometheusProbe:
    """How often the reference backend collects garbage: what memory that comes and goes costs it."""
    column = Column("collections_count", Unit.COUNT, ColumnKind.COUNTER, "collections of every generation")
    series = {column.name: "python_gc_collections_total"}
    return PrometheusProbe("collector", Role.TARGET, url, period_s, (column,), series)


def require_judgeable_run(plan: Plan, launch: Launch, load: LoadPlan) -> None:
    """Raises UsageError for the first gate of ``plan`` on what this run would not record."""
    pids = Pids(
        generator=_NOT_YET,
        target=_NOT_YET if launch.target is not None or launch.target_pid is not None else None,
        mock=None if launch.mock is None else _NOT_YET,
    )
    probes = probes_of_run(plan, launch, 1.0, pids, None if launch.container is None else "not yet")
    kinds = set(load.kinds)
    if load.locustfile is not None:
        kinds |= set(plan.gates.kinds)  # its request names are its kinds, and only it knows them
    logs = {"load"}
    logs |= {"target"} if launch.target is not None or launch.container is not None else set()
    logs |= {"mock"} if launch.mock is not None else set()
    require_judgeable(plan, probes, kinds, sum(phase.is_idle for phase in load.phases), logs)


def require_judgeable(
    plan: Plan, probes: Sequence[Probe], kinds: Iterable[str], idle_phases_count: int, logs: Iterable[str]
) -> None:
    """Raises UsageError for the first gate of ``plan`` on what is not recorded; ``logs`` are the services kept."""
    logs = frozenset(logs)
    for rule in plan.log_rules:
        if rule.service not in logs and _is_judged(rule, plan):
            raise UsageError(
                f"the log rule {rule.name} judges what this run does not record: expected the log of {rule.service!r}, "
                f"found {' '.join(sorted(logs)) or 'none'}; only what the run starts, and containers, leave one"
            )
    recorded = Recorded.of(
        probes,
        kinds,
        idle_phases_count,
        has_memory_limit=plan.gates.max_memory is not None,
        log_rules=(rule.name for rule in plan.log_rules),
    )
    require_recorded((*plan.gates.rules(), *gates_of(plan.log_rules)), recorded)


def _is_judged(rule: LogRule, plan: Plan) -> bool:
    return bool(gates_of([rule])) or rule.name in plan.gates.log_rules
