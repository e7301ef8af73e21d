"""The verdict in words says what its figures say, no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.model import Interval, Outcome, Shape
from harness.report.story import curve_title, gate_limit, gate_value, kinds_title, tiles, why
from harness.verdict import GateResult, KindFigures, MetricFigures, Verdict

MEMORY = MetricFigures(
    "target.anon_bytes",
    "bytes",
    Shape.STAIRCASE,
    Interval(30e9, 28e9, 32e9),
    Interval(),
    Interval(),
    Interval(),
    detectable_per_h=6e7,
)
GROWTH = GateResult("max_growth", "bytes_per_h", 60e6, 6e6, 30e9, 27e9, 33e9, 0.99, Outcome.FAIL)
KIND = GateResult(
    "max_growth_per_query", "bytes_per_query", 4096, 1024, 90e3, 80e3, 99e3, 0.99, Outcome.FAIL, "disconnect"
)
FAIL = Verdict(
    Outcome.FAIL,
    ("growth is above the limit",),
    MEMORY,
    kinds=(
        KindFigures("disconnect", Interval(90e3, 84e3, 96e3), 800),
        KindFigures("normal", Interval(), 800, "always driven together"),
    ),
    gates=(GROWTH, KIND),
)


def _flat(outcome: Outcome, gate: Outcome, growth: Interval, shape: Shape = Shape.STABLE) -> Verdict:
    memory = replace(MEMORY, growth_per_h=growth, shape=shape)
    judged = replace(GROWTH, outcome=gate, value=growth.estimate, low=growth.low, high=growth.high)
    return Verdict(outcome, ("said",), memory, gates=(judged,), needs_s=600.0)


def _kinds(*outcomes: Outcome, low: float = -2e3, high: float = 1.7e6) -> Verdict:
    """Kinds a, b, ... whose estimates are certain at 95 % and whose gates came to ``outcomes``."""
    names = "abcdef"[: len(outcomes)]
    kinds = tuple(KindFigures(name, Interval(1e6 + n, 5e5, 1.5e6), 100) for n, name in enumerate(names))
    gates = tuple(
        replace(KIND, kind=name, outcome=outcome, value=1e6, low=low, high=high + n, confidence=0.98)
        for n, (name, outcome) in enumerate(zip(names, outcomes, strict=True))
    )
    return Verdict(Outcome.FAIL, ("said",), MEMORY, kinds=kinds, gates=gates)


def test_a_failure_names_rate_limit_and_guilty_kind() -> None:
    """One glance: how fast, above which limit, and who does it."""

    assert why(FAIL) == (
        "While it is used, its memory grows by 500 MB/min (95 %: 467 to 533), certainly above the limit of 0.1 MB/min. "
        "Every disconnect query leaves 90.0 kB behind (limit 1 KiB)."
    )


def test_the_sentence_holds_the_figure_of_the_tile() -> None:
    """A gate may be judged by another figure than the best estimate; the first screen shows one of the two."""
    gate = replace(KIND, value=81e3)

    assert "leaves 90.0 kB behind" in why(replace(FAIL, gates=(GROWTH, gate)))
    assert "leaves 81.0 kB behind" in why(replace(FAIL, kinds=(), gates=(GROWTH, gate)))


def test_names_keep_their_letters() -> None:
    """A metric's name at the beginning of a sentence is not written small."""
    gate = GateResult("metrics.max", "count", 5, 5, 9, 9, 9, 1.0, Outcome.FAIL, "app.heapUsed_count")

    assert why(replace(FAIL, gates=(gate,))) == "Peak, app.heapUsed_count: 9, beyond 5."


def test_a_pass_says_what_would_have_been_seen() -> None:
    """A pass without its power would be half a sentence."""
    verdict = _flat(Outcome.PASS, Outcome.PASS, Interval(1e6, -2e6, 4e6))

    assert why(verdict) == (
        "Growth of its memory is certainly below the limit of 1.00 MB/min: 0.017 MB/min (95 %: −0.033 to 0.067). "
        "A leak of 1.00 MB/min would have been seen."
    )


def test_inconclusive_says_what_would_settle_it() -> None:
    """The reason and the time still needed."""

    assert why(_flat(Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, Interval(1e6, -2e6, 4e8))) == (
        "Said. About 10 min more of the same load would settle it."
    )


def test_a_run_without_any_use_is_not_called_in_use() -> None:
    """What was attached to or stood idle: no words about use that nobody recorded."""
    idle = replace(FAIL, kinds=(), gates=(GROWTH,))

    assert why(idle).startswith("Its memory grows by 500 MB/min")
    assert tiles(idle)[0].label == "memory grows"
    assert tiles(FAIL)[0].label == "memory grows, in use"


def test_a_run_of_one_sample_says_what_is_missing() -> None:
    """ "Growth is not known" alone helps nobody, and no figure is announced by a lonely semicolon."""
    memory = replace(MEMORY, growth_per_h=Interval(), shape=Shape.UNKNOWN, detectable_per_h=None)
    gate = replace(GROWTH, value=None, low=None, high=None, outcome=Outcome.INCONCLUSIVE)
    verdict = Verdict(Outcome.INCONCLUSIVE, ("growth is not known", "too few samples: 1"), memory, gates=(gate,))

    assert why(verdict) == "Growth is not known. Too few samples: 1."
    assert tiles(verdict)[0].detail == "limit 1.00 MB/min"


def test_memory_that_falls_is_not_called_level() -> None:
    """Words agree with a curve that goes down."""
    verdict = _flat(Outcome.PASS, Outcome.PASS, Interval(-30e9, -32e9, -28e9))

    assert curve_title(verdict) == "Does memory keep growing? No: it falls, by 500 MB/min"


