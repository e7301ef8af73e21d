"""``[run]``: how long, how fast, where to, and what to do at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness.plan.fields import DurationS, Section

SHORT_RUN_S = 600.0
SHORT_RUN_PERIOD_S = 0.25
"""Runs under ten minutes are sampled four times a second: a collection's trough must be seen about six times in
a cycle (analysis-methods, 4.7), and short runs have short cycles. Longer runs: once a second."""


class RunSection(Section):
    """How the run is carried out; ``duration_s`` is wall-clock time, None means the scenario's own."""

    scenario: str | None = None
    locustfile: Path | None = None
    duration_s: DurationS | None = None
    speedup: Annotated[float, Field(gt=0, le=10_000)] = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    out: Path = Path("reports")
    period_s: DurationS | None = None
    early_stop: bool | None = None
    web: bool = False
    capture: Literal["never", "on-fail", "always"] = "never"

    def sampling_period_s(self, duration_s: float) -> float:
        """Seconds between two samples in a run of ``duration_s``."""
        if self.period_s is not None:
            return self.period_s
        return SHORT_RUN_PERIOD_S if duration_s <= SHORT_RUN_S else 1.0
