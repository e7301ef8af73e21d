"""The allowed growth agrees with the verdict: a curve is above its line exactly where its growth in use is."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.segments import Phase
from harness.report.allowance import allowed_growth

PHASES = tuple(
    Phase(f"{kind}-{number}", kind, number, start_s, start_s + 900.0, kind == "idle")
    for number, start_s in enumerate((0.0, 1800.0))
    for kind, start_s in (("normal", start_s), ("idle", start_s + 900.0))
)
"""Driven half of an hour."""


@pytest.mark.parametrize(
    ("limit_per_h", "time_per_h", "at_the_end"),
    [
        (100.0, None, 150.0),  # all of it comes with use, which is half of the time
        (100.0, 40.0, 170.0),  # 40 with time alone, the other 60 with use
        (100.0, 300.0, 200.0),  # with time alone more than the limit: the limit all the time
        (100.0, -40.0, 150.0),  # memory given back while idle allows no more in use
    ],
)
def test_growth_is_allowed_where_it_is_measured(
    limit_per_h: float, time_per_h: float | None, at_the_end: float
) -> None:
    """In use the limit; while idle no more than what comes with time alone."""
    line = allowed_growth((0.0, 100.0), limit_per_h, time_per_h, PHASES, 3600.0)

    assert line.values[0] == 100.0
    assert line.values[-1] == pytest.approx(at_the_end)
    assert np.all(np.diff(line.values) >= 0)


def test_an_idle_stretch_is_level() -> None:
    """The line of a staircase is a staircase; it starts where the levels do, inside a phase."""
    line = allowed_growth((450.0, 0.0), 3600.0, 0.0, PHASES, 3600.0)

    assert list(zip(line.t_s.tolist(), line.values.tolist(), strict=True)) == [
        (450.0, 0.0),
        (900.0, 450.0),
        (1800.0, 450.0),
        (2700.0, 1350.0),
        (3600.0, 1350.0),
    ]


@pytest.mark.parametrize("phases", [(), tuple(phase for phase in PHASES if phase.idle)])
def test_without_use_it_is_straight(phases: tuple[Phase, ...]) -> None:
    """Where nothing is known to be driven, growth is that of all the time."""
    line = allowed_growth((600.0, 5.0), 60.0, None, phases, 3600.0)

    assert line.t_s.tolist() == [600.0, 3600.0]
    assert line.values.tolist() == [5.0, 55.0]


def test_a_run_that_ends_before_its_levels_do_is_a_point() -> None:
    """A line is never drawn backwards."""
    line = allowed_growth((600.0, 5.0), 60.0, None, PHASES, 500.0)

    assert line.t_s.tolist() == [600.0]
