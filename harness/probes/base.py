"""What a probe is: a named reader of one thing's numbers.

A probe never decides, never stores and never retries: it reads, or says why it could not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.model import Column, Identity, Role

Reading = Mapping[str, float | int | None]
"""Column name to value; ``None`` (a blank cell) where this reading could not tell."""


class Probe(Protocol):
    """Reads one thing. Names are unique in a run; ``columns`` never change once it exists."""

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> Role: ...

    @property
    def period_s(self) -> float: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...

    def check(self) -> str | None:
        """Why this probe cannot work here, with what to do, or None. Called once before the run."""

    def identity(self) -> Identity | None:
        """Who is being read right now; a change between two readings is a restart. None where nothing can tell."""

    def read(self) -> Reading:
        """One reading. Raises ProbeError when nothing could be read."""

    def close(self) -> None:
        """Gives back what the probe holds (sockets, files)."""
