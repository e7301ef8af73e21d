"""``soak demo``: the incident before and after its fixes, driven, judged and held against the backend's own ledger."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.cli import options
from harness.cli.carry import carry_out_with_view, judge_and_report
from harness.errors import UsageError
from harness.model import EndReason, ExitCode
from harness.orchestrate.launch import LOOPBACK, free_port
from harness.orchestrate.run import require_writable
from harness.plan.document import Plan
from harness.plan.problems import first_problem
from harness.units import format_bytes, format_rate_per_min

if TYPE_CHECKING:
    from rich.table import Table

    from harness.ledger_truth import Truth

DURATION_S = 130.0
SPEEDUP = 160.0
"""Mixed use at 120 queries an hour, driven 160 times faster: about 11 conversations a second while loaded."""
TIME_SCALE = 8.0
"""The backend's tracker then samples every 7.5 s, so that growth while idle shows within the run, and its half-hour
sweep comes after 225 s, that is, not within it."""
TTS_PROFILE = "instant"
"""At 160 times the production rate speech comes without its production latency, so that drains fit between phases."""
MAX_GROWTH = "50 MB/min"
MAX_GROWTH_PER_QUERY = "16 KiB"
"""The incident's own gate, at the driven rate, and what a query may leave behind."""
PRESETS = ("before", "after")
LEDGER_FAULTS = ("thinking_sound", "duplicate_requests", "tts_chunk_refs", "dialogue_state", "memory_tracker")


@dataclass(frozen=True, slots=True)
class DemoRun:
    """One judged run and what the backend's ledger says about it."""

    preset: str
    path: Path
    reason: EndReason
    code: ExitCode
    verdict: dict[str, Any]
    truth: Truth | None


def demo(
    seed: options.Seed = None,
    out: options.Out = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Run `mixed` on the leaking and on the fixed reference backend, judge both, compare with the ledger's truth.

    Exits 0 only if the leaking build failed and the fixed one passed. Takes about five minutes. Examples:

      soak demo

      soak demo --seed 7 --out /var/soaks --json
    """
    require_writable(_plan(PRESETS[0], seed, out).run.out)
    runs: list[DemoRun] = []
    for number, preset in enumerate(PRESETS, start=1):
        if not quiet:
            sys.stderr.write(f"\n{number} of {len(PRESETS)}: the backend {preset} its fixes\n")
        runs.append(_carry_out(preset, _plan(preset, seed, out), quiet))
        if runs[-1].reason is EndReason.INTERRUPTED:
            return ExitCode.INTERRUPTED
    _print_table(runs, sys.stderr if as_json else sys.stdout)
    if as_json:
        sys.stdout.write(json.dumps({run.preset: {**run.verdict, "run": str(run.path)} for run in runs}) + "\n")
    return ExitCode.PASS if [run.code for run in runs] == [ExitCode.FAIL, ExitCode.PASS] else ExitCode.FAIL


def _plan(preset: str, seed: str | None, out: Path | None) -> Plan:
    """One run's plan, at a port that is free now. Raises UsageError."""
    base_url = f"http://{LOOPBACK}:{free_port()}"
    ledger = {f"{fault}_bytes": f"{fault}.retainedBytes" for fault in LEDGER_FAULTS}
    run = {
        "scenario": "mixed",
        "duration_s": DURATION_S,
        "speedup": SPEEDUP,
        "seed": seed,
        "out": out,
        "early_stop": False,
    }
    settings: dict[str, Any] = {
        "run": {name: value for name, value in run.items() if value is not None},
        "target": {"reference": preset, "base_url": base_url, "time_scale": TIME_SCALE},
        "tts": {"profile": TTS_PROFILE},
        "gates": {"max_growth": MAX_GROWTH, "max_growth_per_query": MAX_GROWTH_PER_QUERY},
        "probes": [{"name": "ledger", "kind": "json", "url": f"{base_url}/debug/ledger", "fields": ledger}],
    }
    try:
        return Plan.model_validate(settings)
    except ValidationError as error:
        raise UsageError(first_problem(error, Plan, "the demo's plan", {"run": {"seed": seed, "out": out}})) from error


def _carry_out(preset: str, plan: Plan, quiet: bool) -> DemoRun:
    finished = carry_out_with_view(plan, quiet=quiet, stream=sys.stderr)
    code, verdict = judge_and_report(finished.path)

    from harness.ledger_truth import ledger_truth
    from harness.store.reader import read_run

    return DemoRun(preset, finished.path, finished.reason, code, verdict, ledger_truth(read_run(finished.path)))


def _print_table(runs: list[DemoRun], stream: Any) -> None:
    from rich.console import Console

    console = Console(file=stream, width=None if stream.isatty() else 110)
    console.print(_table(runs))
    for run in runs:
        console.print(f"{run.preset}: {run.path / 'report.html'}", soft_wrap=True, markup=False, highlight=False)


def _table(runs: list[DemoRun]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title="estimate (95 % interval) | the ledger's truth", title_justify="left")
    table.add_column("")
    for run in runs:
        table.add_column(run.preset)
    table.add_row("outcome", *(str(run.verdict["outcome"]).upper() for run in runs))
    table.add_row("shape", *(run.verdict["memory"]["shape"] for run in runs))
    table.add_row("growth at the driven rate", *(_rate(run.verdict["memory"]["growth_bytes_per_h"]) for run in runs))
    kinds = dict.fromkeys(kind for run in runs for kind in run.verdict["kinds"] if kind != "idle")
    for kind in sorted(kinds):
        table.add_row(f"bytes per {kind} query", *(_per_query(run, kind) for run in runs))
    table.add_row("growth while idle", *(_idle(run) for run in runs))
    return table


def _rate(interval: dict[str, float | None] | None) -> str:
    return _spread(interval, format_rate_per_min)


def _per_query(run: DemoRun, kind: str) -> str:
    figures = run.verdict["kinds"].get(kind) or {}
    truth = run.truth.bytes_per_query.get(kind) if run.truth is not None else None
    return _beside(_spread(figures.get("bytes_per_query"), format_bytes), truth, format_bytes)


def _idle(run: DemoRun) -> str:
    truth = run.truth.time_bytes_per_h if run.truth is not None else None
    return _beside(_rate(run.verdict["kinds"]["idle"]["bytes_per_h"]), truth, format_rate_per_min)


def _beside(estimate: str, truth: float | None, words: Any) -> str:
    return estimate if truth is None else f"{estimate} | {words(truth)}"


def _spread(interval: dict[str, float | None] | None, words: Any) -> str:
    if interval is None or interval["estimate"] is None:
        return "not known"
    ends = [words(end) if end is not None else "unbounded" for end in (interval["low"], interval["high"])]
    return f"{words(interval['estimate'])} ({ends[0]} to {ends[1]})"
