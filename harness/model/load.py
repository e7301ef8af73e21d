"""The load plan as data: what the harness hands to the Locust process, and nothing else passes between them.

The harness computes the phases (``harness.timeline``) and passes the plan as JSON in ``SOAK_LOAD``; the scenario plays
it. ``SOAK_STARTED_MONOTONIC_S`` is the monotonic clock at ``t_s`` 0 (on Linux that clock is common to all processes),
``SOAK_RUN_DIR`` the directory that receives ``load.csv``, ``SOAK_EVENTS_FD`` the descriptor that takes events as JSON lines.
"""

from __future__ import annotations

LOAD_VARIABLE = "SOAK_LOAD"
STARTED_VARIABLE = "SOAK_STARTED_MONOTONIC_S"
RUN_DIR_VARIABLE = "SOAK_RUN_DIR"
EVENTS_FD_VARIABLE = "SOAK_EVENTS_FD"
