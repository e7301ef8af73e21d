"""More of a run's load after the run: between two looks into the target, so that what leaks has leaked once more."""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import TargetError
from harness.model import IDLE_KIND
from harness.model.load import LoadPlan, Phase
from harness.orchestrate.event_pipe import EventPipe
from harness.orchestrate.interrupts import Interrupts
from harness.orchestrate.load import Workers, load_process
from harness.orchestrate.load_tail import LoadTail
from harness.orchestrate.services import Service, Services
from harness.store.schema import LOAD_FILE

SETTLE_S = 2.0
"""Idle time at the end, in which what was only in flight goes."""
START_GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class Encore:
    """Plays parts of ``load`` again with the services that are still up."""

    services: Services
    interrupts: Interrupts
    load: LoadPlan
    workers: Workers

    def drive(self, kinds: tuple[str, ...], seconds: float, folder: Path) -> int:
        """Plays ``kinds`` one after the other over ``seconds``, then drains; how many queries ended.

        Without kinds it only waits. Raises TargetError where the load fails, Interrupted when the user asks.
        """
        if not kinds or self.workers.expected_count:  # workers on other machines ended with the run
            self._wait(None, seconds)
            return 0
        folder.mkdir(parents=True, exist_ok=True)
        plan = encore_plan(self.load, kinds, seconds)
        events = EventPipe()
        try:
            process = load_process(plan, folder.resolve(), time.monotonic(), events.write_fd)
            service = self.services.start(
                "diagnosis-load", process.command, os.environ | process.env, None, process.pass_fds
            )
            limit_s = plan.duration_s + plan.drain_timeout_s * len(plan.phases) + START_GRACE_S
            self._wait(service, limit_s, events)
        finally:
            events.close()
        totals = LoadTail(folder / LOAD_FILE).totals()
        return totals.completed_count + totals.failed_count

    def _wait(self, service: Service | None, limit_s: float, events: EventPipe | None = None) -> None:
        """Until ``service`` has ended by itself; without one, for ``limit_s``."""
        deadline_s = time.monotonic() + limit_s
        sources: list[int | EventPipe | Interrupts] = [self.interrupts]
        sources += [service.pidfd] if service is not None else []
        while time.monotonic() < deadline_s:
            select.select(sources, [], [], min(1.0, max(0.0, deadline_s - time.monotonic())))
            self._raise_if_interrupted(service)
            if events is not None:
                events.drain()  # a full pipe would stop the load
            if service is not None and service.exit_code() is not None:
                code, words = service.exit_code(), service.last_lines()
                self.services.discard(service)
                if code != 0:
                    raise TargetError(f"the load for the diagnosis ended with code {code}: {words}")
                return
        if service is not None:
            self.services.stop_one(service)
            raise TargetError(f"the load for the diagnosis had not ended after {limit_s:.0f} s")

    def _raise_if_interrupted(self, service: Service | None) -> None:
        if self.interrupts.seen is not None and service is not None:
            self.services.stop_one(service)
        self.interrupts.raise_if_seen()


def encore_plan(load: LoadPlan, kinds: tuple[str, ...], seconds: float) -> LoadPlan:
    """``load`` with one phase a kind, at the mean rate of its loaded phases, and a short idle end."""
    loaded = [phase for phase in load.phases if phase.queries_count]
    loaded_s = sum(phase.length_s for phase in loaded)
    rate_per_s = sum(phase.queries_count for phase in loaded) / loaded_s if loaded_s else 0.0
    length_s = seconds / len(kinds)
    count = 0 if load.locustfile is not None else max(1, round(rate_per_s * length_s))
    phases = [
        Phase(f"{kind}-1", kind, 1, at * length_s, (at + 1) * length_s, count, (kind,)) for at, kind in enumerate(kinds)
    ]
    end_s = phases[-1].end_s
    phases.append(Phase("idle-1", IDLE_KIND, 1, end_s, end_s + SETTLE_S))
    return replace(load, phases=tuple(phases), web=False)
