"""The Locust side of one process: hears what Locust says, plays this process's share, reports, and ends.

Alone, a process plays, records and ends by itself; with workers they play, and the master records and ends. Either way
the same reports pass, by Locust's own messages.
"""

# mypy: disable-error-code="no-untyped-call"
# Locust's events and its page carry no types.

from __future__ import annotations

from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

import json
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gevent
from gevent.event import AsyncResult

from harness.model.load import EVENTS_FD_VARIABLE, LOAD_VARIABLE, RUN_DIR_VARIABLE, STARTED_VARIABLE, LoadPlan
from locustfiles._conductor import Conductor, EventPipe, harness_has_gone
from locustfiles._phases import Share
from locustfiles._recorder import LoadFile
from locustfiles._tally import Report, Tally
from locustfiles._voice import STOPPED

REPORT_MESSAGE = "soak_report"
SHARE_MESSAGE = "soak_share"
STOP_MESSAGE = "soak_stop"

LOCAL_CLIENT = "local"

HEAD_START_S = 0.5
"""Between the moment the master says when the load begins and that moment, so that every worker has heard it."""

LAST_REPORT_S = 1.0
"""What a master that is being stopped waits for its workers' last reports."""

WATCH_PERIOD_S = 0.5
HARD_END_S = 3.0
"""A process that has not ended by itself this long after its harness has gone is ended."""

