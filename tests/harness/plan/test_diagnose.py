"""How a leak is looked into is checked before the run."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.plan.diagnose import DiagnoseSection, require_command


@pytest.mark.parametrize("command", ["'", "no-such-program-here --x"])
def test_a_command_that_cannot_be_run_is_found_before_the_run(command: str) -> None:
    """Nothing has been started then."""
    with pytest.raises(UsageError, match=r"diagnose\.command"):
        require_command(DiagnoseSection(command=command))


def test_a_command_that_is_there_may_be_run() -> None:
    """None is none."""
    require_command(DiagnoseSection(command="ls -l {pid}"))
    require_command(DiagnoseSection())
