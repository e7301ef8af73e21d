"""Errors carry the exit code of the contract."""

from __future__ import annotations

import pytest

from harness.errors import ProbeError, RunFormatError, SoakError, StoreError, TargetError, UsageError
from harness.model import ExitCode


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError, ExitCode.USAGE),
        (RunFormatError, ExitCode.USAGE),
        (TargetError, ExitCode.INVALID),
        (ProbeError, ExitCode.INVALID),
        (StoreError, ExitCode.INVALID),
    ],
)
def test_each_error_knows_its_exit_code(error: type[SoakError], code: ExitCode) -> None:
    """Whose fault it is decides the code."""
    assert error("expected, found, do").exit_code == code
