"""The limits that a run is judged by."""

from __future__ import annotations

import pytest

from harness.model import Limits
from harness.rules.circumstances import growth_limits

MB_PER_MIN = 1e6 * 60.0


def test_without_a_limit_the_contract_s_defaults_hold() -> None:
    """A certain leak above 0.1 MB/min or 1 KiB a query fails, a bound below 1 MB/min and 4 KiB passes."""
    hour, query = growth_limits(Limits())

    assert hour == pytest.approx((0.1 * MB_PER_MIN, MB_PER_MIN))
    assert query == (1024.0, 4096.0)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(max_growth_bytes_per_h=5 * MB_PER_MIN), ((5 * MB_PER_MIN, 5 * MB_PER_MIN), None)),
        (Limits(max_growth_bytes_per_query=2048.0), (None, (2048.0, 2048.0))),
        (
            Limits(max_growth_bytes_per_h=MB_PER_MIN, max_growth_bytes_per_query=512.0),
            ((MB_PER_MIN, MB_PER_MIN), (512.0, 512.0)),
        ),
        (Limits(max_growth_bytes_per_h=0.0), ((0.0, 0.0), None)),
    ],
)
def test_a_limit_of_one_s_own_replaces_them_all(
    limits: Limits, expected: tuple[tuple[float, float] | None, tuple[float, float] | None]
) -> None:
    """One number then both fails and passes, zero included, and what was not asked for is not judged."""
    assert growth_limits(limits) == expected


def test_a_limit_of_memory_alone_leaves_growth_to_the_defaults() -> None:
    """A ceiling says nothing of growth."""
    assert growth_limits(Limits(max_memory_bytes=1e9)) == growth_limits(Limits())
