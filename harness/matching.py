"""In which ways two stored runs were not made alike, each in words: what forbids a comparison, and what is worth a
remark beside it."""

from __future__ import annotations

from collections.abc import Mapping

_EXACT = ("cores_count", "machine", "page_size_bytes", "system")
_NEARLY = "memory_bytes"
_MOST_MEMORY_RATIO = 1.05
"""Machines of one kind differ by what the firmware keeps: by kilobytes, and by a few per cent among hosted ones."""


def machine_mismatches(base: Mapping[str, object], candidate: Mapping[str, object]) -> list[str]:
    """Which facts about the host forbid a comparison: another processor or system, other memory by more than 5 %."""
    out = [text for name in _EXACT for text in unless_equal(f"machine: {name}", base.get(name), candidate.get(name))]
    sizes = base.get(_NEARLY), candidate.get(_NEARLY)
    if all(isinstance(size, int | float) for size in sizes):
        return out + unless_similar(f"machine: {_NEARLY}", *sizes, most=_MOST_MEMORY_RATIO)  # type: ignore[arg-type]
    return out + unless_equal(f"machine: {_NEARLY}", *sizes)


def machine_remarks(base: Mapping[str, object], candidate: Mapping[str, object]) -> list[str]:
    """Which other facts about the host differ: hosted runners get a new kernel every few weeks."""
    names = sorted({*base, *candidate} - {*_EXACT, _NEARLY})
    return [text for name in names for text in unless_equal(f"machine: {name}", base.get(name), candidate.get(name))]


def unless_equal(what: str, base: object, candidate: object) -> list[str]:
    return [] if base == candidate else [f"{what} differs ({base!s:.60} and {candidate!s:.60})"]


def unless_similar(what: str, base: float | None, candidate: float | None, most: float) -> list[str]:
    """Whether one is more than ``most`` times the other; what is not known does not differ."""
    if base is None or candidate is None or max(base, candidate) <= most * min(base, candidate):
        return []
    return [f"{what} differ ({base:.3g} and {candidate:.3g})"]
