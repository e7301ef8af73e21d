"""Which charts a run gets, and what their titles answer."""

from __future__ import annotations

from dataclasses import replace

from harness.model import IDLE_KIND, Interval
from harness.report import pictures
from harness.report.figures.curves import WARMUP
from harness.report.pictures import Scene
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


def test_the_target_comes_before_those_who_watch_it(leaking: Assessed) -> None:
    """Metrics of the target and of everyone else are two lists."""
    mine = {chart.name for chart in pictures.metric_charts(leaking.scene, of_target=True)}
    others = {chart.name for chart in pictures.metric_charts(leaking.scene, of_target=False)}

    assert {"metric-target-rss_bytes", "metric-app-heap_used_bytes"} <= mine
    assert {"metric-mock-rss_bytes", "metric-harness-anon_bytes"} <= others
    assert not mine & others


def test_latency_titles_compare_first_and_last_quarter(leaking: Assessed) -> None:
    """The title of a latency chart holds both figures."""
    titles = [chart.title for chart in pictures.latency_charts(leaking.scene)]

    assert len(titles) == 3
    assert all("in the first quarter" in title and "in the last" in title for title in titles)


def test_without_load_there_are_no_load_charts(leaking: Assessed) -> None:
    """What was not recorded is not drawn."""
    scene = leaking.scene
    bare = Scene(scene.run, scene.verdict, replace(scene.evidence, load=None, drained=None))

    assert pictures.load_chart(bare) is None
    assert pictures.drained_chart(bare) is None
    assert pictures.present([None, None]) == ()
