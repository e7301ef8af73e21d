"""The one Locust user of a scenario: plays its process's share of the plan, and stops.

A scenario file holds one subclass of ``Caller``; Locust is told to start one of it a process.
"""

# mypy: disable-error-code="no-untyped-call,untyped-decorator"
# Locust's events carry no types.

from __future__ import annotations

from locust import User, events, task
from locust.env import Environment
from locust.exception import StopUser

import os
from typing import Any, ClassVar

from harness.model.load import LOAD_VARIABLE
from locustfiles._memory_tab import add_memory_tab
from locustfiles._phases import Player
from locustfiles._session import Part, Session
from locustfiles._voice import STOPPED, Turn


class Caller(User):
    """Plays the plan once. Subclasses say which kinds of query they are made for."""

    abstract = True
    kinds: ClassVar[tuple[str, ...]] = ()
    session: ClassVar[Session | None] = None

    @task
    def play(self) -> None:
        """Returns when this process's share has been played."""
        if Caller.session is not None:
            Caller.session.play(self._player)
        raise StopUser

    def _player(self, part: Part) -> Player:
        unknown = sorted(set(part.plan.kinds) - set(self.kinds))
        if unknown:
            raise ValueError(f"expected a plan with kinds {', '.join(self.kinds)}, found {', '.join(unknown)}")
        return Player(
            part.plan,
            part.share,
            part.begins_s,
            part.run_name,
            part.tally,
            part.report_drained,
            self._tell_locust if part.plan.web else None,
        )

    def _tell_locust(self, turn: Turn) -> None:
        """Feeds Locust's own statistics, for its page; what Locust's own end has cut is none of its failures."""
        if turn.failure == STOPPED:
            return
        self.environment.events.request.fire(
            request_type="VOICE",
            name=turn.query.kind,
            response_time=(turn.ended_s - turn.query.intended_s) * 1e3,
            response_length=turn.bytes_in,
            exception=None if turn.failure is None else RuntimeError(turn.failure),
            context={},
        )


@events.init.add_listener
def on_init(environment: Environment, **_: Any) -> None:
    """Attaches this process's session; Locust fires this once in every process."""
    Caller.session = Session(environment)
    if Caller.session.conducts and LOAD_VARIABLE not in os.environ:
        raise SystemExit(f"expected the load plan in {LOAD_VARIABLE}, found none; start this scenario with `soak run`")
    Caller.session.attach()
    add_memory_tab(environment)
