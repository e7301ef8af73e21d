"""Looks for the plan's log rules in the bounded logs of a run, while it goes on.

Reads what was appended since the last look, at most ``READ_LIMIT_BYTES`` a look, and survives the log's rotation
(copied to ``NAME.log.1`` and cut, or renamed to it). Never follows, never holds a line for longer than its rule needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.model import Event, EventName
from harness.plan.log_rules import VALUE_GROUP, LogRule
from harness.redaction import redact_text

READ_LIMIT_BYTES = 4 * 2**20
"""At one look. A log is moved aside at 16 MiB and two of those are kept, so that a slower reading is not yet a loss."""
LINE_LIMIT_BYTES = 64 * 1024
"""A longer line is read as several."""
MARK_BYTES = 64
"""The bytes before the place reached, by which a rotated log is recognised whatever its size has become since."""
KEPT_LINES = 5
KEPT_LINE_CHARS = 300
EAGER_EVENTS = 20
LAZY_PERIOD_S = 60.0
"""A rule's first 20 matches of a look are an event each; later ones are summed over a minute, for runs of a week."""


class LogTail:
    """A log file's new whole lines, once each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rotated = path.with_name(path.name + ".1")
        self._offset = 0
        self._mark = b""
        self._rest = b""

    def read(self) -> tuple[bytes, bool]:
        """Whole lines since the last call, at most 4 MiB, and whether some were lost to a rotation."""
        lost = False
        block = b""
        if not _continues(self._path, self._offset, self._mark):
            if _continues(self._rotated, self._offset, self._mark):
                block = self._take(self._rotated, READ_LIMIT_BYTES)
                if len(block) == READ_LIMIT_BYTES:
                    return self._whole_lines(block), False
            else:
                lost, self._rest = True, b""
            self._offset, self._mark = 0, b""
        block += self._take(self._path, READ_LIMIT_BYTES - len(block))
        return self._whole_lines(block), lost

    def last(self) -> bytes:
        """What stood after the last newline; to be called once, at the end."""
        rest, self._rest = self._rest, b""
        return rest

    def _take(self, path: Path, limit: int) -> bytes:
        try:
            with path.open("rb") as file:
                file.seek(self._offset)
                block = file.read(limit)
        except OSError:
            return b""
        self._offset += len(block)
        self._mark = (self._mark + block)[-MARK_BYTES:]
        return block

    def _whole_lines(self, block: bytes) -> bytes:
        text = self._rest + block
        end = text.rfind(b"\n") + 1
        if len(text) - end > LINE_LIMIT_BYTES:
            end = len(text)
        self._rest = text[end:]
        return text[:end]


def _continues(path: Path, offset: int, mark: bytes) -> bool:
    """Whether ``path`` is still the log of which ``offset`` bytes were read, the last of them ``mark``."""
    if offset == 0:
        return True
    try:
        with path.open("rb") as file:
            file.seek(offset - len(mark))
            return file.read(len(mark)) == mark
    except OSError:
        return False


@dataclass(slots=True)
class Matches:
    """What one rule has found: ``count`` lines, the sum of their values, the first lines as they stood."""

    rule: LogRule
    count: int = 0
    value_sum: float = 0.0
    first_lines: list[str] = field(default_factory=list)
    _told_count: int = 0
    _told_value: float = 0.0
    _told_lines: int = 0
    _events_count: int = 0
    _told_at_s: float = 0.0

    def add(self, line: bytes, value: bytes | None) -> None:
        """Counts one line."""
        self.count += 1
        if value is not None:
            try:
                self.value_sum += float(value)
            except ValueError:
                pass
        if len(self.first_lines) < KEPT_LINES:
            self.first_lines.append(redact_text(line.decode("utf-8", "replace").strip())[:KEPT_LINE_CHARS])

    def event(self, t_s: float, *, last: bool = False) -> Event | None:
        """The matches not yet told, or None where there are none or it is too early."""
        if self.count == self._told_count:
            return None
        if self._events_count >= EAGER_EVENTS and t_s - self._told_at_s < LAZY_PERIOD_S and not last:
            return None
        fields: dict[str, object] = {"rule": self.rule.name, "count": self.count - self._told_count}
        if VALUE_GROUP in self.rule.expression().groupindex:
            fields[VALUE_GROUP] = self.value_sum - self._told_value
        if len(self.first_lines) > self._told_lines:
            fields["lines"] = self.first_lines[self._told_lines :]
        self._told_count, self._told_value, self._told_lines = self.count, self.value_sum, len(self.first_lines)
        self._events_count += 1
        self._told_at_s = t_s
        return Event(t_s, EventName.LOG_MATCH, fields)


class LogWatch:
    """The rules of one run; ``poll`` is called every few seconds, before the logs are rotated."""

    def __init__(self, rules: Iterable[LogRule], logs_dir: Path) -> None:
        self._matches: dict[str, list[tuple[re.Pattern[bytes], Matches]]] = {}
        for rule in rules:
            self._matches.setdefault(rule.service, []).append((rule.expression(), Matches(rule)))
        self._tails = {service: LogTail(logs_dir / f"{service}.log") for service in self._matches}

    def poll(self, t_s: float) -> list[Event]:
        """The events of what was logged since the last poll."""
        return self._look(t_s, last=False)

    def finish(self, t_s: float) -> list[Event]:
        """The events that are still to be told, at the end of the run."""
        return self._look(t_s, last=True)

    def _look(self, t_s: float, *, last: bool) -> list[Event]:
        events = []
        for service, tail in self._tails.items():
            lines, lost = tail.read()
            while last and lines:
                self._search(service, lines)
                lines, _ = tail.read()
            self._search(service, lines + tail.last() if last else lines)
            if lost:
                text = f"the log of {service} was rotated faster than it was read: its log rules have missed lines"
                events.append(Event(t_s, EventName.NOTE, {"text": text}))
            told = (matches.event(t_s, last=last) for _, matches in self._matches[service])
            events += [event for event in told if event is not None]
        return events

    def _search(self, service: str, lines: bytes) -> None:
        for expression, matches in self._matches[service]:
            search_lines(lines, expression, matches)


def search_lines(lines: bytes, expression: re.Pattern[bytes], matches: Matches) -> None:
    """Adds each line of ``lines`` in which ``expression`` is found, once, however often it is found there.

    Jumps from match to match, so that lines without one are never cut out of the block.
    """
    has_value = VALUE_GROUP in expression.groupindex
    position = 0
    while (found := expression.search(lines, position)) is not None:
        start = lines.rfind(b"\n", 0, found.start()) + 1
        end = lines.find(b"\n", found.start())
        end = len(lines) if end < 0 else end
        position = max(end, found.start()) + 1
        line = lines[start:end]
        match = expression.search(line)  # in the line alone: what was found may reach over its end
        if match is not None:
            matches.add(line, match[VALUE_GROUP] if has_value else None)
