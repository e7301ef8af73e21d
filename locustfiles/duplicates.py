"""The same query posted twice, 17 ms apart as in the incident, and in larger bursts."""

from __future__ import annotations

from harness.model import LoadKind
from locustfiles._caller import Caller


class Duplicates(Caller):
    """Every query is a burst; a burst is one query."""

    kinds = (LoadKind.DUPLICATE,)
