"""Options that several commands share."""

from __future__ import annotations

import pytest

from harness.cli.options import gate_overrides, limits_given
from harness.errors import UsageError
from harness.model import Limits


def test_no_limit_given_leaves_the_plans() -> None:
    """None is not an empty set of limits."""
    assert limits_given(None, None, None) is None


def test_limits_are_plain_numbers() -> None:
    """Bytes, bytes an hour, bytes a query."""
    assert limits_given("1 MB/min", "4 KiB", "2 GiB") == Limits(6e7, 4096.0, 2.0 * 2**30)


def test_a_wrong_limit_is_refused() -> None:
    """Before a run is read, with its flag; nothing is no limit, as in the plan."""
    with pytest.raises(UsageError, match="--max-growth: expected a rate"):
        limits_given("fast", None, None)
    with pytest.raises(UsageError, match="--max-memory: expected more than zero, found '0 B'"):
        limits_given(None, None, "0 B")


def test_overrides_stand_in_the_gates_section() -> None:
    """Under the names of soak.toml."""
    assert gate_overrides("a", None, "c")["gates"] == {
        "max_growth": "a",
        "max_growth_per_query": None,
        "max_memory": "c",
    }
