"""Tables and figures in words."""

from __future__ import annotations

import io

from harness.cli.compare_text import rate, size, write_table
from harness.model import Interval


def test_a_rate_has_its_interval_in_the_same_unit() -> None:
    """The unit of the incident, once."""
    assert rate(Interval(60e6, 30e6, 90e6)) == "1.00 MB/min (0.50 to 1.50)"
    assert rate(Interval()) == "not known"
    assert size(Interval(2000.0, 1000.0, 3000.0)) == "2.00 kB (1.00 kB to 3.00 kB)"
    assert size(Interval(2000.0)) == "2.00 kB"


def test_columns_line_up() -> None:
    """As wide as their widest cell, without trailing blanks."""
    stream = io.StringIO()
    write_table([("a", "b"), ("long", "c")], stream)

    assert stream.getvalue() == "  a     b\n  long  c\n"
