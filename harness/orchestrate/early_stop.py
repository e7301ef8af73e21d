"""The harness's end of the judge: starts it beside the run, hears its findings, and says when the run may end.

The judge is a process of its own (``harness.judge``), because numerics would cost this one its small size. It ends by
itself when its standard input does. A judge that fails or falls silent never ends or spoils a run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.model import IDLE_KIND, WARMUP_PHASE, Interval, Limits, Outcome
from harness.model.load import LoadPlan
from harness.store.schema import LOGS_FOLDER

LOG_FILE = "judge.log"
_STOP_GRACE_S = 3.0


@dataclass(frozen=True, slots=True)
class SoFar:
    """The judge's last finding; ``outcome`` is only there when it is final."""

    t_s: float
    growth_bytes_per_h: Interval
    outcome: Outcome | None
    waits_for: str | None
    stop: bool


def planned_rates_per_s(load: LoadPlan) -> dict[str, float]:
    """Planned queries of each kind over planned loaded time, the warm-up left out."""
    loaded = [p for p in load.phases if p.kind != IDLE_KIND and p.phase != WARMUP_PHASE]
    loaded_s = sum(phase.length_s for phase in loaded)
    counts: dict[str, float] = {}
    for phase in loaded:
        for kind in phase.kinds:
            counts[kind] = counts.get(kind, 0.0) + phase.queries_count / len(phase.kinds)
    return {kind: count / loaded_s for kind, count in counts.items() if count > 0}


def may_stop_early(early_stop: bool | None, limits: Limits) -> bool:
    """What the plan says, or else: where there is a budget for growth, the question has a plain answer to wait for."""
    if early_stop is not None:
        return early_stop
    return limits.max_growth_bytes_per_h is not None or limits.max_growth_bytes_per_query is not None


class Judge:
    """One judge beside one run: ``so_far`` and ``wants_stop`` are as it was last listened to. Close it when the run has
    ended."""

    def __init__(self, run_dir: Path, load: LoadPlan, *, may_stop: bool) -> None:
        self.so_far: SoFar | None = None
        self._may_stop = may_stop
        self._rest = b""
        self._process = self._start(run_dir)
        drives = any(not phase.is_idle for phase in load.phases)
        plan = {"planned_s": load.duration_s, "rates_per_s": planned_rates_per_s(load), "drives": drives}
        self._tell(json.dumps(plan))

    def listen(self) -> None:
        """Takes in what the judge has said since the last call; waits for nothing."""
        for line in self._lines():
            try:
                self.so_far = _so_far(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue

    @property
    def wants_stop(self) -> bool:
        """Whether the run may end now."""
        return self._may_stop and self.so_far is not None and self.so_far.stop

    def close(self) -> None:
        """Ends the judge: its input ends, and it has a moment to notice."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass  # it was gone before what it was last told had left
        try:
            self._process.wait(_STOP_GRACE_S)
        except subprocess.TimeoutExpired:  # in the middle of a full analysis, which nobody waits for any more
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._process = None

    def _start(self, run_dir: Path) -> subprocess.Popen[bytes] | None:
        try:
            with (run_dir / LOGS_FOLDER / LOG_FILE).open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "harness.judge", str(run_dir)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,
                    env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                )
        except OSError:
            return None
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def _lines(self) -> list[bytes]:
        if self._process is None or self._process.stdout is None:
            return []
        try:
            new = os.read(self._process.stdout.fileno(), 65536)
        except BlockingIOError:
            return []
        *whole, self._rest = (self._rest + new).split(b"\n")
        return whole


def _so_far(data: dict[str, Any]) -> SoFar:
    outcome = data["outcome"]
    return SoFar(
        t_s=float(data["t_s"]),
        growth_bytes_per_h=Interval(**data["growth_bytes_per_h"]),
        outcome=None if outcome is None else Outcome(outcome),
        waits_for=data["waits_for"] or None,
        stop=data["stop"] is True,
    )
