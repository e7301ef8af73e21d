"""The ground truth: what each fault retains at this moment, in payload bytes and objects.

Reads what the faults' owners count and keeps nothing itself. No object is held by two faults (raw audio, encoded events
and tables are different objects), so the total is the sum.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voice_backend.faults import Fault


@dataclass(frozen=True, slots=True)
class Held:
    """An amount kept: payload bytes and the objects that they are in."""

    retained_bytes: int = 0
    retained_objects: int = 0

    def __add__(self, other: "Held") -> "Held":
        return Held(self.retained_bytes + other.retained_bytes, self.retained_objects + other.retained_objects)

    def as_json(self) -> dict[str, int]:
        """The contract's two fields."""
        return {"retainedBytes": self.retained_bytes, "retainedObjects": self.retained_objects}


class Ledger:
    """What each fault retains, and the total."""

    def __init__(self, sources: Mapping[Fault, Callable[[], Held]]) -> None:
        self._sources = sources

    def read(self) -> dict[str, Held]:
        """By fault name, every fault present, and ``total``."""
        held = {fault.value: self._sources[fault]() if fault in self._sources else Held() for fault in Fault}
        return {**held, "total": sum(held.values(), Held())}
