"""What happens to a container beside its numbers: kills, exits, its log and what that takes on disk.

Everything is asked in slices with a beginning and an end. An open-ended follower of a chatty service was half of the
growth in the incident that this project answers; there is none here.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from harness.errors import ProbeError
from harness.model import Event, EventName
from harness.probes.engine import LOG_SLICE_BYTES, LOG_SLICE_LINES, Engine, EngineEvent

KILL_TO_END_S = 5.0
"""An end so soon after an out-of-memory kill is that kill's doing (measured: 0.03 s)."""

DONE_TO_IT = {"pause": "paused", "unpause": "continued after a pause", "destroy": "removed"}
"""What somebody did to it that its numbers do not show."""

LOG_FILE_LIMIT_BYTES = 16 * 2**20
FIRST_LOG_NOTE_BYTES = 100e6
"""The log's size on disk is an event here and at every doubling."""


class ContainerHistory:
    """Each poll asks for what happened since the last one, and takes as long as the engine does.

    Kills inside a container that lives on are the sampler's to report, from the probe's own counter, unless
    ``counts_kills`` is False (a remote engine, whose statistics lack it). The log is kept from ``log_since_s`` on, by
    the engine's clock (None: from now).
    """

    def __init__(
        self,
        engine: Engine,
        container_id: str,
        *,
        log_file: Path,
        probe_name: str = "target",
        counts_kills: bool = True,
        log_since_s: float | None = None,
    ) -> None:
        self._engine, self._id, self._probe_name = engine, container_id, probe_name
        self._log_file = log_file
        self._counts_kills = counts_kills
        self._since_s = engine.now_s()
        self._log_since_s = self._since_s if log_since_s is None else log_since_s
        self._last_kill_s: float | None = None
        self._next_log_note_bytes = FIRST_LOG_NOTE_BYTES
        self._trouble: str | None = None
        self._log_overflowed = False

    def poll(self, t_s: float) -> list[Event]:
        """The events since the last poll; ``t_s`` is now, on the run's clock. Never raises ProbeError."""
        now_s = self._engine.now_s()
        events: list[Event] = []
        try:
            happened = self._engine.events(self._id, self._since_s, now_s)
            events += [event for item in happened for event in self._events_of(item, t_s - (now_s - item.time_s))]
            self._since_s = now_s  # what was told is told, even where the log has gone with a removed container
            events += self._save_log(self._log_since_s, now_s, t_s)
            self._log_since_s = now_s
            events += self._log_size(t_s)
        except ProbeError as error:
            return [*events, *self._in_trouble(str(error), t_s)]
        self._trouble = None
        return events

    def _events_of(self, item: EngineEvent, t_s: float) -> list[Event]:
        if item.action in DONE_TO_IT:
            return [note(t_s, f"the container of {self._probe_name} was {DONE_TO_IT[item.action]}")]
        if item.action == "oom":
            self._last_kill_s = item.time_s
            return [] if self._counts_kills else [self._kill(t_s)]
        if item.action != "die":
            return []
        text = f"the container of {self._probe_name} ended with exit code {item.exit_code}"
        events = []
        if self._last_kill_s is not None and item.time_s - self._last_kill_s <= KILL_TO_END_S:
            text += ", killed out of memory"
            if self._counts_kills:
                events.append(self._kill(t_s))
        self._last_kill_s = None
        return [*events, note(t_s, text)]

    def _kill(self, t_s: float) -> Event:
        return Event(t_s, EventName.OOM_KILL, {"probe": self._probe_name, "count": 1})

    def _in_trouble(self, reason: str, t_s: float) -> list[Event]:
        """One note when trouble begins; the slice is asked for again at the next poll."""
        known, self._trouble = self._trouble, reason
        return [] if known == reason else [note(t_s, f"the container's events and log could not be read: {reason}")]

    def _save_log(self, since_s: float, until_s: float, t_s: float) -> list[Event]:
        found = self._engine.log(self._id, since_s, until_s)
        if found.text:
            cut = not found.is_whole and not found.text.endswith(b"\n")
            self._append(found.text + b"\n" * cut)
        if found.is_whole or self._log_overflowed:
            return []
        self._log_overflowed = True
        text = (
            f"the container logs more than is read ({LOG_SLICE_LINES:,} lines or {LOG_SLICE_BYTES >> 20} MiB every few "
            f"seconds): logs/{self._log_file.name} is incomplete, and log rules may miss lines"
        )
        return [note(t_s, text)]

    def _append(self, lines: bytes) -> None:
        with contextlib.suppress(OSError):  # the numbers matter more than the words; a full disk ends the run elsewhere
            if self._log_file.exists() and self._log_file.stat().st_size > LOG_FILE_LIMIT_BYTES:
                self._log_file.replace(self._log_file.with_name(self._log_file.name + ".1"))
            with self._log_file.open("ab") as log:
                log.write(lines)

    def _log_size(self, t_s: float) -> list[Event]:
        """What the engine's own file of the log, with its rotated ones, takes on this machine's disk."""
        path = self._engine.state(self._id).log_path
        if not path:
            return []
        size_bytes = 0
        with contextlib.suppress(OSError):
            size_bytes = sum(file.stat().st_size for file in Path(path).parent.glob(Path(path).name + "*"))
        if size_bytes < self._next_log_note_bytes:
            return []
        while self._next_log_note_bytes <= size_bytes:
            self._next_log_note_bytes *= 2
        return [note(t_s, f"the container's log takes {size_bytes / 1e6:.0f} MB on disk ({path})")]


def note(t_s: float, text: str) -> Event:
    return Event(t_s, EventName.NOTE, {"text": text})
