"""Who is suspected, in which order, and in which words: rules over what the captures found and the verdict says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.rules.circumstances import DEFAULT_FAIL_BYTES_PER_QUERY, DEFAULT_PASS_BYTES_PER_QUERY
from harness.units import format_bytes, format_rate_per_min

LEAST_BYTES = 64 * 1024
LEAST_BYTES_PER_QUERY = DEFAULT_FAIL_BYTES_PER_QUERY / 2
"""Half of what fails a query by default: less than either is how a program breathes, not a leak."""
LEAST_UNFAILED_BYTES = 1_000_000
LEAST_SHARE = 0.02
"""Of what the first suspect holds: beside a leak of megabytes the rest is noise."""
LEAST_MAP_BYTES = 1_000_000
MOST_SUSPECTS = 10
NAMED_HOLDERS = 5
"""In a sentence; the file has them all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that grew between the two moments.

    ``what`` are the objects, ``held_by`` the way to the roots, nearest holder first. ``held_bytes`` is what they hold,
    ``parts`` what that is made of. ``source`` names the capture.
    """

    source: str
    what: str
    count: int
    held_bytes: int
    held_by: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    estimate: bool = False


@dataclass(frozen=True, slots=True)
class Suspect:
    """A finding that explains the growth, with its rank's reason in one sentence."""

    finding: Finding
    sentence: str

    def to_json(self) -> dict[str, Any]:
        finding = self.finding
        return {
            "sentence": self.sentence,
            "source": finding.source,
            "what": finding.what,
            "count": finding.count,
            "held_bytes": finding.held_bytes,
            "estimate": finding.estimate,
            "held_by": list(finding.held_by),
            "parts": list(finding.parts),
        }


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at. ``queries_count`` ended between the two moments; ``map_findings`` are the mappings'."""

    verdict: Mapping[str, Any]
    queries_count: int
    findings: Sequence[Finding]
    map_findings: Sequence[Finding] = ()
    broken_rules: Sequence[Finding] = field(default_factory=tuple)


def suspects(case: Case) -> list[Suspect]:
    """Objects first, those that hold most before others; where a runtime told nothing, the mappings; then broken rules.

    Findings too small to be the leak are no suspects. Where the verdict is no fail, only what contradicts it is one:
    what holds more for each query than passes. Mappings and log rules are suspects of a failed run only.
    """
    failed = case.verdict.get("outcome") == "fail"
    least = _least_bytes(case, failed)
    least = max(least, LEAST_SHARE * max((finding.held_bytes for finding in case.findings), default=0))
    ranked = sorted(
        (finding for finding in case.findings if finding.held_bytes >= least),
        key=lambda finding: (-finding.held_bytes, finding.what),
    )
    if not ranked and failed:
        least_map = max(LEAST_MAP_BYTES, least)
        ranked = [finding for finding in case.map_findings if finding.held_bytes >= least_map]
    found = [*ranked[:MOST_SUSPECTS], *(case.broken_rules if failed else ())]
    use = leaking_use(case.verdict)
    return [
        Suspect(finding, _sentence(finding, case.queries_count, use if rank == 0 else ""))
        for rank, finding in enumerate(found)
    ]


def mappings_remark(named: Sequence[Suspect], case: Case, looked_into: Sequence[str]) -> list[str]:
    """What to think of mappings among the suspects where objects were ``looked_into`` and none of them is one."""
    shown = [suspect.finding for suspect in named if suspect.finding in case.map_findings]
    if not shown or not looked_into:
        return []
    most = max(case.findings, key=lambda finding: finding.held_bytes, default=None)
    grew = "nothing grew there" if most is None else f"at most {format_bytes(most.held_bytes)}, in {most.what}"
    return [
        f"no objects are suspected although they were looked into ({', '.join(looked_into)}: {grew}): what is in the "
        "mappings above is not known; it is memory outside of these objects, or kept by the allocator"
    ]


def _least_bytes(case: Case, failed: bool) -> float:
    if failed:
        return max(LEAST_BYTES, LEAST_BYTES_PER_QUERY * case.queries_count)
    passing = [
        float(gate["limit"])
        for gate in case.verdict.get("gates", [])
        if gate.get("name") == "max_growth_per_query" and gate.get("limit") is not None
    ]
    return LEAST_UNFAILED_BYTES + max([*passing, DEFAULT_PASS_BYTES_PER_QUERY]) * case.queries_count


def leaking_kinds(verdict: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds whose growth per query fails its gate, largest first; none where the verdict names none."""
    kinds = verdict.get("kinds", {})
    failed = [
        str(gate.get("kind"))
        for gate in verdict.get("gates", [])
        if gate.get("outcome") == "fail" and gate.get("kind") in kinds
    ]
    return tuple(sorted(dict.fromkeys(failed), key=lambda kind: -(_per_query(verdict, kind) or 0.0)))


def idle_growth(verdict: Mapping[str, Any]) -> float | None:
    """Bytes per hour with time alone, where that is certainly more than nothing."""
    interval = (verdict.get("kinds", {}).get("idle") or {}).get("bytes_per_h") or {}
    low, estimate = interval.get("low"), interval.get("estimate")
    return float(estimate) if low is not None and estimate is not None and low > 0 else None


def leaking_use(verdict: Mapping[str, Any]) -> str:
    """What the verdict says leaks, in words: ``disconnect leaks 268 kB a query``."""
    words = [
        f"{kind} leaks {format_bytes(size)} a query"
        for kind in leaking_kinds(verdict)
        if (size := _per_query(verdict, kind)) is not None
    ]
    idle = idle_growth(verdict)
    if idle is not None and not words:
        words.append(f"time alone leaks {format_rate_per_min(idle)}")
    return ", ".join(words)


def _per_query(verdict: Mapping[str, Any], kind: str) -> float | None:
    interval = (verdict.get("kinds", {}).get(kind) or {}).get("bytes_per_query") or {}
    estimate = interval.get("estimate")
    return None if estimate is None else float(estimate)


def _sentence(finding: Finding, queries_count: int, use: str) -> str:
    about = "about " if finding.estimate else ""
    per_query = f" ({format_bytes(finding.held_bytes / queries_count)} a query)" if queries_count else ""
    clauses = [use] if use else []
    clauses.append(
        f"{about}{format_bytes(finding.held_bytes)} more{per_query} in {finding.what}"
        if finding.held_bytes
        else finding.what
    )
    if finding.parts:
        clauses.append("objects held: " + ", ".join(finding.parts))
    if finding.held_by:
        names = [f"`{name}`" for name in finding.held_by[:NAMED_HOLDERS]]
        clauses.append("held by " + " ← ".join(names + ["…"] * (len(finding.held_by) > NAMED_HOLDERS)))
    return "; ".join(clauses)
