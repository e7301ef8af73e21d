"""Normal use: 15 queries in 15 minutes, each heard to the end and closed politely."""

from __future__ import annotations

from harness.model import LoadKind
from locustfiles._caller import Caller


class Normal(Caller):
    """One user after another asks, listens, and says goodbye."""

    kinds = (LoadKind.NORMAL,)
