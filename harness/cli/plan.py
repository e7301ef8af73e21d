"""``soak plan``: how long a soak must be to see something, and what a soak of a given length can see."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options
from harness.cli.plan_show import planned_load, show_json, show_lines
from harness.errors import UsageError
from harness.model import ExitCode
from harness.timeline import (
    CYCLES_COUNT,
    REFERENCE_NOISE_BYTES2_S,
    SCENARIOS,
    build_timeline,
    natural_duration_s,
    planned_precision,
)
from harness.units import (
    format_bytes,
    format_duration,
    format_rate_per_min,
    parse_bytes_per_query,
    parse_duration_s,
    parse_rate_bytes_per_h,
)

if TYPE_CHECKING:
    from harness.analysis.planning import Noise, SoakPlan

_REFERENCE_CORRELATION_S = 19.0
"""Of the reference row's noise, AR(1) with φ = 0.9 at 1 Hz: (1 + φ) / (1 - φ)."""
_UNSEEN = 1e30


@dataclass(frozen=True, slots=True)
class _Load:
    """What would be driven: a built-in scenario at a speed, in an order that the seed gives."""

    scenario: str
    speedup: float
    seed: int

    def query_error(self, noise: float) -> Callable[[float], float]:
        """Standard error of bytes per query of the kind that is seen worst, by length in seconds."""
        scenario = SCENARIOS[self.scenario]
        rate = scenario.queries_per_h * self.speedup / 3600.0

        def error(length_s: float) -> float:
            found = planned_precision(build_timeline(scenario.kinds, length_s, rate, self.seed), noise)
            worst = max((kind.standard_error_bytes for kind in found), default=math.inf)
            return worst if math.isfinite(worst) else _UNSEEN

        return error


def plan(
    run: Annotated[Path | None, typer.Argument(help="A run of the target, or a pilot: its noise counts.")] = None,
    detect: Annotated[
        str | None, typer.Option(help="What must be seen: '1 MB/min' or '4 KiB/query'.", metavar="RATE")
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="What would be driven; the run's without it.")] = None,
    duration: options.Duration = None,
    speedup: options.Speedup = None,
    seed: options.Seed = None,
    show: Annotated[
        bool, typer.Option("--show", help="Show what a run would drive when, and how well each kind will be known.")
    ] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> ExitCode:
    """Say how long a soak must be to see --detect, or what one of --duration can see, at the noise of RUN.

    Examples:

      soak plan --show --scenario mixed --duration 10m --speedup 100

      soak plan --detect "1 MB/min" reports/20261122T131500Z-mixed-1a2b

      soak plan --detect "4 KiB/query" --scenario mixed --speedup 240

      soak plan --duration 10m reports/20261122T131500Z-mixed-1a2b
    """
    if detect is None and duration is None and not show:
        raise UsageError("expected --detect '1 MB/min', --duration 10m or --show, found none of them")
    noise, load, source = _noise_and_load(run, scenario, speedup, seed)
    data: dict[str, Any] = {"noise_from": source, "long_run_variance_bytes2_s": noise.long_run_variance}
    lines = [f"at the noise of {source}"]
    if show:
        wanted = scenario or (load.scenario if run is not None else None)
        planned = planned_load(config, {"scenario": wanted, "duration": duration, "speedup": speedup, "seed": seed})
        data["plan"] = show_json(planned, noise.long_run_variance)
        lines = [*show_lines(planned, noise.long_run_variance), "", *lines]
    if detect is not None:
        _add_needs(detect, noise, load, data, lines)
    if duration is not None:
        _add_sight(parse_duration_s(duration), noise, load, data, lines)
    if as_json:
        sys.stdout.write(json.dumps(data, allow_nan=False) + "\n")
    else:
        sys.stdout.write("\n".join(lines) + "\n")
    return ExitCode.PASS


