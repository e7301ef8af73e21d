"""The report's order and what each section says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.model import Event, Interval, Outcome
from harness.report import metrics
from harness.report.pictures import Scene, memory_chart
from harness.report.sections import build_page
from harness.verdict import Disagreement, Forecast
from tests.harness.report.conftest import Assessed


def test_the_first_screen_says_outcome_reason_and_curve(leaking: Assessed) -> None:
    """Headline, why, tiles and the main chart come before anything else, and agree with the verdict."""
    main = memory_chart(leaking.scene)
    assert main is not None
    page = build_page(leaking.scene, main[0])

    assert page.outcome == leaking.assessment.verdict.outcome == Outcome.FAIL
    assert page.headline == "Fail: do not ship this build"
    assert "Every disconnect query leaves" in page.why
    assert page.sections[0].charts[0].name == "memory"
    assert page.sections[0].charts[0].title.startswith("Does memory keep growing? Yes")
    assert "2,5" in next(fact for fact in page.facts if "queries" in fact)


def test_sections_follow_the_readers_questions(leaking: Assessed) -> None:
    """Why, load, kinds, metrics, observers, latencies, gates, method; empty ones are left out."""
    main = memory_chart(leaking.scene)
    assert main is not None
    titles = [section.title for section in build_page(leaking.scene, main[0]).sections]

    assert titles == [
        "",
        "Why",
        "Memory against load",
        "What each kind of use leaves behind",
        "Every other metric of the target",
        "The observer is a suspect too",
        "Every metric of generator, mock and harness",
        "Latencies",
        "Gates",
        "How this was measured",
    ]


def test_a_counter_that_disagrees_is_said(leaking: Assessed) -> None:
    """Disagreements and notes stand among the reasons."""
    scene = leaking.scene
    verdict = replace(
        scene.verdict, disagreements=(Disagreement("app.external_bytes", "grows 12 MB/min"),), notes=("a torn line",)
    )
    why = build_page(Scene(scene.run, verdict, scene.evidence), None).sections[0]

    assert "app.external_bytes disagrees: grows 12 MB/min" in why.points
    assert "Note: a torn line" in why.points


def test_many_events_are_counted_and_the_rest_is_pointed_to(leaking: Assessed) -> None:
    """The table is bounded; the summary counts all of them."""
    scene = leaking.scene
    events = tuple(Event(float(number), "probe_error", {"probe": "app"}) for number in range(1000))
    page = build_page(Scene(scene.run, scene.verdict, replace(scene.evidence, events=events)), None)
    section = next(section for section in page.sections if section.title == "What happened")

    assert section.text == ("1,000 × probe_error",)
    assert len(section.tables[0].rows) == 200
    assert section.tables[0].note == "800 more are in events.jsonl."


def test_a_note_stands_there_once(leaking: Assessed) -> None:
    """Its text, and no figures of the same behind it; what has no text shows its fields."""
    scene = leaking.scene
    events = (
        Event(1.0, "note", {"text": "load: 1197 queries; failures: none", "load": {"started_count": 1197}}),
        Event(2.0, "note", {"text": "slow", "probe": "app"}),
        Event(3.0, "perturbed", {"by": "diagnosis", "steps": ["a"]}),
    )
    page = build_page(Scene(scene.run, scene.verdict, replace(scene.evidence, events=events)), None)
    rows = next(section for section in page.sections if section.title == "What happened").tables[0].rows

    assert [row[2] for row in rows] == [
        "load: 1197 queries; failures: none",
        "slow; probe: app",
        'by: diagnosis, steps: ["a"]',
    ]


def test_the_head_names_the_target_and_the_host_is_legible(leaking: Assessed) -> None:
    """What was tested stands first; sizes and counts of the machine are read, not counted in digits."""
    host = {"kernel": "6.1", "cores_count": 2, "memory_bytes": 25276510208, "page_size_bytes": 4096, "odd": None}
    run = replace(leaking.scene.run, host=host, target="node server.js (pid 6175)")
    page = build_page(replace(leaking.scene, run=run), None)

    assert page.facts[0] == "target: node server.js (pid 6175), commit 89abcdef01"
    assert page.facts[1] == "scenario mixed"
    assert dict(page.sections[-1].terms)["Host"] == ("kernel 6.1, 2 cores, 25.3 GB memory, 4 KiB page size, odd null")


def test_a_row_of_kinds_has_one_unit(leaking: Assessed) -> None:
    """What a kind leaves, and the same from drained levels, can be laid side by side."""
    verdict = leaking.scene.verdict
    kind = replace(
        verdict.kinds[0],
        bytes_per_query=Interval(-8e4, -1.28e6, 9.01e5),
        drained_bytes_per_query=Interval(-6.21e5, -9.56e5, -2.89e5),
    )
    page = build_page(replace(leaking.scene, verdict=replace(verdict, kinds=(kind,))), None)
    (row, *_) = next(s for s in page.sections if s.title.startswith("What each kind")).tables[0].rows

    assert row[2:4] == ("−0.08 MB (95 %: −1.28 to 0.901)", "−0.621 MB (95 %: −0.956 to −0.289)")


def test_metrics_that_are_not_drawn_are_counted(leaking: Assessed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing disappears without a word: neither what never changed nor what is too much to draw."""
    title = "Every other metric of the target"
    unchanged = "Unchanged: target: threads 6."
    assert next(s for s in build_page(leaking.scene, None).sections if s.title == title).text == (unchanged,)

    monkeypatch.setattr(metrics, "MOST_SMALL", 2)
    section = next(s for s in build_page(leaking.scene, None).sections if s.title == title)

    assert len(section.charts) == 2
    assert section.text == ("The first 2; the other 2 are in verdict.json and samples/.", unchanged)


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.FAIL])
def test_a_shape_is_no_verdict(leaking: Assessed, outcome: Outcome) -> None:
    """Where the gate on growth is not decided, the word of the shape does not stand alone."""
    verdict = leaking.scene.verdict
    gates = tuple(replace(gate, outcome=outcome) for gate in verdict.gates)
    terms = dict(build_page(replace(leaking.scene, verdict=replace(verdict, gates=gates)), None).sections[-1].terms)

    assert ("the gate on growth is not decided" in terms["Shape"]) is (outcome is Outcome.INCONCLUSIVE)


