"""Numbers with units as the report prints them: megabytes (10⁶) a minute, kilobytes a query, counts an hour.

Rounding happens here and nowhere earlier; an interval is printed in one unit, that of its largest end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import Interval
from harness.units import format_whole_bytes

UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Measure:
    """Divide by ``factor``; ``unit`` follows the number."""

    factor: float
    unit: str


_SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_FIXED = {
    "count_per_h": Measure(1.0, "per hour"),
    "count": Measure(1.0, ""),
    "count_per_query": Measure(1.0, "per query"),
    "ratio": Measure(0.01, "%"),
    "factor": Measure(1.0, "×"),
    "h": Measure(1.0, "h"),
    "s": Measure(1.0, "s"),
    "ms": Measure(1.0, "ms"),
}


def measure(unit: str, *values: float | None) -> Measure:
    """How values in a contract unit such as ``bytes_per_h`` are printed; sizes by the largest of ``values``."""
    if unit in _FIXED:
        return _FIXED[unit]
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if unit == "bytes_per_h":
        return Measure(60e6, "MB/min") if largest >= 0.6e6 or largest == 0 else Measure(60e3, "kB/min")
    if unit in ("bytes", "bytes_per_query"):
        factor, name = next((size for size in _SIZES if largest >= 0.9995 * size[0]), _SIZES[-1])
        return Measure(factor, name + (" per query" if unit == "bytes_per_query" else ""))
    return Measure(1.0, unit.replace("_per_", " per ").replace("_", " "))


def figure(value: float) -> str:
    """Three significant digits, thousands separated, never an exponent; a real minus sign."""
    if not math.isfinite(value):
        return UNKNOWN
    magnitude = abs(value)
    if magnitude >= 99.95:
        text = f"{value:,.0f}"
    elif magnitude < 1e-9:
        text = "0"
    else:
        decimals = min(3, max(0, 2 - math.floor(math.log10(magnitude))))
        text = f"{value:.{decimals}f}"
        if decimals > 2:
            text = text.rstrip("0").rstrip(".")
    return "0" if not float(text.replace(",", "")) else text.replace("-", "−")


def quantity(value: float | None, unit: str) -> str:
    """``value`` with its unit: ``41.2 MB/min``."""
    if value is None:
        return UNKNOWN
    if unit == "count" and float(value).is_integer():
        return f"{value:,.0f}".replace("-", "−")
    how = measure(unit, value)
    return f"{figure(value / how.factor)} {how.unit}".rstrip()


def interval_text(interval: Interval | None, unit: str, *, level: bool = True) -> str:
    """``41.2 MB/min (95 %: 38.0 to 44.5)``; an open end is said in words, the ``level`` where it is not said nearby."""
    if interval is None or interval.estimate is None:
        return UNKNOWN
    how = measure(unit, interval.estimate, interval.low, interval.high)
    return _in_measure(interval, how, level=level)


def interval_texts(intervals: Sequence[Interval | None], unit: str) -> tuple[str, ...]:
    """Several intervals to be compared, in one unit, that of the largest end of them all."""
    known = [interval for interval in intervals if interval is not None and interval.estimate is not None]
    how = measure(unit, *(end for one in known for end in (one.estimate, one.low, one.high)))
    return tuple(UNKNOWN if interval is None else _in_measure(interval, how) for interval in intervals)


def _in_measure(interval: Interval, how: Measure, *, level: bool = True) -> str:
    if interval.estimate is None:
        return UNKNOWN
    return (
        f"{figure(interval.estimate / how.factor)} {how.unit}".rstrip() + f" ({ends_text(interval, how, level=level)})"
    )


def ends_text(interval: Interval, how: Measure, *, level: bool = True) -> str:
    """The ends alone: ``95 %: 38.0 to 44.5``."""
    before = f"{100 * interval.confidence:.3g} %: " if level else ""
    low, high = interval.low, interval.high
    if low is None and high is None:
        return f"{before}no bounds"
    if low is None or high is None:
        word, end = ("at most", high) if low is None else ("at least", low)
        return f"{before}{word} {figure((end or 0.0) / how.factor)}"
    return f"{before}{figure(low / how.factor)} to {figure(high / how.factor)}"


def limit_text(value: float, unit: str) -> str:
    """A limit as people write it: ``1 KiB`` where that is what it is."""
    if unit in ("bytes", "bytes_per_query") and (size := format_whole_bytes(value)) is not None:
        return size + (" per query" if unit == "bytes_per_query" else "")
    return quantity(value, unit)
