"""The verdict as data, and its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import RunFormatError
from harness.model import Interval, Outcome, Shape
from harness.verdict import (
    Disagreement,
    Forecast,
    GateResult,
    KindFigures,
    MetricFigures,
    SelfGrowth,
    Verdict,
    read_verdict,
    write_verdict,
)

NAN = float("nan")


def _figures(metric: str = "target.anon_bytes", unit: str = "bytes") -> MetricFigures:
    return MetricFigures(
        metric,
        unit,
        Shape.LINEAR,
        Interval(1.0, 0.5, 1.5),
        Interval(),
        Interval(NAN, None, float("inf")),
        Interval(),
        detectable_per_h=2.0,
        sawtooth_period_s=30.0,
        sawtooth_amplitude=5.0,
    )


def _verdict() -> Verdict:
    gate = GateResult("max_growth", "bytes_per_h", 2.0, 1.0, 1.0, 0.5, 1.5, 0.98, Outcome.PASS)
    return Verdict(
        Outcome.PASS,
        ("growth is below the limit",),
        _figures(),
        (_figures("target.fds_count", "count"),),
        (KindFigures("normal", Interval(), 3.0, "ran at a constant rate"),),
        None,
        (gate,),
        Forecast(1e9, Interval(3.0, 2.0, None)),
        (Disagreement("target.external_bytes", "grows"),),
        SelfGrowth(harness_bytes_per_h=1.0),
    )


def test_the_file_has_the_contract_s_shape() -> None:
    """Names, nesting and nulls are those of the run directory's format."""
    data = _verdict().to_json()

    assert data["schema"] == 1
    assert data["outcome"] == "pass"
    assert data["memory"]["growth_bytes_per_h"] == {"estimate": 1.0, "low": 0.5, "high": 1.5, "confidence": 0.95}
    assert data["memory"]["growth_time_bytes_per_h"]["estimate"] is None
    assert data["memory"]["sawtooth"]["amplitude_bytes"] == 5.0
    assert data["kinds"]["normal"] == {
        "bytes_per_query": None,
        "queries_count": 3.0,
        "reason": "ran at a constant rate",
    }
    assert data["kinds"]["idle"] == {"bytes_per_h": None}
    assert {"name", "limit", "unit", "value", "low", "high", "outcome"} <= set(data["gates"][0])
    assert data["forecast"]["hours_to_limit"]["high"] is None
    assert data["disagreements"] == [{"metric": "target.external_bytes", "says": "grows"}]
    assert data["self"]["generator_growth_bytes_per_h"] is None


def test_counts_carry_their_unit() -> None:
    """A metric that is no number of bytes does not say bytes."""
    assert "growth_count_per_h" in _verdict().to_json()["metrics"]["target.fds_count"]


def test_not_a_number_never_reaches_the_file(tmp_path: Path) -> None:
    """JSON has neither NaN nor infinity."""
    text = write_verdict(tmp_path, _verdict()).read_text()

    assert "NaN" not in text
    assert "Infinity" not in text
    assert read_verdict(tmp_path) == json.loads(text)
    assert [file.name for file in tmp_path.iterdir()] == ["verdict.json"]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"schema": 9}'])
def test_a_verdict_that_cannot_be_read_says_what_to_do(tmp_path: Path, text: str | None) -> None:
    """None, torn, another shape, another schema: one line that names the command."""
    if text is not None:
        (tmp_path / "verdict.json").write_text(text)

    with pytest.raises(RunFormatError, match="soak analyze"):
        read_verdict(tmp_path)
