"""``soak run``: drive, sample, store, judge, report, and leave with the outcome."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli import options
from harness.cli.carry import carry_out_with_view, conclude
from harness.errors import UsageError
from harness.plan.document import Plan, load_plan
from harness.timeline import SCENARIOS


def run(
    context: typer.Context,
    scenario: Annotated[
        str | None, typer.Argument(envvar="SOAK_SCENARIO", help=" ".join(SCENARIOS), show_default=False)
    ] = None,
    locustfile: Annotated[Path | None, typer.Option(envvar="SOAK_LOCUSTFILE", help="A locustfile of your own.")] = None,
    config: options.Config = None,
    duration: options.Duration = None,
    speedup: options.Speedup = None,
    seed: options.Seed = None,
    out: options.Out = None,
    target_command: Annotated[
        str | None,
        typer.Option(
            envvar="SOAK_TARGET_COMMAND", help="Start this as target; it finds PORT and TTS_URL in its environment."
        ),
    ] = None,
    pid: Annotated[
        str | None, typer.Option(envvar="SOAK_PID", help="A process that runs already.", metavar="N")
    ] = None,
    container: Annotated[str | None, typer.Option(envvar="SOAK_CONTAINER", help="A container, name or id.")] = None,
    base_url: Annotated[str | None, typer.Option(envvar="SOAK_BASE_URL", help="Where the target listens.")] = None,
    tts_url: Annotated[
        str | None, typer.Option(envvar="SOAK_TTS_URL", help="The speech service; the mock starts there if none runs.")
    ] = None,
    restart_target: Annotated[
        str | None,
        typer.Option(
            envvar="SOAK_RESTART_TARGET",
            help="never | on-failure: start it again when it fails; the run is invalid, but goes on.",
            metavar="WHEN",
        ),
    ] = None,
    early_stop: options.EarlyStop = None,
    workers: Annotated[
        str | None, typer.Option(envvar="SOAK_WORKERS", help="Load processes on this machine.", metavar="N")
    ] = None,
    expect_workers: Annotated[
        str | None,
        typer.Option(envvar="SOAK_EXPECT_WORKERS", help="Load processes started on other machines.", metavar="N"),
    ] = None,
    web: Annotated[bool | None, typer.Option("--web", envvar="SOAK_WEB", help="Locust's page, with memory.")] = None,
    max_growth: options.MaxGrowth = None,
    max_growth_per_query: options.MaxGrowthPerQuery = None,
    max_memory: options.MaxMemory = None,
    capture: Annotated[
        str | None, typer.Option(envvar="SOAK_CAPTURE", help="never | on-fail | always", metavar="WHEN")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Start the target and the mock, drive SCENARIO, sample, store, judge, report.

    Examples:

      soak run mixed --duration 3m --speedup 200

      soak run heavy --target-command "node server.js" --max-growth "5 MB/min"

      soak run mixed --pid 4242 --base-url http://127.0.0.1:3000
    """
    driven = options.without_weaker(context, {"scenario": scenario, "locustfile": locustfile})
    if None not in driven.values():
        raise UsageError(f"expected a scenario or --locustfile, found both ({scenario}, {locustfile}); leave one out")
    targets = options.without_weaker(context, {"target_command": target_command, "pid": pid, "container": container})
    overrides: dict[str, dict[str, Any]] = {
        "run": {
            **driven,
            "duration": duration,
            "speedup": speedup,
            "seed": seed,
            "out": out,
            "early_stop": early_stop,
            "capture": capture,
            "web": web,
        },
        "target": {
            "command": targets["target_command"],
            "pid": targets["pid"],
            "container": targets["container"],
            "base_url": base_url,
            "restart": restart_target,
        },
        "tts": {"url": tts_url},
        "load": {"workers": workers, "expect_workers": expect_workers},
        **options.gate_overrides(max_growth, max_growth_per_query, max_memory),
    }
    plan = load_plan(config, overrides)
    require_scenario(plan)
    finished = carry_out_with_view(plan, quiet=quiet, stream=sys.stderr)
    return conclude(finished, as_json=as_json, quiet=quiet)


def require_scenario(plan: Plan) -> None:
    """Raises UsageError unless the plan names what to drive."""
    known = " ".join(SCENARIOS)
    if plan.run.locustfile is not None:
        if not plan.run.locustfile.is_file():
            raise UsageError(f"expected a locustfile at {plan.run.locustfile}, found no such file")
        return
    if plan.run.scenario is None:
        raise UsageError(f"expected a scenario ({known}) or --locustfile PATH, found neither")
    if plan.run.scenario not in SCENARIOS:
        raise UsageError(f"expected a scenario ({known}) or --locustfile PATH, found {plan.run.scenario!r}")