def test_invalid_says_its_first_reason() -> None:
    """Growth is not talked about in a run that proves nothing."""

    assert why(replace(FAIL, outcome=Outcome.INVALID, reasons=("the target died",))) == "The target died."


@pytest.mark.parametrize(
    ("verdict", "title"),
    [
        (FAIL, "Yes: by 500 MB/min, while it is used"),
        (_flat(Outcome.PASS, Outcome.PASS, Interval(1e6, -2e6, 4e6)), "No: it stays level"),
        (
            _flat(Outcome.PASS, Outcome.PASS, Interval(1e6, -2e6, 4e6), Shape.SAWTOOTH),
            "No: it goes up and down and comes back to the same level",
        ),
        (
            _flat(Outcome.PASS, Outcome.PASS, Interval(6e6, 4e6, 8e6), Shape.SAWTOOTH),
            "A little, within the limit: by 0.1 MB/min",
        ),
        (
            _flat(Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, Interval(1e6, -2e6, 6e7)),
            "Not decided: −0.033 to 1.00 MB/min",
        ),
        (_flat(Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, Interval()), "Not to be told from this run"),
        (replace(FAIL, outcome=Outcome.INVALID), "This run cannot say"),
        (replace(FAIL, gates=(KIND,)), "Not judged: no limit on growth was set"),
    ],
)
def test_the_curve_title_answers_by_the_verdict(verdict: Verdict, title: str) -> None:
    """The answer follows gate and interval; the shape's word only says how."""

    assert curve_title(verdict) == f"Does memory keep growing? {title}"


def test_tiles_mark_what_failed_and_compare_with_the_limit() -> None:
    """The first tile is growth, the second the worst kind; both failed."""
    growth, worst, power = tiles(FAIL)

    assert (growth.value, growth.detail, growth.alarming) == (
        "500 MB/min",
        "95 %: 467 to 533; limit 0.1 MB/min",
        True,
    )
    assert (worst.label, worst.value, worst.alarming) == ("left by a disconnect query", "90.0 kB", True)
    assert power.value == "1.00 MB/min"


def test_growth_is_called_certain_only_where_its_gate_fails() -> None:
    """The figure's own 95 % interval excludes zero, the gate's does not: the gate has the word, in title and tile."""
    memory = replace(MEMORY, growth_per_h=Interval(26.82e9, 8.22e9, 40.9e9))
    gate = replace(GROWTH, value=26.82e9, low=0.0, high=59.9e9, confidence=0.98, outcome=Outcome.INCONCLUSIVE)
    verdict = replace(FAIL, memory=memory, gates=(gate, KIND))
    tile = tiles(verdict)[0]

    assert curve_title(verdict) == "Does memory keep growing? Not decided: 0 to 998 MB/min"
    assert (tile.value, tile.alarming) == ("not decided", False)
    assert tile.detail == "98 %: 0 to 998 MB/min, best guess 447 MB/min; limit 1.00 MB/min"


@pytest.mark.parametrize(
    ("outcomes", "title", "tile"),
    [
        ((Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE), "b", "left by a b query, the worst kind: 1.00 MB"),
        ((Outcome.PASS, Outcome.INCONCLUSIVE), "No kind certainly", "left by a query, any kind: no kind certainly"),
        ((Outcome.PASS, Outcome.PASS), "No kind beyond the limit", "left by a query, any kind: at most 1.70 MB"),
        ((Outcome.INCONCLUSIVE,), "No kind certainly", "left by a a query: no kind certainly"),
    ],
)
def test_only_a_kind_whose_gate_fails_is_named(outcomes: tuple[Outcome, ...], title: str, tile: str) -> None:
    """An estimate above zero alone accuses no kind, in the chart's title or on the first screen."""
    verdict = _kinds(*outcomes)
    seen = tiles(verdict)[1]

    assert kinds_title(verdict) == f"Which use leaves memory behind? {title}"
    assert f"{seen.label}: {seen.value}" == tile
    assert seen.alarming is (Outcome.FAIL in outcomes)


def test_without_a_limit_no_kind_is_accused() -> None:
    """The largest estimate is shown as no more than that; a run that proves nothing names nobody either."""
    verdict = replace(_kinds(Outcome.FAIL, Outcome.FAIL), gates=())

    assert kinds_title(verdict).endswith("Not judged: no limit per query was set")
    assert (tiles(verdict)[1].label, tiles(verdict)[1].alarming) == ("left by a b query, the largest estimate", False)
    assert kinds_title(replace(verdict, outcome=Outcome.INVALID)).endswith("This run cannot say")
    none = replace(KIND, kind=None, value=None, low=None, high=None, outcome=Outcome.INCONCLUSIVE)
    assert kinds_title(replace(verdict, gates=(none,))).endswith("No kind certainly")
    assert tiles(replace(verdict, gates=(none,)))[1].detail == "limit 4 KiB"


def test_a_gate_without_a_value_says_why() -> None:
    """Unknown is said, and bounded where it can be."""
    gate = replace(KIND, value=None, low=None, high=None, reason="never driven alone")

    assert gate_value(gate) == "not known: never driven alone"
    assert gate_value(replace(gate, high=2e3)) == "at most 2.00 kB per query"


def test_limits_read_as_they_were_written() -> None:
    """1 KiB is not printed as 1.02 kB, and one limit not as two."""

    assert gate_limit(KIND) == "pass below 4 KiB per query, fail above 1 KiB per query"
    assert gate_limit(replace(GROWTH, limit=3e9, fail_above=3e9)) == "50.0 MB/min"
