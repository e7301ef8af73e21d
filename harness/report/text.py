"""Text from outside (names, log lines, errors) made safe to show: one line, visible, of bounded length.

Escaping for HTML, XML or Markdown is the renderer's own; this comes before it, once, for all of them.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

MAX_CHARACTERS = 300
"""Longest piece of foreign text that a report shows; the rest stays in the run directory."""

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories that could move a cursor, turn the reading direction, or break XML."""


def printable(text: object, limit: int = MAX_CHARACTERS) -> str:
    """``text`` in one line: control, bidirectional and unpaired characters as ``\\x1b``; cut after ``limit``."""
    raw = str(text)
    shown = "".join(_visible(character) for character in raw[:limit])
    rest = len(raw) - limit
    return f"{shown} … ({rest:,} more characters)" if rest > 0 else shown


def short(text: object, limit: int) -> str:
    """A label of at most ``limit`` characters, safe to show."""
    shown = printable(text, 10 * limit)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def distinct(texts: Iterable[str], limit: int) -> dict[str, str]:
    """A label for each of ``texts``; those that would be cut to the same one begin where they differ."""
    labels = {text: short(text, limit) for text in texts}
    taken = Counter(labels.values())
    return {
        text: label if taken[label] == 1 else _from_difference(text, [t for t in labels if labels[t] == label], limit)
        for text, label in labels.items()
    }


def _from_difference(text: str, alike: Sequence[str], limit: int) -> str:
    shared = next((at for at, letters in enumerate(zip(*alike, strict=False)) if len(set(letters)) > 1), len(text))
    return short("…" + text[max(0, shared - limit // 2) :], limit)


def _visible(character: str) -> str:
    if character in "\n\t":
        return " "
    if unicodedata.category(character) in _INVISIBLE or ord(character) in (0xFFFE, 0xFFFF):
        return character.encode("unicode_escape").decode("ascii")
    return character
