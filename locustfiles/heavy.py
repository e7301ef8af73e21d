"""Heavy use: 120 queries in an hour, each heard to the end and closed politely."""

from __future__ import annotations

from harness.model import LoadKind
from locustfiles._caller import Caller


class Heavy(Caller):
    """As in normal use, twice as often and four times as long."""

    kinds = (LoadKind.NORMAL,)
