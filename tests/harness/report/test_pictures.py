"""Which charts a run gets, and what their titles answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.model import IDLE_KIND, Interval, Outcome, Role
from harness.report import pictures
from harness.report.figures.curves import WARMUP, Curve
from harness.report.pictures import Scene
from harness.verdict import KindFigures
from tests.harness.report.conftest import Assessed


def test_the_guilty_kinds_stand_in_the_title(leaking: Assessed) -> None:
    """The chart of kinds answers by the gates."""
    chart = pictures.kinds_chart(leaking.scene)

    assert chart is not None
    assert chart.title == "Which use leaves memory behind? disconnect, duplicate"


def test_a_plan_that_cannot_tell_is_said_so(leaking: Assessed) -> None:
    """Without any estimate the title does not acquit."""
    scene = leaking.scene
    kinds = tuple(replace(kind, bytes_per_query=Interval(), reason="one phase") for kind in scene.verdict.kinds)
    chart = pictures.kinds_chart(Scene(scene.run, replace(scene.verdict, kinds=kinds, gates=()), scene.evidence))

    assert chart is not None
    assert chart.title.endswith("This plan cannot tell")


def test_phases_become_spans_by_kind(leaking: Assessed) -> None:
    """Warm-up and idle have names of their own; drains are left blank."""
    kinds = {span.kind for span in pictures.spans_of(leaking.scene.evidence)}

    assert kinds == {WARMUP, IDLE_KIND, "normal", "duplicate", "disconnect"}


def test_a_kind_has_one_colour_everywhere(leaking: Assessed) -> None:
    """Every kind of spans and of load is in one palette."""
    colours = leaking.scene.colours

    assert {"normal", "duplicate", "disconnect", IDLE_KIND, WARMUP} == set(colours)
    assert len(set(colours.values())) == 5


def test_the_limit_rises_where_growth_is_measured(leaking: Assessed) -> None:
    """The line of a growth limit rests while nothing is driven; the note says so."""
    main = pictures.memory_chart(leaking.scene)
    picture = pictures._memory_picture(leaking.scene)

    assert picture is not None
    line = next(line for line in picture.limits if not line.ceiling)
    rises = np.diff(line.curve.values) > 0.5 * np.diff(line.curve.t_s) * 0.1e6 / 60
    assert 0 < np.count_nonzero(rises) < len(rises)
    assert main is not None
    assert "in use, so the limits rise there" in main[0].note


def test_many_guilty_kinds_are_counted(leaking: Assessed) -> None:
    """A title names the three worst and how many more there are."""
    scene = leaking.scene
    kinds = tuple(KindFigures(f"kind {n}", Interval(1e5 + n, 1e5, 2e5), 10) for n in range(12))
    failed = next(gate for gate in scene.verdict.gates if gate.outcome is Outcome.FAIL and gate.kind)
    gates = tuple(replace(failed, kind=kind.kind) for kind in kinds)
    chart = pictures.kinds_chart(replace(scene, verdict=replace(scene.verdict, kinds=kinds, gates=gates)))

    assert chart is not None
    assert chart.title == "Which use leaves memory behind? kind 11, kind 10, kind 9 and 9 more"


def test_a_limit_is_labelled_as_it_was_given(leaking: Assessed) -> None:
    """16 KiB on an axis in kB is not called 16.4."""
    scene = leaking.scene
    gates = tuple(replace(gate, limit=16384.0, fail_above=16384.0) for gate in scene.verdict.gates)
    chart = pictures.kinds_chart(replace(scene, verdict=replace(scene.verdict, gates=gates)))

    assert chart is not None
    assert ">limit 16 KiB<" in chart.svg
    assert chart.narrow is not None
    assert ">limit 16 KiB<" in chart.narrow


def test_latency_titles_say_what_they_compare(leaking: Assessed) -> None:
    """Both figures are typical seconds of one named line, and the warm-up is in neither."""
    run = leaking.scene.run
    warm_until_s = min(phase.start_s for phase in leaking.scene.evidence.phases if phase.loaded)
    t_s = np.arange(400.0)
    slow = Curve(t_s, np.where(t_s < warm_until_s, 9000.0, np.where(t_s < 300.0, 100.0, 300.0)))
    scene = replace(leaking.scene, run=replace(run, latencies={"normal": {"total p95": slow}}))
    unplanned = replace(scene, evidence=replace(scene.evidence, phases=()))

    assert [chart.title for chart in pictures.latency_charts(scene)] == [
        "Does normal get slower? Typical total p95 of a second: 100 ms in the first quarter, 300 ms in the last"
    ]
    assert warm_until_s > 100.0
    assert "9,000 ms in the first quarter" in pictures.latency_charts(unplanned)[0].title
    notes = [chart.note for chart in pictures.latency_charts(leaking.scene)]
    assert notes == [pictures._DRIFT_WORDS, "", ""]


def test_without_load_there_are_no_load_charts(leaking: Assessed) -> None:
    """What was not recorded is not drawn."""
    scene = leaking.scene
    bare = Scene(scene.run, scene.verdict, replace(scene.evidence, load=None, drained=None))

    assert pictures.load_chart(bare) is None
    assert pictures.drained_chart(bare) is None
    assert pictures.present([None, None]) == ()


def test_each_role_is_drawn_by_its_best_column_that_was_read(leaking: Assessed) -> None:
    """The target by what is judged; a column that stayed blank is passed over, as in the verdict."""
    evidence = leaking.scene.evidence
    mock = {name: metric for name, metric in evidence.metrics.items() if name.startswith("mock.")}
    blank = {"mock.anon_bytes": replace(mock["mock.anon_bytes"], t_s=np.empty(0), y=np.empty(0))}
    scene = replace(leaking.scene, evidence=replace(evidence, metrics={**evidence.metrics, **blank}))

    assert pictures._held_by(scene, Role.TARGET) is evidence.metrics["target.anon_bytes"]
    assert pictures._held_by(leaking.scene, Role.MOCK) is mock["mock.anon_bytes"]
    assert pictures._held_by(scene, Role.MOCK) is mock["mock.rss_bytes"]
