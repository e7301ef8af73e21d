"""Field types of the plan."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.plan.fields import DurationS, RateBytesPerH, Section


class Example(Section):
    """Two fields as sections have them."""

    max_growth: RateBytesPerH | None = None
    wait_time: DurationS = 1.0


def test_text_becomes_plain_numbers() -> None:
    """Units are parsed away; hyphens in keys are as good as underscores."""
    parsed = Example.model_validate({"max-growth": "50 MB/min", "wait_time": "2m"})

    assert (parsed.max_growth, parsed.wait_time) == (3e9, 120.0)


@pytest.mark.parametrize("value", ["0 MB/min", "fifty", 0, -1.0, 5])
def test_what_is_no_rate_above_zero_is_refused(value: object) -> None:
    """A limit of nothing would fail everything; a rate without its unit may be any."""
    with pytest.raises(ValidationError, match="expected"):
        Example.model_validate({"max_growth": value})


def test_unknown_keys_are_refused() -> None:
    """A misspelt gate must not pass silently."""
    with pytest.raises(ValidationError, match="not permitted"):
        Example.model_validate({"max_grwoth": "1 MB/min"})
