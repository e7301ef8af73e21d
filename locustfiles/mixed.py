"""Cycles of one kind of use, drain, idle, another kind: the scenario that tells which use leaks."""

from __future__ import annotations

from harness.model import LoadKind
from locustfiles._caller import Caller


class Mixed(Caller):
    """Which kind comes when is the plan's."""

    kinds = (LoadKind.NORMAL, LoadKind.DUPLICATE, LoadKind.DISCONNECT)
