"""``soak attach``: samples what is already running, under whatever load it has, and stores it as a run.

Starts nothing and stops nothing. The first source given is the probe ``target``; further ones read the same target in
other ways and carry their own names.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import UsageError
from harness.model import IDLE_KIND, ColumnKind, Role, Unit
from harness.model.load import Backend, LoadPlan, Phase
from harness.orchestrate.early_stop import Judge
from harness.orchestrate.event_pipe import EventPipe
from harness.orchestrate.interrupts import Interrupts
from harness.orchestrate.provenance import harness_commit, host_facts, public_config, versions
from harness.orchestrate.run import Finished, require_writable
from harness.orchestrate.run_probes import require_judgeable, with_planned
from harness.orchestrate.services import Services
from harness.orchestrate.session import TARGET_PROBE, Cast, Observer, Session, Tap
from harness.plan.document import Plan
from harness.plan.probes import column, is_column_name
from harness.probes.base import Probe
from harness.probes.process import ProcessTreeProbe
from harness.redaction import redact, redact_text
from harness.sampler import Sampler, describe
from harness.store.schema import LOGS_FOLDER, Manifest
from harness.store.writer import RunWriter

SCENARIO = "attach"
LONGEST_UNTIL_VERDICT_S = 3600.0
"""How long a verdict is waited for where no duration is given."""
_PREFERRED = ("anon_bytes", "rss_bytes", "heap_used_bytes")
"""Columns to judge, best first; else the first one in bytes."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What to read, any of them together; ``series`` and ``fields`` are column name to source, empty = known ones."""

    pid: int | None = None
    container: str | None = None
    node: str | None = None
    prometheus: str | None = None
    json_url: str | None = None
    series: Mapping[str, str] | None = None
    fields: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A run that could begin: every probe has been tried."""

    plan: Plan
    sources: Sources
    probes: tuple[Probe, ...]
    duration_s: float | None
    until_verdict: bool

    @property
    def primary(self) -> str:
        """The metric to judge."""
        return f"{TARGET_PROBE}.{primary_column(self.probes[0])}"


def prepare_attach(plan: Plan, sources: Sources, *, until_verdict: bool) -> Attachment:
    """Builds and tries every probe. Raises UsageError when one cannot work, or there is none."""
    duration_s = plan.run.duration_s
    if duration_s is None and until_verdict:
        duration_s = LONGEST_UNTIL_VERDICT_S
    period_s = plan.run.sampling_period_s(float("inf") if duration_s is None else duration_s)
    builders = _builders(sources, period_s)
    if not builders:
        raise UsageError(
            "expected something to read (--pid, --container, --node, --prometheus, --json-url), found nothing"
        )
    probes: list[Probe] = []
    for name, build in builders:
        probes.append(build(name if probes else TARGET_PROBE))
    probes.append(ProcessTreeProbe("harness", Role.HARNESS, os.getpid(), max(period_s, 1.0), children=False))
    probes = with_planned(probes, plan)
    require_judgeable(plan, probes, (), 0, ())
    reasons = [reason for probe in probes if (reason := probe.check()) is not None]
    if reasons:
        for probe in probes:
            probe.close()
        raise UsageError("; ".join(reasons))
    require_writable(plan.run.out)
    return Attachment(plan, sources, tuple(probes), duration_s, until_verdict)


def carry_out_attach(attachment: Attachment, observer: Observer) -> Finished:
    """Samples until the duration is over, the verdict is certain (where asked), the target has ended or a signal comes.

    Raises StoreError.
    """
    events = EventPipe()  # stays open at its other end, although nobody writes: a closed one would always be readable
    try:
        with Interrupts() as interrupts, ExitStack() as stack:
            started_s = time.monotonic()
            writer = RunWriter.create(attachment.plan.run.out, _manifest(attachment))
            tap = Tap(writer)
            judge = _judge(attachment, writer.path)
            if judge is not None:
                stack.callback(judge.close)
            session = Session(
                writer=writer,
                sampler=Sampler(attachment.probes, tap, started_s=started_s),
                tap=tap,
                services=Services(writer.path / LOGS_FOLDER),
                cast=Cast(None, None, None),
                interrupts=interrupts,
                events=events,
                started_s=started_s,
                deadline_s=attachment.duration_s,
                observer=observer,
                judge=judge,
            )
            return Finished(writer.path, session.play())
    finally:
        events.close()


def _judge(attachment: Attachment, run_dir: Path) -> Judge | None:
    """A judge beside the run where its length is known; to it, a run without a load of ours is one idle phase."""
    duration_s = attachment.duration_s
    if duration_s is None:
        return None
    phase = Phase(SCENARIO, IDLE_KIND, 1, 0.0, duration_s)
    load = LoadPlan(SCENARIO, 0, 1.0, (phase,), Backend(""))
    return Judge(run_dir, load, may_stop=attachment.until_verdict)


def primary_column(probe: Probe) -> str:
    """The column of ``probe`` to judge. Raises UsageError when it has none in bytes."""
    names = [item.name for item in probe.columns if item.unit is Unit.BYTES and item.kind is ColumnKind.GAUGE]
    found = next((name for name in (*_PREFERRED, *names) if name in names), None)
    if found is None:
        raise UsageError(f"expected a column in bytes to judge, found {', '.join(item.name for item in probe.columns)}")
    return found


def _builders(sources: Sources, period_s: float) -> list[tuple[str, Callable[[str], Probe]]]:
    """Name and constructor of each source, the best to judge first. Raises UsageError."""
    for option, given, page in (
        ("--series", sources.series, "--prometheus" if sources.prometheus is None else None),
        ("--field", sources.fields, "--json-url" if sources.json_url is None else None),
    ):
        if given and page is not None:
            raise UsageError(f"expected {page} URL beside {option}, found none: name the page that has it")
    builders: list[tuple[str, Callable[[str], Probe]]] = []
    if (container := sources.container) is not None:
        builders.append(("container", lambda name: _container(name, container, period_s)))
    if (pid := sources.pid) is not None:
        builders.append(("process", lambda name: ProcessTreeProbe(name, Role.TARGET, pid, period_s)))
    if (node := sources.node) is not None:
        builders.append(("node", lambda name: _node(name, node, period_s)))
    if (prometheus := sources.prometheus) is not None:
        builders.append(("prometheus", lambda name: _prometheus(name, prometheus, period_s, sources.series)))
    if (json_url := sources.json_url) is not None:
        builders.append(("json", lambda name: _json(name, json_url, period_s, sources.fields)))
    return builders


def _container(name: str, container: str, period_s: float) -> Probe:
    from harness.probes.container import ContainerProbe

    return ContainerProbe(container, name=name, role=Role.TARGET, period_s=period_s)


def _node(name: str, address: str, period_s: float) -> Probe:
    from harness.probes.node import NodeProbe

    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"expected --node HOST:PORT such as 127.0.0.1:9229, found {address!r}")
    return NodeProbe(name, Role.TARGET, address, period_s)


def _prometheus(name: str, url: str, period_s: float, given: Mapping[str, str] | None) -> Probe:
    from harness.probes.prometheus import KNOWN_SERIES, PrometheusProbe, counters_of, fetch_page, known_series

    page, shown_url = fetch_page(url), redact_text(url)
    series = dict(given or known_series(page, KNOWN_SERIES, shown_url))
    if not series:
        raise UsageError(
            f"expected at {shown_url} a series that a client library exports, such as process_resident_memory_bytes, "
            "found none: name one with --series rss_bytes=METRIC"
        )
    try:
        counters = counters_of(page, series)
        columns = tuple(column(item, source, item in counters) for item, source in series.items())
        return PrometheusProbe(name, Role.TARGET, url, period_s, columns, series)
    except ValueError as error:  # a selector that is none
        raise UsageError(f"--series: {error}") from error


def _json(name: str, url: str, period_s: float, given: Mapping[str, str] | None) -> Probe:
    from harness.probes.json_http import JsonHttpProbe, fetch_known_paths

    paths = dict(given or {item: path for item, path in fetch_known_paths(url).items() if is_column_name(item)})
    if not paths:
        raise UsageError(
            f"expected at {redact_text(url)} a number whose name ends in its unit, or is one of Node.js (rss, "
            "heapUsed), found none: name one with --field rss_bytes=PATH"
        )
    columns = tuple(column(item, source, counter=False) for item, source in paths.items())
    return JsonHttpProbe(name, Role.TARGET, url, period_s, columns, paths)


def _manifest(attachment: Attachment) -> Manifest:
    plan = attachment.plan
    return Manifest(
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        scenario=SCENARIO,
        primary=attachment.primary,
        probes=tuple(describe(probe) for probe in attachment.probes),
        seed=None,
        speedup=1.0,
        host=host_facts(),
        versions=versions(),
        commit={"harness": harness_commit(), "target": plan.target.commit},
        config=public_config(plan, attachment.probes) | {"sources": redact(asdict(attachment.sources))},
    )
