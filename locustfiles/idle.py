"""No use at all, for an hour: nobody connected, or open streams on which nothing is asked."""

from __future__ import annotations

from locustfiles._caller import Caller


class Idle(Caller):
    """Holds the streams that the plan asks for, and asks nothing."""

    kinds = ()
