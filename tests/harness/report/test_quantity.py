"""Numbers are printed with their unit, their interval, and no more digits than they are worth."""

from __future__ import annotations

import pytest

from harness.model import Interval
from harness.report.quantity import figure, interval_text, interval_texts, quantity


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (30e9, "bytes_per_h", "500 MB/min"),
        (186_000.0, "bytes_per_h", "3.10 kB/min"),
        (-60e6, "bytes_per_h", "−1.00 MB/min"),
        (0.0, "bytes_per_h", "0 MB/min"),
        (306_000.0, "bytes_per_query", "306 kB per query"),
        (12.0, "bytes_per_query", "12.0 B per query"),
        (65_540e6, "bytes", "65.5 GB"),
        (0.0123, "ratio", "1.23 %"),
        (1500.0, "count", "1,500"),
        (2.0, "count", "2"),
        (-3.0, "count", "−3"),
        (2.5, "count", "2.50"),
        (None, "bytes", "not known"),
    ],
)
def test_a_quantity_has_three_digits_and_its_unit(value: float | None, unit: str, text: str) -> None:
    """MB are 10⁶ bytes, growth is per minute, nothing is in exponents."""

    assert quantity(value, unit) == text


def test_an_interval_is_printed_in_one_unit() -> None:
    """Estimate and ends share the unit of the largest of them."""
    text = interval_text(Interval(306_000.0, -900.0, 322_000.0), "bytes_per_query")

    assert text == "306 kB per query (95 %: −0.9 to 322)"


def test_open_ends_are_said_in_words() -> None:
    """A missing end is never printed as a number."""

    assert interval_text(Interval(1.0, None, 2.0), "count") == "1.00 (95 %: at most 2.00)"
    assert interval_text(Interval(1.0, 0.5, None), "count") == "1.00 (95 %: at least 0.5)"
    assert interval_text(Interval(1.0), "count") == "1.00 (95 %: no bounds)"
    assert interval_text(Interval(), "count") == "not known"


def test_infinity_is_not_known() -> None:
    """Infinity and NaN do not reach a reader."""

    assert figure(float("inf")) == figure(float("nan")) == "not known"


def test_the_level_is_left_out_where_it_stands_nearby() -> None:
    """Tables say it once."""

    assert interval_text(Interval(2e6, 1e6, 3e6), "bytes", level=False) == "2.00 MB (1.00 to 3.00)"


def test_what_is_compared_has_one_unit() -> None:
    """That of the largest end of all; what is not known takes no part."""
    texts = interval_texts((Interval(-8e4, -1.28e6, 9.01e5), Interval(-6.21e5, -9.56e5, -2.89e5), None), "bytes")

    assert texts == ("−0.08 MB (95 %: −1.28 to 0.901)", "−0.621 MB (95 %: −0.956 to −0.289)", "not known")
    assert interval_texts((Interval(),), "bytes") == ("not known",)
