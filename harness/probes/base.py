"""What a probe is: a named reader of one thing's numbers.

A probe never decides, never stores and never retries: it reads, or says why it could not. The sampler calls the
methods of one probe from one thread at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.errors import ProbeError
from harness.model import Column, Identity, Role

Reading = Mapping[str, float | int | None]
"""Column name to value; ``None``, or no entry (a blank cell), where this reading could not tell."""


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

    @property
    def waits(self) -> bool:
        """Whether a reading may wait for somebody else (a server, an engine): it then gets a thread of its own.

        So a target that hangs cannot hold up the readings of the operating system's own numbers.
        """

    def check(self) -> str | None:
        """Why this probe cannot work here, with what to do, or None. Called once before the run."""

    def identity(self) -> Identity | None:
        """Who the last reading was of (before the first: who is there now); None where nothing can tell.

        Another identity than the last known one is a restart. Costs no more than a memory access after a reading.
        """

    def read(self) -> Reading:
        """One reading. Raises ProbeError when nothing could be read, PartialReading when something is missing."""

    def close(self) -> None:
        """Gives back what the probe holds (sockets, files); may be called twice."""


class Gone(ProbeError):
    """What was read has ended, and reading on will not bring it back."""


class PartialReading(ProbeError):
    """Something that should be readable was not; ``reading`` holds the rest, and ``str()`` says what and why."""

    def __init__(self, reason: str, reading: Reading) -> None:
        super().__init__(reason)
        self.reading = reading
