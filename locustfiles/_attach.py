"""Records the load of a locustfile that knows nothing of this project; given to Locust beside it, before it.

Kinds are its request names. Where it has no shape of its own its users come and go by the plan: load, drain, true idle,
several times, so that what the use costs can be told from what time costs.
"""

# mypy: disable-error-code="no-untyped-call,untyped-decorator"
# Locust's events carry no types.

from __future__ import annotations

from locust import LoadTestShape, events
from locust.env import Environment
from locust.runners import Runner

import json
import os
import time
from dataclasses import replace
from typing import Any, ClassVar

import gevent

from harness.model.load import LOAD_VARIABLE, LoadPlan, Phase
from locustfiles._memory_tab import add_memory_tab
from locustfiles._session import Part, Session
from locustfiles._tally import Tally

DRAIN_LOOK_S = 0.05


class PlannedUsers(LoadTestShape):
    """As many users as the plan says in its phases of load, and none between them."""

    abstract: ClassVar[bool] = (
        True  # Locust would start a shape of its own choice among several: this one is set by hand
    )

    def __init__(self, plan: LoadPlan, runner: Runner | None) -> None:
        super().__init__()
        self._plan = plan
        self.runner = runner

    def tick(self) -> tuple[int, float]:
        """Locust asks once a second."""
        users_count = self._plan.arrivals.users_count
        return (users_count if self._is_loaded(self.get_run_time()) else 0), float(users_count)

    def _is_loaded(self, at_s: float) -> bool:
        return any(not phase.is_idle and phase.start_s <= at_s < phase.end_s for phase in self._plan.phases)


class Watcher:
    """Stands where a player stands in our own scenarios: here Locust drives, and this waits for the drains."""

    def __init__(self, part: Part, runner: Runner) -> None:
        self._part = part
        self._runner = runner

    def play(self) -> None:
        """Returns when the plan's time is over."""
        for number, phase in enumerate(self._part.plan.phases):
            gevent.sleep(max(self._part.begins_s + phase.end_s - time.monotonic(), 0.0))
            if not phase.is_idle:
                self._drain(phase)
            self._part.report_drained(number)

    def _drain(self, phase: Phase) -> None:
        until_s = self._part.begins_s + phase.end_s + self._part.plan.drain_timeout_s
        while self._runner.user_count > 0 and time.monotonic() < until_s:
            gevent.sleep(DRAIN_LOOK_S)

    def abandon(self, name: str) -> None:
        """Locust ends its users itself."""


def without_cycles(plan: LoadPlan) -> LoadPlan:
    """The plan for a file that drives by a shape of its own: nothing in it drains or idles on our word, so nothing may
    be told as if it did; only the warm-up is told apart."""
    warmup, last = plan.phases[0], plan.phases[-1]
    whole = Phase(f"{warmup.kind}-1", warmup.kind, 1, warmup.end_s, last.end_s, kinds=warmup.kinds)
    return replace(plan, phases=(warmup, whole), drain_timeout_s=0.0)


def _count_requests(environment: Environment, tally: Tally, runner: Runner) -> None:
    def on_request(
        name: str, response_time: float, response_length: int, exception: BaseException | None = None, **_: Any
    ) -> None:
        failure = None if exception is None else type(exception).__name__
        tally.request(name, response_time or 0.0, response_length or 0, failure)

    def on_user_error(exception: BaseException, **_: Any) -> None:
        tally.failed_outside(type(exception).__name__)

    tally.watch_users(lambda: runner.user_count)
    environment.events.request.add_listener(on_request)
    environment.events.user_error.add_listener(on_user_error)


@events.init.add_listener
def on_init(environment: Environment, **_: Any) -> None:
    """Attaches recorder and shape; Locust fires this once in every process."""
    runner = environment.runner
    assert runner is not None
    session = Session(environment)
    session.attach()
    add_memory_tab(environment)
    if environment.shape_class is not None:
        session.adapt = without_cycles
    elif session.conducts:
        plan = LoadPlan.from_json(json.loads(os.environ[LOAD_VARIABLE]))
        environment.shape_class = PlannedUsers(plan, runner)
    if session.plays:
        _count_requests(environment, session.tally, runner)
        gevent.spawn(session.play, lambda part: Watcher(part, runner))