def _noise_and_load(
    run: Path | None, scenario: str | None, speedup: str | None, seed: str | None
) -> tuple[Noise, _Load, str]:
    from harness.analysis.planning import Noise

    if run is None:
        noise = Noise(REFERENCE_NOISE_BYTES2_S, _REFERENCE_CORRELATION_S)
        source = "a typical service (5 MB, correlated over 19 s); name a run for your own"
        stored_scenario, stored_speedup = "mixed", 1.0
    else:
        from harness.noise import noise_of_run

        noise, stored_scenario, stored_speedup = noise_of_run(run)
        source = str(run)
    name = scenario or (stored_scenario if stored_scenario in SCENARIOS else "mixed")
    if name not in SCENARIOS:
        raise UsageError(f"expected a scenario ({' '.join(SCENARIOS)}), found {name!r}")
    load = _Load(name, _positive(speedup, "speedup", stored_speedup), _seed(seed))
    cycle_s = natural_duration_s(load.scenario, load.speedup) / CYCLES_COUNT
    if SCENARIOS[load.scenario].kinds and run is None:
        noise = Noise(noise.long_run_variance, noise.correlation_s, cycle_s=cycle_s)
    return noise, load, source


def _seed(text: str | None) -> int:
    if text is None:
        return 1
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) >= 2**32:
        raise UsageError(f"expected a whole number from 0 to {2**32 - 1} as --seed, found {text!r:.40}")
    return int(text)


def _positive(text: str | None, what: str, otherwise: float) -> float:
    if text is None:
        return otherwise
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise UsageError(f"expected a number above 0 as --{what}, found {text!r}")
    return value


def _add_needs(detect: str, noise: Noise, load: _Load, data: dict[str, Any], lines: list[str]) -> None:
    """How long it takes to see ``detect``."""
    from harness.analysis.planning import needed_for

    per_query = detect.replace(" ", "").endswith("/query")
    difference = parse_bytes_per_query(detect) if per_query else parse_rate_bytes_per_h(detect) / 3600.0
    if difference <= 0.0:
        raise UsageError(f"expected more than zero as --detect, found {detect!r}")
    if per_query and not SCENARIOS[load.scenario].kinds:
        raise UsageError(f"expected a scenario with queries for {detect!r}, found {load.scenario}: it drives none")
    error = load.query_error(noise.long_run_variance) if per_query else None
    found = needed_for(noise, difference, error, "the noise of bytes per query" if per_query else "the noise")
    data["detect"] = detect
    data["needs_s"] = found.needs_s if math.isfinite(found.needs_s) else None
    data["requirements"] = [
        {"reason": need.reason, "needs_s": need.needs_s if math.isfinite(need.needs_s) else None}
        for need in found.requirements
    ]
    lines += _needs_lines(detect, found)


def _needs_lines(detect: str, found: SoakPlan) -> list[str]:
    if not math.isfinite(found.needs_s):
        return [f"  {detect} cannot be seen within a year"]
    lines = [f"  to see {detect}, soak for {format_duration(max(found.needs_s, 1.0))}; what needs how long:"]
    lines += [f"    {format_duration(max(need.needs_s, 1.0)):>14}  {need.reason}" for need in found.requirements]
    return lines


def _add_sight(length_s: float, noise: Noise, load: _Load, data: dict[str, Any], lines: list[str]) -> None:
    """What a soak of ``length_s`` can see."""
    from harness.analysis.planning import effect_size, needed_for, slope_error

    rate = effect_size(slope_error(noise, length_s)) * 3600.0
    data["duration_s"] = length_s
    data["detectable_bytes_per_h"] = rate
    lines.append(f"  a soak of {format_duration(length_s)} sees growth from {format_rate_per_min(rate)} on")
    lines += [
        f"  but it is too short for {need.reason}: {format_duration(need.needs_s)}"
        for need in needed_for(noise, math.inf).requirements
        if need.needs_s > length_s
    ]
    if not SCENARIOS[load.scenario].kinds:
        return
    error = load.query_error(noise.long_run_variance)(length_s)
    data["detectable_bytes_per_query"] = None if error >= _UNSEEN else effect_size(error)
    lines.append(
        f"  and of each kind of {load.scenario} at speed {load.speedup:g} "
        + (
            "nothing: the plan cannot tell its kinds apart"
            if error >= _UNSEEN
            else f"{format_bytes(effect_size(error))} a query"
        )
    )
