"""How long a text takes to say, and when each character is said. Pure numbers, no audio."""

from bisect import bisect_left
from dataclasses import dataclass

PAUSE_S = 0.25
CHARS_PER_S = 16.4
"""Fitted to recorded answers in English: seconds = 0.25 + characters / 16.4."""
CJK_CHARS_PER_S = 4.5

SPEED_RANGE = (0.7, 1.2)
NORMALIZED_LEAD_MS = 35
"""The extra leading space of the normalised alignment, taken from the first letter."""


def _is_cjk(char: str) -> bool:
    return "\u3040" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7af"


def speech_s(text: str, speed: float = 1.0) -> float:
    """Seconds that ``text`` takes at ``speed``, which is clamped to the 0.7 to 1.2 that the API can do."""
    wide = 0 if text.isascii() else sum(map(_is_cjk, text))
    seconds = PAUSE_S + (len(text) - wide) / CHARS_PER_S + wide / CJK_CHARS_PER_S
    return seconds / clamped_speed(speed)


def clamped_speed(speed: float) -> float:
    """The nearest speed that the API can do; any number will do, however large."""
    low, high = SPEED_RANGE
    return float(min(max(speed, low), high))


@dataclass(frozen=True, slots=True)
class Alignment:
    """When each character is said. ``edges_ms`` has one entry more than ``chars``: starts, then the end."""

    chars: tuple[str, ...]
    edges_ms: tuple[int, ...]

    @property
    def starts_ms(self) -> tuple[int, ...]:
        return self.edges_ms[:-1]

    @property
    def durations_ms(self) -> tuple[int, ...]:
        return tuple(end - start for start, end in zip(self.edges_ms, self.edges_ms[1:], strict=False))

    def part(self, start_ms: int, stop_ms: int) -> "Alignment | None":
        """The characters that start in ``[start_ms, stop_ms)``, times unchanged; None when there are none.
        Consecutive parts hold every character once."""
        count = len(self.chars)
        first = bisect_left(self.edges_ms, start_ms, 0, count)
        last = bisect_left(self.edges_ms, stop_ms, first, count)
        return Alignment(self.chars[first:last], self.edges_ms[first : last + 1]) if first < last else None

    def moved(self, by_ms: int) -> "Alignment":
        """The same characters ``by_ms`` later."""
        return Alignment(self.chars, tuple(at_ms + by_ms for at_ms in self.edges_ms))


def align(text: str, duration_ms: int) -> Alignment:
    """Spreads ``text`` evenly over ``duration_ms``; the last edge is exactly ``duration_ms``."""
    count = len(text)
    edges = tuple(duration_ms * index // count for index in range(count + 1)) if count else (0,)
    return Alignment(tuple(text), edges)


def normalized(alignment: Alignment) -> Alignment:
    """The same speech with the leading space that the normaliser adds."""
    if not alignment.chars:
        return alignment
    lead_ms = min(NORMALIZED_LEAD_MS, alignment.edges_ms[1])
    return Alignment((" ", *alignment.chars), (0, lead_ms, *alignment.edges_ms[1:]))
