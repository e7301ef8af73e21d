"""What is known about a run apart from its series, and the limits that it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model import Limits

DEFAULT_FAIL_BYTES_PER_H = 0.1e6 * 60.0
DEFAULT_PASS_BYTES_PER_H = 1e6 * 60.0
DEFAULT_FAIL_BYTES_PER_QUERY = 1024.0
DEFAULT_PASS_BYTES_PER_QUERY = 4096.0
"""Limits where none is given (command line contract)."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about the run apart from its series.

    ``cut_short`` says in words why it can fail but not pass, ``invalid`` why its outcome cannot be trusted at all,
    ``young`` that the target began with the run and may still be settling, ``unused`` that queries were to be driven
    and none was completed, ``heap_limit_bytes`` what the target's runtime may take before it gives any back,
    ``garbage_share`` what share of its memory it may hold as garbage at any time.
    """

    limits: Limits
    invalid: tuple[str, ...] = ()
    cut_short: str | None = None
    retention_s: float | None = None
    heap_limit_bytes: float | None = None
    garbage_share: float = 0.0
    speedup: float = 1.0
    production_queries_per_h: float | None = None
    memory_limit_bytes: float | None = None
    idle_phases: int = 0
    has_power: bool = True
    young: bool = False
    unused: bool = False


def growth_limits(limits: Limits) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """(fail above, pass below) of growth per hour and per query; None where that is not judged."""
    if limits.max_growth_bytes_per_h is None and limits.max_growth_bytes_per_query is None:
        return (
            (DEFAULT_FAIL_BYTES_PER_H, DEFAULT_PASS_BYTES_PER_H),
            (DEFAULT_FAIL_BYTES_PER_QUERY, DEFAULT_PASS_BYTES_PER_QUERY),
        )
    hour, query = limits.max_growth_bytes_per_h, limits.max_growth_bytes_per_query
    return (None if hour is None else (hour, hour)), (None if query is None else (query, query))
