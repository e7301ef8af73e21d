"""``soak attach``: sample what runs already, judge it, report, and leave with the outcome."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from harness.cli import options
from harness.cli.carry import Shown, conclude
from harness.errors import ProbeError, UsageError
from harness.model import ExitCode
from harness.orchestrate.attach import SCENARIO, Attachment, Sources, carry_out_attach, prepare_attach
from harness.orchestrate.session import Tick
from harness.plan.document import load_plan
from harness.plan.probes import column_name
from harness.report.live import LiveFacts, LiveState, LiveView


def attach(
    pid: Annotated[int | None, typer.Option(envvar="SOAK_PID", help="A process and its children.", min=1)] = None,
    container: Annotated[str | None, typer.Option(envvar="SOAK_CONTAINER", help="A container, name or id.")] = None,
    prometheus: Annotated[
        str | None, typer.Option(envvar="SOAK_PROMETHEUS", help="A /metrics page.", metavar="URL")
    ] = None,
    json_url: Annotated[
        str | None, typer.Option(envvar="SOAK_JSON_URL", help="A JSON document with numbers.", metavar="URL")
    ] = None,
    node: Annotated[
        str | None, typer.Option(envvar="SOAK_NODE", help="The inspector of a Node.js process.", metavar="HOST:PORT")
    ] = None,
    series: Annotated[
        list[str] | None,
        typer.Option(help="With --prometheus: a column and its series, repeatable.", metavar="COLUMN=SERIES"),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="With --json-url: a column and its dotted path, repeatable.", metavar="COLUMN=PATH"),
    ] = None,
    duration: options.Duration = None,
    until_verdict: Annotated[
        bool, typer.Option("--until-verdict", help="End as soon as it is certain; at most --duration, or 1h.")
    ] = False,
    config: options.Config = None,
    out: options.Out = None,
    web: Annotated[bool | None, typer.Option("--web", envvar="SOAK_WEB", help="A page with memory, live.")] = None,
    max_growth: options.MaxGrowth = None,
    max_memory: options.MaxMemory = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Sample what is already running, under whatever load it has, and judge its growth.

    Without --duration it goes on until Ctrl-C, which leaves a run that can fail but not pass. Examples:

      soak attach --pid 4242 --duration 30m

      soak attach --pid 4242 --node 127.0.0.1:9229 --until-verdict --max-growth "1 MB/min"

      soak attach --json-url http://127.0.0.1:3000/debug/memory --field rss_bytes=rss --duration 10m

      soak attach --pid 4242 --web
    """
    overrides: dict[str, dict[str, Any]] = {
        "run": {"duration": duration, "out": out, "web": web},
        **options.gate_overrides(max_growth, None, max_memory),
    }
    sources = Sources(pid, container, node, prometheus, json_url, _pairs("--series", series), _pairs("--field", field))
    try:
        attachment = prepare_attach(load_plan(config, overrides), sources, until_verdict=until_verdict)
    except ProbeError as error:  # found before anything was started
        raise UsageError(str(error)) from error
    shown = _shown(attachment, quiet=quiet)
    try:
        finished = carry_out_attach(attachment, lambda tick: shown.update(tick.run_dir, _state(tick)))
        shown.leave_terminal()
        return conclude(finished, as_json=as_json, quiet=quiet)
    finally:
        shown.close()


def _shown(attachment: Attachment, *, quiet: bool) -> Shown:
    """Where the run is shown; says where the page is."""
    limit = attachment.plan.gates.limits().max_growth_bytes_per_h
    facts = LiveFacts(SCENARIO, attachment.duration_s, attachment.primary, limit)
    page = None
    if attachment.plan.run.web:
        from harness.report.web import LivePage

        page = LivePage()
        sys.stderr.write(f"live page: {page.url}\n")  # also with --quiet: nothing else says where it is
    return Shown(LiveView(sys.stderr, facts, quiet=quiet), for_page=page is not None, page=page)


def _state(tick: Tick) -> LiveState:
    so_far = tick.so_far
    return LiveState(
        t_s=tick.t_s,
        memory_bytes=tick.memory_bytes,
        growth_bytes_per_h=so_far.growth_bytes_per_h if so_far is not None else None,
        outcome=so_far.outcome if so_far is not None else None,
        waits_for=so_far.waits_for if so_far is not None else None,
    )


def _pairs(option: str, given: list[str] | None) -> dict[str, str] | None:
    """``COLUMN=SOURCE`` texts as a mapping. Raises UsageError."""
    pairs: dict[str, str] = {}
    for text in given or ():
        name, equals, source = text.partition("=")
        if not equals or not source:
            raise UsageError(f"expected {option} COLUMN=SOURCE such as rss_bytes=..., found {text!r}")
        try:
            pairs[column_name(name)] = source
        except ValueError as error:
            raise UsageError(f"{option} {text}: {error}") from error
    return pairs or None
