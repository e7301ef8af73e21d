"""Locust as the harness starts it, without the load: one idle user and the Memory tab."""

from __future__ import annotations

from locust import User, constant, events, task
from locust.env import Environment

from typing import Any

from locustfiles._memory_tab import add_memory_tab


@events.init.add_listener  # type: ignore[untyped-decorator]
def _add_tab(environment: Environment, **_: Any) -> None:
    add_memory_tab(environment)


class Idle(User):
    """Does nothing, often."""

    wait_time = constant(1)

    @task
    def rest(self) -> None:
        """Nothing."""
