"""What still stands when a run has been played: for those who look on during it, and into it once it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.model import EndReason, Event


@dataclass(frozen=True, slots=True)
class Standing:
    """A stored run whose target, mock and other services are still alive; only its load has ended.

    ``drive(kinds, seconds, folder)`` plays more of the same load (no kinds: idleness) and gives how many queries ended;
    ``load.csv`` goes to ``folder``. ``check`` raises Interrupted once the user asks for the end; ``now_s`` is the run's
    clock. ``target_pid`` is None where the target's processes are another machine's.
    """

    path: Path
    reason: EndReason
    base_url: str
    target_pid: int | None
    kinds: tuple[str, ...]
    drive: Callable[[tuple[str, ...], float, Path], int]
    check: Callable[[], None]
    now_s: Callable[[], float]


class Witness(Protocol):
    """Looks on during a run, and looks into it afterwards."""

    def begin(self, run_dir: Path, target_pid: Callable[[], int | None]) -> None:
        """The run's directory is open; its logs are in it."""

    def drained(self, t_s: float) -> None:
        """The load has drained. Must be cheap, and must not raise."""

    def poll(self, t_s: float) -> Iterable[Event]:
        """Every few seconds, before the logs are rotated: what is to be noted."""

    def finish(self, t_s: float) -> Iterable[Event]:
        """The load has ended: what is still to be noted."""

    def after_play(self, standing: Standing) -> None:
        """The run is stored. Must not raise but Interrupted."""
