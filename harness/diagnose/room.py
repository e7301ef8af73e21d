"""The bounds of a diagnosis: until when, into which folder, how many bytes; and what a capture is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from harness.diagnose.suspects import Finding
from harness.errors import ProbeError


class OutOfRoom(ProbeError):
    """The diagnosis has used up its time or its disk space."""


class Moment(StrEnum):
    """The two drained moments after the verdict, with more of the same load between them."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Room:
    """What a diagnosis may use; ``interrupted`` raises once the user asks for the end."""

    folder: Path
    deadline_s: float
    max_disk_bytes: float
    interrupted: Callable[[], None]
    clock: Callable[[], float] = time.monotonic

    def check(self) -> None:
        """Raises OutOfRoom when the time is over, and whatever the user's end raises."""
        self.interrupted()
        if self.left_s <= 0:
            raise OutOfRoom("expected the diagnosis to end in time, found it still at work: raise diagnose.timeout")

    @property
    def left_s(self) -> float:
        return self.deadline_s - self.clock()

    @property
    def left_bytes(self) -> float:
        """What may still be written, after what the folder holds already."""
        used = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        return self.max_disk_bytes - used


class Capture(Protocol):
    """One way to look into a target. Every call may raise ProbeError: then this way says why, and the others go on."""

    name: str

    def take(self, moment: Moment, room: Room) -> None:
        """Looks at the target now."""

    def compare(self, room: Room) -> dict[str, Any]:
        """The difference of the two looks, as JSON."""

    def findings(self) -> list[Finding]:
        """What grew, after ``compare``."""

    def remarks(self) -> list[str]:
        """What should be known and is no suspect, after ``compare``."""

    def close(self) -> None:
        """Leaves the target as it was found."""
