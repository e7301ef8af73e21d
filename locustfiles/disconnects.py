"""Every way to leave without a goodbye: resets, half-open connections, slow readers, barge-in, unopened streams."""

from __future__ import annotations

from harness.model import LoadKind
from locustfiles._caller import Caller


class Disconnects(Caller):
    """The ways take turns, so that all are equally often."""

    kinds = (LoadKind.DISCONNECT,)
