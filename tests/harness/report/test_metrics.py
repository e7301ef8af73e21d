"""Every metric beside the judged one: in words that its readings bear, drawn or listed, and never both."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from harness.assess import MetricEvidence
from harness.model import Interval, Shape
from harness.report import metrics
from harness.report.metrics import behaviour, constant_value
from harness.verdict import MetricFigures
from tests.harness.report.conftest import Assessed

NONE = np.empty(0)


def _metric(values: list[float], length_s: float = 120.0) -> MetricEvidence:
    t_s = np.linspace(0.0, length_s, len(values))
    return MetricEvidence("target.fds_count", "count", t_s, np.array(values), NONE, NONE, "none", NONE, NONE)


def _figures(shape: Shape, growth: Interval, peak: float | None = None) -> MetricFigures:
    return MetricFigures("target.fds_count", "count", shape, growth, Interval(), Interval(), Interval(), peak=peak)


BUSY = _metric([20.0, 200.0] * 10)


@pytest.mark.parametrize(
    ("figures", "metric", "words"),
    [
        (_figures(Shape.UNKNOWN, Interval()), _metric([40.0, 380.0]), "only 2 readings"),
        (None, _metric([40.0]), "only 1 reading"),
        (_figures(Shape.UNKNOWN, Interval()), _metric([1.0, 1.0]), "constant: 1 (2 readings)"),
        (_figures(Shape.STABLE, Interval(0.0, 0.0, 61.3)), _metric([7.0] * 20), "constant: 7"),
        (_figures(Shape.UNKNOWN, Interval()), BUSY, "cannot be told"),
        (
            _figures(Shape.STABLE, Interval(7129.0, 0.0, 20933.0)),
            BUSY,
            "level or not, cannot be told; 7,129 per hour (95 %: 0 to 20,933)",
        ),
        (_figures(Shape.STABLE, Interval(9.0, 0.0, 30.0)), BUSY, "stays level; 9.00 per hour (95 %: 0 to 30.0)"),
        (_figures(Shape.STABLE, Interval(9.0)), BUSY, "level or not, cannot be told; 9.00 per hour (95 %: no bounds)"),
        (_figures(Shape.STABLE, Interval(-9e3, -1e4, -8e3)), BUSY, "falls; −9,000 per hour (95 %: −10,000 to −8,000)"),
        (
            _figures(Shape.STAIRCASE, Interval(7149.0, 6625.0, 7504.0)),
            BUSY,
            "grows while used; 7,149 per hour (95 %: 6,625 to 7,504)",
        ),
        (None, BUSY, ""),
    ],
)
def test_words_claim_what_the_readings_bear(figures: MetricFigures | None, metric: MetricEvidence, words: str) -> None:
    """Two readings have no course, a wide interval is not level, and what never changed says its value."""

    assert behaviour(figures, metric) == words


def test_what_is_seen_in_part_only_is_not_called_constant() -> None:
    """Of a long run only some readings are at hand: levels and peak must agree with them."""
    metric = _metric([7.0] * 20)
    growth = Interval(0.0, 0.0, 0.0)

    assert constant_value(_figures(Shape.STABLE, growth, peak=7.0), metric) == 7.0
    assert constant_value(_figures(Shape.STABLE, growth, peak=9.0), metric) is None
    assert constant_value(None, replace(metric, level_t_s=np.zeros(2), level_y=np.array([7.0, 6.5]))) is None


def test_the_target_comes_before_those_who_watch_it(leaking: Assessed) -> None:
    """Metrics of the target and of everyone else are two lists, those that never changed apart."""
    mine, my_constants = metrics.other_metrics(leaking.scene, of_target=True)
    others, their_constants = metrics.other_metrics(leaking.scene, of_target=False)

    assert {"target.rss_bytes", "app.heap_used_bytes"} <= set(mine)
    assert my_constants == ["target.threads_count"]
    assert {"mock.rss_bytes", "mock.anon_bytes", "harness.threads_count"} <= set(their_constants)
    assert not {*mine, *my_constants} & {*others, *their_constants}
    assert not set(mine) & set(my_constants)


def test_a_single_reading_is_no_chart(leaking: Assessed) -> None:
    """It stands in the line of what was not seen to change, with how little that means."""
    evidence, name = leaking.scene.evidence, "app.heap_used_bytes"
    once = replace(evidence.metrics[name], t_s=np.array([0.0]), y=np.array([7e6]))
    scene = replace(leaking.scene, evidence=replace(evidence, metrics={name: once}))

    assert metrics.other_metrics(scene, of_target=True) == ([], [name])
    assert metrics.unchanged_text(scene, [name]) == "Unchanged: app: heap used 7.00 MB (1 reading)."


def test_what_never_changed_is_one_line(leaking: Assessed) -> None:
    """By probe, each with its value; and how many are not named."""
    names = ["mock.rss_bytes", "mock.threads_count", *["harness.threads_count"] * 40]
    text = metrics.unchanged_text(leaking.scene, names)

    assert text.startswith("Unchanged: mock: rss 68.0 MB, threads 6; harness: threads 6,")
    assert text.endswith("threads 6 and 2 more.")
    assert metrics.unchanged_text(leaking.scene, []) == ""


def test_a_metric_may_be_called_what_no_file_may(leaking: Assessed) -> None:
    """Charts of metrics with slashes are files beside the others, and no two are one file."""
    evidence, scene = leaking.scene.evidence, leaking.scene
    names = ["app.../../a/b_bytes", "app.a_b_bytes", "app.a/b_bytes", "app.a-b_bytes", "app." + "x" * 300 + "_bytes"]
    renamed = {name: replace(evidence.metrics["app.heap_used_bytes"], metric=name) for name in names}
    charts = metrics.metric_charts(replace(scene, evidence=replace(evidence, metrics=renamed)), names)

    assert len({chart.name for chart in charts}) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,100}", chart.name) for chart in charts)