KEPT_SECONDS_COUNT = 60
KEPT_HISTORY_COUNT = 720
"""Locust keeps numbers of every second and a record every 5 s for its page, for ever; these many are enough for it."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """What a process needs to play its share; ``begins_s`` is the monotonic clock at the start of the load."""

    plan: LoadPlan
    share: Share
    begins_s: float
    run_name: str
    tally: Tally
    report_drained: Callable[[int], None]


class Playing(Protocol):
    """Whatever makes the load of one process."""

    def play(self) -> None:
        """Returns when the plan has been played and nothing is in flight."""

    def abandon(self, name: str) -> None:
        """Ends what is in flight at once, counted under ``name``."""


class Session:
    """This process's part in the load, from Locust's start to its end.

    ``adapt`` may be set before the load begins, by whoever knows better than the plan what will be driven.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.conducts = not isinstance(environment.runner, WorkerRunner)
        self.plays = not isinstance(environment.runner, MasterRunner)
        self.adapt: Callable[[LoadPlan], LoadPlan] = lambda plan: plan
        self.share: AsyncResult[dict[str, Any]] = AsyncResult()
        self._started_s = float(os.environ.get(STARTED_VARIABLE, time.monotonic()))
        self.tally = Tally()
        self._player: Playing | None = None
        self._conductor: Conductor | None = None
        self._playing = False
        self._drained = -1
        self._cpu_percent: float | None = None
        self._finished = False
        descriptor = os.environ.get(EVENTS_FD_VARIABLE)
        self._events_fd = None if descriptor is None else int(descriptor)

    def attach(self) -> None:
        """Registers for everything of Locust's that this process has to hear."""
        hooks, runner = self.environment.events, self.environment.runner
        assert runner is not None
        hooks.quitting.add_listener(self._on_quitting)
        hooks.usage_monitor.add_listener(self._on_usage)
        if self.conducts:
            hooks.test_start.add_listener(self._on_test_start)
            hooks.test_stop.add_listener(self._on_test_stop)
            runner.register_message(REPORT_MESSAGE, self._on_report)
        else:
            runner.register_message(SHARE_MESSAGE, self._on_share)
            runner.register_message(STOP_MESSAGE, self._on_stop)
        if self._events_fd is not None:
            gevent.spawn(self._watch_harness)

    # The process that conducts: alone, or the master.

    def _on_test_start(self, environment: Environment, **_: Any) -> None:
        if self._conductor is not None:
            return  # started again on Locust's page: the plan is played once
        runner = environment.runner
        assert runner is not None
        workers = sorted(runner.clients.keys()) if isinstance(runner, MasterRunner) else []
        plan = self.adapt(LoadPlan.from_json(json.loads(os.environ[LOAD_VARIABLE])))
        begins_s = time.monotonic() + (HEAD_START_S if workers else 0.0)
        pipe = EventPipe(self._events_fd, lambda: time.monotonic() - self._started_s)
        load_file = LoadFile(Path(os.environ[RUN_DIR_VARIABLE]))
        self._conductor = Conductor(plan, workers or [LOCAL_CLIENT], load_file, pipe, begins_s)
        share = {"plan": plan.to_json(), "run_name": secrets.token_hex(4), "begins_s": begins_s - self._started_s}
        for index, worker in enumerate(workers):
            now_s = time.monotonic() - self._started_s
            part = {"index": index, "count": len(workers), "now_s": now_s}
            runner.send_message(SHARE_MESSAGE, share | part, worker)
        if not workers:
            self.share.set(share | {"index": 0, "count": 1})
        gevent.spawn(self._conduct)

    def _conduct(self) -> None:
        assert self._conductor is not None
        played = self._conductor.run()
        self._end(0 if played else 1)

    def _on_test_stop(self, **_: Any) -> None:
        """Stopped before the plan was played: on Locust's page, or because the last worker has gone."""
        if self._conductor is not None and not self._finished:
            logger.error("the load was stopped before its plan was played")
            self._conductor.note_stopped_early()
            gevent.spawn(self._end, 1)

    def _end(self, exit_code: int) -> None:
        """Ends Locust, once."""
        if self._finished:
            return
        self._finished = True
        self.environment.process_exit_code = exit_code
        if self._conductor is not None:
            self._conductor.close()
        if self.environment.runner is not None:
            self.environment.runner.quit()
        if self.environment.web_ui is not None:
            self.environment.web_ui.stop()

    def _on_report(self, msg: Any, **_: Any) -> None:
        if self._conductor is not None:
            self._conductor.take(msg.node_id, Report.from_message(msg.data))

    # The processes that play: alone, or the workers.

    def _on_share(self, msg: Any, **_: Any) -> None:
        if STARTED_VARIABLE not in os.environ:
            self._started_s = time.monotonic() - msg.data["now_s"]  # another machine, another clock
        self.share.set(msg.data)

    def play(self, make_player: Callable[[Part], Playing]) -> None:
        """Plays this process's share; returns when it has been played and reported.

        Returns at once where another user of this process plays already (users added on Locust's page).
        """
        if self._playing:
            return
        self._playing = True
        share = self.share.get()
        plan = LoadPlan.from_json(share["plan"])
        part = Part(
            plan=plan,
            share=Share(share["index"], share["count"]),
            begins_s=self._started_s + share["begins_s"],
            run_name=share["run_name"],
            tally=self.tally,
            report_drained=self._report_drained,
        )
        try:
            self._player = make_player(part)
        except Exception:
            gevent.spawn(self._end, 1)
            raise
        ticker = gevent.spawn(self._report_regularly, plan.row_period_s)
        try:
            self._player.play()
        finally:
            ticker.kill()
            self._report_last()

    def _report_regularly(self, period_s: int) -> None:
        end_s = int((time.monotonic() - self._started_s) // period_s + 1) * period_s
        while True:
            gevent.sleep(max(self._started_s + end_s - time.monotonic(), 0.0))
            self._send(self.tally.take(float(end_s)))
            end_s += period_s
            if end_s % (60 * period_s) == 0:
                forget_old_statistics(self.environment)

    def _report_drained(self, phase_number: int) -> None:
        self._drained = phase_number
        self._send(Report(end_s=0.0))

    def _report_last(self) -> None:
        report = self.tally.take(time.monotonic() - self._started_s)
        report.finished = True
        self._send(report)

    def _send(self, report: Report) -> None:
        report.drained = self._drained
        report.cpu_percent, self._cpu_percent = self._cpu_percent, None
        if self._conductor is not None:
            self._conductor.take(LOCAL_CLIENT, report)
        elif self.environment.runner is not None:
            self.environment.runner.send_message(REPORT_MESSAGE, report.to_message())

    # Both.

    def _on_usage(self, cpu_usage: float, **_: Any) -> None:
        self._cpu_percent = cpu_usage
        if self._conductor is not None and not self.plays:
            self._conductor.watch_cpu("master", cpu_usage)

    def _on_stop(self, **_: Any) -> None:
        """The master is being stopped."""
        self._abandon()

    def _on_quitting(self, environment: Environment, **_: Any) -> None:
        """Locust is ending, as planned or by a signal: nothing may stay in flight or unwritten."""
        runner = environment.runner
        if isinstance(runner, MasterRunner) and self._conductor is not None and not self._finished:
            runner.send_message(STOP_MESSAGE)
            self._conductor.wait_finished(LAST_REPORT_S)
        self._abandon()
        if self._conductor is not None:
            self._finished = True
            self._conductor.close()

    def _abandon(self) -> None:
        if self._player is not None and not self._finished:
            self._player.abandon(STOPPED)
            self._report_last()

    def _watch_harness(self) -> None:
        """A load whose harness has gone ends by itself."""
        assert self._events_fd is not None
        while not harness_has_gone(self._events_fd):
            gevent.sleep(WATCH_PERIOD_S)
        os.kill(os.getpid(), signal.SIGTERM)
        gevent.sleep(HARD_END_S)
        os._exit(1)


def forget_old_statistics(environment: Environment) -> None:
    """Drops what Locust keeps for its page beyond what the page shows, so that memory does not grow with the run."""
    statistics = environment.stats
    del statistics.history[:-KEPT_HISTORY_COUNT]
    oldest = int(time.time()) - KEPT_SECONDS_COUNT
    for entry in (statistics.total, *statistics.entries.values()):
        for per_second in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
            for second in [second for second in per_second if second < oldest]:
                del per_second[second]
