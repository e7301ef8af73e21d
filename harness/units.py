"""Sizes, durations and rates as people write them, and back.

``MB`` is 10⁶ bytes and ``MiB`` 2²⁰, everywhere. A rate is a size with ``/s /min /h /day`` or ``/query``.
"""

from __future__ import annotations

import re

from harness.errors import UsageError

_SIZE_BYTES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
_DURATION_S = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
S_PER_H = 3600.0
PER_H = {"s": 3600.0, "min": 60.0, "h": 1.0, "day": 1.0 / 24.0}

_MOST = 1e24
"""Far more than any memory holds or any soak lasts."""
_NUMBER = r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_SIZE = re.compile(rf"\s*{_NUMBER}\s*([A-Za-z]+)\s*")
_RATE = re.compile(rf"\s*{_NUMBER}\s*([A-Za-z]+)\s*/\s*([a-z]+)\s*")
_DURATION_PART = re.compile(rf"\s*{_NUMBER}\s*(ms|s|m|h|d)\s*")


def parse_size_bytes(text: str) -> float:
    """Bytes in ``text`` such as ``2 GiB``. Raises UsageError."""
    match = _SIZE.fullmatch(text)
    if match is None or match[2] not in _SIZE_BYTES:
        raise UsageError(f"expected a size such as '500 MB' or '2 GiB' ({' '.join(_SIZE_BYTES)}), found {text!r}")
    return _bounded(float(match[1]) * _SIZE_BYTES[match[2]], text)


def parse_duration_s(text: str) -> float:
    """Seconds in ``text`` such as ``90s``, ``2h`` or ``1h30m``; more than zero. Raises UsageError."""
    position, total_s = 0, 0.0
    while position < len(text):
        match = _DURATION_PART.match(text, position)
        if match is None:
            break
        total_s += float(match[1]) * _DURATION_S[match[2]]
        position = match.end()
    if position == 0 or position < len(text) or total_s <= 0:
        raise UsageError(f"expected a duration such as '90s', '10m' or '2h' (ms s m h d), found {text!r}")
    return _bounded(total_s, text)


def parse_rate_bytes_per_h(text: str) -> float:
    """Bytes per hour in ``text`` such as ``50 MB/min``. Raises UsageError, also for ``/query``."""
    size_bytes, per = _parse_rate(text)
    if per not in PER_H:
        raise UsageError(f"expected a rate over time such as '50 MB/min' (/s /min /h /day), found {text!r}")
    return size_bytes * PER_H[per]


def parse_bytes_per_query(text: str) -> float:
    """Bytes in ``text`` such as ``4 KiB`` or ``4 KiB/query``. Raises UsageError."""
    if "/" not in text:
        return parse_size_bytes(text)
    size_bytes, per = _parse_rate(text)
    if per != "query":
        raise UsageError(f"expected a size per query such as '4 KiB' or '4 KiB/query', found {text!r}")
    return size_bytes


def _parse_rate(text: str) -> tuple[float, str]:
    match = _RATE.fullmatch(text)
    if match is None or match[2] not in _SIZE_BYTES or match[3] not in (*PER_H, "query"):
        raise UsageError(
            f"expected a rate such as '50 MB/min' or '4 KiB/query' (/s /min /h /day /query), found {text!r}"
        )
    return _bounded(float(match[1]) * _SIZE_BYTES[match[2]], text), match[3]


def _bounded(value: float, text: str) -> float:
    """``value`` itself. Raises UsageError for what squares and sums of it could not be computed from."""
    if value > _MOST:
        raise UsageError(f"expected at most {_MOST:g} bytes or seconds, found {text[:40]!r}")
    return value


def format_bytes(size_bytes: float) -> str:
    """``size_bytes`` in the decimal unit that people read best: ``812 MB``, ``-1.20 kB``."""
    magnitude = abs(size_bytes)
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if magnitude >= 0.9995 * factor:
            return f"{_three_digits(size_bytes / factor)} {unit}"
    return f"{size_bytes:z.0f} B"


def format_whole_bytes(size_bytes: float) -> str | None:
    """``4 KiB`` where that is what it is, for limits as people write them; None where it is no whole number of KiB, or
    one of kB as well."""
    if size_bytes % 1000 == 0:
        return None
    for unit in ("GiB", "MiB", "KiB"):
        if size_bytes >= _SIZE_BYTES[unit] and size_bytes % _SIZE_BYTES[unit] == 0:
            return f"{size_bytes / _SIZE_BYTES[unit]:g} {unit}"
    return None


def format_rate_per_min(bytes_per_h: float) -> str:
    """A growth rate in megabytes a minute, the unit of the incident."""
    return f"{_three_digits(bytes_per_h / 60e6)} MB/min"


def format_duration(duration_s: float) -> str:
    """``90 s`` as ``1 min 30 s``; at most two units."""
    total_s = round(duration_s)
    if total_s < 60:
        return f"{total_s} s"
    for unit_s, unit, lower_s, lower in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if total_s >= unit_s:
            rest = total_s % unit_s // lower_s
            return f"{total_s // unit_s} {unit}" + (f" {rest} {lower}" if rest else "")
    raise AssertionError("unreachable: at least a minute")


def _three_digits(value: float) -> str:
    magnitude = abs(value)
    if magnitude >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if magnitude >= 9.995 else f"{value:z.2f}"