def test_the_method_names_metric_power_and_versions(leaking: Assessed) -> None:
    """How it was measured is part of the result."""
    terms = dict(build_page(leaking.scene, None).sections[-1].terms)

    assert terms["Metric"].startswith("target.anon_bytes: anonymous memory")
    assert "would have been seen in 95 of 100 runs" in terms["Power"]
    assert terms["Versions"] == "python 3.11, voice_soak 0.1.0"
    assert terms["Seed"] == "7"


@pytest.mark.parametrize(
    ("production_per_h", "hours", "said"),
    [
        (Interval(), Interval(), ""),
        (Interval(1e6, 0.5e6, 2e6), Interval(2000.0, 1000.0, 4000.0), "; 2,000 h (95 %: 1,000 to 4,000) until"),
        (Interval(-1e3, -2e3, -1e2), Interval(), "; the limit of 4 GiB is not reached at production rate"),
    ],
)
def test_the_forecast_says_both_rates(
    leaking: Assessed, production_per_h: Interval, hours: Interval, said: str
) -> None:
    """At the driven rate, which an accelerated run makes much of, and at the one that people use."""
    verdict = leaking.scene.verdict
    memory = replace(verdict.memory, growth_at_production_per_h=production_per_h)
    forecast = Forecast(2.0**32, Interval(20.0, 18.0, 23.0), hours)
    scene = replace(leaking.scene, verdict=replace(verdict, memory=memory, forecast=forecast))
    terms = dict(build_page(scene, None).sections[-1].terms)
    here = "20.0 h (95 %: 18.0 to 23.0) until the limit of 4 GiB under load as in this run"

    assert terms["Forecast"].startswith(here)
    assert said in terms["Forecast"].removeprefix(here)
    assert bool(said) is ("production" in terms["Forecast"])
