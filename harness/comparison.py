"""Two sides of an experiment, each one stored run or several: what differs, by how much, and how certain that is.

Reads run directories and calls the analysis, like ``harness.assess``; the statistics are ``harness.analysis.compare``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.analysis.compare import Change, Difference, Use, at_rates, compare, mean_rates
from harness.assess import assess
from harness.burden import Burden, burden_of
from harness.matching import machine_mismatches, machine_remarks, unless_equal, unless_similar
from harness.model import Interval, Limits, Outcome, Role
from harness.recorded import cut_short, limits_of
from harness.rules.circumstances import (
    DEFAULT_FAIL_BYTES_PER_H,
    DEFAULT_FAIL_BYTES_PER_QUERY,
    DEFAULT_PASS_BYTES_PER_H,
    DEFAULT_PASS_BYTES_PER_QUERY,
    growth_limits,
)
from harness.store.reader import StoredRun, read_run
from harness.store.schema import Manifest
from harness.traffic import driven_per_s, sent_by_kind, use_of
from harness.units import format_bytes, format_rate_per_min
from harness.verdict import Verdict

SWING_S = 10.0
_RELATIVE_MARGIN = 0.1
"""Growth by less than a tenth of the base's is no news for a build that leaks anyway."""
_OTHER_RATE = 1.5
"""Growth per hour follows the rate of queries: half as many again are another plan, and no chance arrivals."""
_PLAN_SECTIONS = ("load", "tts")
_PLAN_SETTINGS = ("scenario", "locustfile", "duration_s")
COLLECTIONS_COLUMN = "collections_count"
"""A counter of garbage collections, in any probe of the target: the reference backend has one, a plan may name one."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run, judged, with what a query cost beside memory that stays; None where that was not recorded.

    ``sent_per_query`` is bytes that the client received for each query started (by kind in ``sent_by_kind``),
    ``cpu_s_per_query`` processor time of the target, ``collections_per_query`` its garbage collections, ``swing_bytes``
    how much memory came and went within ten seconds (median), ``driven_per_s`` the queries that were due a second;
    ``cut_short`` says why the run can show a regression but not that there is none; ``use`` holds how often queries of
    each kind were completed, and what one leaves behind.
    """

    path: Path
    manifest: Manifest
    verdict: Verdict
    limits: Limits
    sent_per_query: float | None
    cpu_s_per_query: float | None
    swing_bytes: float | None
    collections_per_query: float | None = None
    sent_by_kind: Mapping[str, float] = field(default_factory=dict)
    driven_per_s: float | None = None
    cut_short: str | None = None
    use: Mapping[str, Use] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KindDifference:
    """Bytes kept per query of one kind; ``reason`` where one side does not know them."""

    kind: str
    difference: Difference | None
    reason: str | None = None
    burden: tuple[Burden, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate against base. ``growth`` and ``time`` are per hour, ``per_query`` and ``kinds`` bytes per query.

    ``burden`` is that of queries at the run's mix. ``outcome`` is FAIL for a regression, PASS without one, INCONCLUSIVE
    where that is not certain, INVALID where a run is. ``persists`` says whether the candidate certainly still leaks;
    None = not certain either way.
    """

    base: tuple[Path, ...]
    candidate: tuple[Path, ...]
    outcome: Outcome
    summary: str
    reasons: tuple[str, ...]
    persists: bool | None
    growth: Difference | None
    time: Difference | None
    per_query: Difference | None
    kinds: tuple[KindDifference, ...]
    burden: tuple[Burden, ...]
    mismatches: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data; None for what is not known."""
        return {
            "base": [str(path) for path in self.base],
            "candidate": [str(path) for path in self.candidate],
            "outcome": self.outcome.value,
            "summary": self.summary,
            "reasons": list(self.reasons),
            "persists": self.persists,
            "growth_bytes_per_h": _json(self.growth),
            "growth_time_bytes_per_h": _json(self.time),
            "growth_bytes_per_query": _json(self.per_query),
            "kinds": {
                kind.kind: {
                    "bytes_per_query": _json(kind.difference),
                    "reason": kind.reason,
                    "burden": [row.to_json() for row in kind.burden],
                }
                for kind in self.kinds
            },
            "burden": [row.to_json() for row in self.burden],
            "mismatches": list(self.mismatches),
        }


def _json(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    return {
        "base": difference.base.to_json(),
        "candidate": difference.candidate.to_json(),
        "difference": difference.difference.to_json(),
        "removed_ratio": difference.removed.to_json(),
        "change": difference.change.value,
    }


def measure(path: Path) -> Measured:
    """The run in ``path``, judged under its own limits. Raises RunFormatError."""
    run = read_run(path)
    assessment = assess(path)
    started = 0.0 if run.load is None else float(np.nansum(run.load.columns["started_count"]))
    sent = None if run.load is None or not started else float(np.nansum(run.load.columns["bytes_in"])) / started
    cpu_s, collections = (_counted(run, column) for column in ("cpu_s", COLLECTIONS_COLUMN))
    return Measured(
        path,
        run.manifest,
        assessment.verdict,
        limits_of(run.manifest.config),
        sent,
        cpu_s / started if cpu_s is not None and started else None,
        _swing_bytes(run),
        collections / started if collections is not None and started else None,
        sent_by_kind(run.load),
        driven_per_s(run.load),
        cut_short(run),
        use_of(assessment),
    )


def _counted(run: StoredRun, column: str) -> float | None:
    """What a counter of the target went up by while it was sampled, in the first probe that has it."""
    for series in run.probes.values():
        if series.info.role is Role.TARGET and column in series.columns:
            known = series.columns[column][np.isfinite(series.columns[column])]
            return float(known[-1] - known[0]) if known.size > 1 else None
    return None


def _swing_bytes(run: StoredRun) -> float | None:
    """Median over spans of ``SWING_S`` of highest less lowest sample of the primary metric."""
    probe, _, column = (run.manifest.primary or "").partition(".")
    series = run.probes.get(probe)
    if series is None or column not in series.columns:
        return None
    y = series.columns[column]
    good = np.isfinite(y)
    spans = (series.t_s[good] // SWING_S).astype(np.int64)
    swings = [float(np.ptp(y[good][spans == span])) for span in np.unique(spans)]
    return float(np.median(swings)) if swings else None


def mismatches(base: Sequence[Measured], candidate: Sequence[Measured]) -> tuple[str, ...]:
    """Why the sides cannot be compared: other machines, plans or metrics. The target may differ: it is the question."""
    first = base[0].manifest
    out: list[str] = []
    for run in (*base[1:], *candidate):
        other = run.manifest
        out += machine_mismatches(first.host, other.host)
        out += unless_equal("scenario", first.scenario, other.scenario)
        out += unless_equal("speedup", first.speedup, other.speedup)
        out += unless_equal("metric", base[0].verdict.memory.metric, run.verdict.memory.metric)
        for name in _PLAN_SETTINGS:
            out += unless_equal(f"plan: run.{name}", *(_setting(m, "run", name) for m in (first, other)))
        for section in _PLAN_SECTIONS:
            out += unless_equal(f"plan: [{section}]", first.config.get(section), other.config.get(section))
        if "load" not in first.config and "load" not in other.config:  # no plan was stored: what was driven tells
            out += unless_similar("queries a second", base[0].driven_per_s, run.driven_per_s, _OTHER_RATE)
    return tuple(dict.fromkeys(out))


def _remarks(base: Sequence[Measured], candidate: Sequence[Measured]) -> list[str]:
    """What else differs between the machines, and does not forbid a comparison."""
    first, *others = (run.manifest.host for run in (*base, *candidate))
    return list(dict.fromkeys(text for other in others for text in machine_remarks(first, other)))


def _setting(manifest: Manifest, section: str, name: str) -> object:
    table = manifest.config.get(section)
    return table.get(name) if isinstance(table, dict) else None


def compare_runs(base: Sequence[Measured], candidate: Sequence[Measured]) -> Comparison:
    """Candidate against base, whatever their machines and plans; ``mismatches`` names what differs."""
    limits = base[0].limits
    fail_above, _ = _hour_limits(limits)
    growth = _growth(base, candidate, limits)
    kinds = _kinds(base, candidate)
    persists = _persists(growth, fail_above, candidate)
    outcome, reasons = _outcome(base, candidate, growth, kinds)
    per_query = _difference(base, candidate, lambda v: v.memory.growth_per_query, _query_margin(limits))
    return Comparison(
        base=tuple(run.path for run in base),
        candidate=tuple(run.path for run in candidate),
        outcome=outcome,
        summary=summary(growth, persists),
        reasons=reasons,
        persists=persists,
        growth=growth,
        time=_difference(base, candidate, lambda v: v.memory.growth_time_per_h, _margin_per_h(base, limits)),
        per_query=per_query,
        kinds=kinds,
        burden=burden_of(per_query, *([run.sent_per_query for run in side] for side in (base, candidate))),
        mismatches=(*mismatches(base, candidate), *_remarks(base, candidate)),
    )


def _growth(base: Sequence[Measured], candidate: Sequence[Measured], limits: Limits) -> Difference | None:
    """Growth per hour at the base's mean rates of queries: that one side happened to be asked more is no regression."""
    rates_per_h = mean_rates([run.use for run in base])
    sides = [[at_rates(run.verdict.memory.growth_per_h, run.use, rates_per_h) for run in s] for s in (base, candidate)]
    least = min(_hour_limits(limits)[0], DEFAULT_FAIL_BYTES_PER_H)
    return compare(sides[0], sides[1], _margin_per_h(base, limits), least=least)


def _hour_limits(limits: Limits) -> tuple[float, float]:
    """(certainly leaking above, no leak below) in bytes an hour."""
    hour, _ = growth_limits(limits)
    return hour if hour is not None else (DEFAULT_FAIL_BYTES_PER_H, DEFAULT_PASS_BYTES_PER_H)


def _margin_per_h(base: Sequence[Measured], limits: Limits) -> float:
    """More growth than this would matter: a whole budget, or a tenth of what the base grows."""
    estimates = [run.verdict.memory.growth_per_h.estimate or 0.0 for run in base]
    return max(_hour_limits(limits)[1], _RELATIVE_MARGIN * sum(estimates) / len(estimates))


def _query_margin(limits: Limits) -> float:
    _, query = growth_limits(limits)
    return query[1] if query is not None else DEFAULT_PASS_BYTES_PER_QUERY


def _difference(
    base: Sequence[Measured],
    candidate: Sequence[Measured],
    figure: Callable[[Verdict], Interval],
    margin: float,
    confidence: float = 0.95,
    least: float = 0.0,
) -> Difference | None:
    sides = [[figure(run.verdict) for run in side] for side in (base, candidate)]
    return compare(sides[0], sides[1], margin, confidence, least)


def _kinds(base: Sequence[Measured], candidate: Sequence[Measured]) -> tuple[KindDifference, ...]:
    """Every kind at a confidence that holds over all kinds together (Bonferroni), as any of them may regress."""
    names = dict.fromkeys(kind.kind for run in (*base, *candidate) for kind in run.verdict.kinds)
    confidence = 1.0 - 0.05 / max(len(names), 1)
    margin, least = _query_margin(base[0].limits), DEFAULT_FAIL_BYTES_PER_QUERY
    out = []
    for name in names:
        difference = _difference(base, candidate, lambda v, name=name: _of_kind(v, name)[0], margin, confidence, least)  # type: ignore[misc]
        reasons = [_of_kind(run.verdict, name)[1] for run in (*base, *candidate)]
        reason = next((reason for reason in reasons if reason is not None), None) if difference is None else None
        sent = ([run.sent_by_kind.get(name) for run in side] for side in (base, candidate))
        out.append(KindDifference(name, difference, reason, burden_of(difference, *sent)))
    return tuple(out)


def _of_kind(verdict: Verdict, name: str) -> tuple[Interval, str | None]:
    for figures in verdict.kinds:
        if figures.kind == name:
            return figures.bytes_per_query, figures.reason
    return Interval(), f"no query of kind {name}"


def _persists(growth: Difference | None, fail_above: float, candidate: Sequence[Measured]) -> bool | None:
    if growth is None or growth.candidate.low is None or growth.candidate.high is None:
        return None
    if growth.candidate.low > min(fail_above, DEFAULT_FAIL_BYTES_PER_H) and any(map(_leaks, candidate)):
        return True
    return False if growth.candidate.high < DEFAULT_PASS_BYTES_PER_H else None


def _leaks(run: Measured) -> bool:
    """Whether growth fails the run under its own limits or the default ones: a small leak under a generous budget is
    one, a young process that settles is none."""
    return _fails_by_growth(run.verdict) or _fails_by_growth(assess(run.path, Limits()).verdict)


def _fails_by_growth(verdict: Verdict) -> bool:
    return any(gate.name in _OF_GROWTH and gate.outcome is Outcome.FAIL for gate in verdict.gates)


_OF_GROWTH = ("max_growth", "max_growth_per_query")


def _outcome(
    base: Sequence[Measured],
    candidate: Sequence[Measured],
    growth: Difference | None,
    kinds: Sequence[KindDifference],
) -> tuple[Outcome, tuple[str, ...]]:
    invalid = tuple(
        f"{run.path.name} is invalid: {run.verdict.reasons[0] if run.verdict.reasons else 'no reason given'}"
        for run in (*base, *candidate)
        if run.verdict.outcome is Outcome.INVALID
    )
    if invalid:
        return Outcome.INVALID, invalid
    if growth is None:
        return Outcome.INCONCLUSIVE, ("the growth of one side is not known: its runs are too short",)
    worse = [
        f"kind {kind.kind} leaves {_size(kind.difference.difference.estimate)} a query more than before"
        for kind in kinds
        if kind.difference is not None
        and kind.difference.change is Change.WORSE
        and (kind.difference.candidate.low or 0.0) > 0.0  # more than a base that seemed to shrink is not yet growth
    ]
    if growth.change is Change.WORSE and (growth.candidate.estimate or 0.0) > 0.0:
        worse.insert(0, f"growth rose by {_rate(growth.difference.estimate)}")
    if worse:
        return Outcome.FAIL, tuple(worse)
    if growth.change is Change.UNKNOWN:
        high = _rate(growth.difference.high)
        return Outcome.INCONCLUSIVE, (f"growth may have risen by up to {high}: longer or more runs would tell",)
    cut = tuple(f"{run.path.name}: {run.cut_short}" for run in (*base, *candidate) if run.cut_short is not None)
    if cut:
        return Outcome.INCONCLUSIVE, cut
    return Outcome.PASS, ()


def summary(growth: Difference | None, persists: bool | None) -> str:
    """The comparison in one sentence."""
    if growth is None:
        return "the growth of one side is not known"
    after = _rate(growth.candidate.estimate)
    if growth.change is Change.BETTER:
        head = f"removes {share(growth.removed)} of the growth"
        if growth.removed.estimate is None:
            head = f"lowers the growth by {_rate(-(growth.difference.estimate or 0.0))}"
    elif growth.change is Change.WORSE:
        head = f"grows {_rate(growth.difference.estimate)} faster"
    else:
        head = "no certain difference" if growth.change is Change.UNKNOWN else "no difference that matters"
    known = growth.removed.estimate is not None  # the base leaked for certain
    tails = {
        True: f"the leak persists: {after}"
        if known
        else f"the base showed no certain leak, the candidate has: {after}",
        False: f"what is left is below {_rate(growth.candidate.high)}",
        None: f"up to {_rate(growth.candidate.high)} may be left",
    }
    return f"{head}; {tails[persists]}"


def share(removed: Interval) -> str:
    """A removed share in per cent with its interval: ``20 % (12 to 27 %)``."""
    if removed.estimate is None:
        return "an unknown share"
    ends = "" if removed.low is None or removed.high is None else f" ({removed.low:.0%} to {removed.high:.0%})"
    return f"{removed.estimate:.0%}{ends}".replace("%", " %").replace(" % to", " to")


def _rate(bytes_per_h: float | None) -> str:
    return "an unknown rate" if bytes_per_h is None else format_rate_per_min(bytes_per_h)


def _size(size_bytes: float | None) -> str:
    return "an unknown size" if size_bytes is None else format_bytes(size_bytes)
