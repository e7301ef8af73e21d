"""Errors that end a command with one line and an exit code.

    SoakError
    ├── UsageError      the command line or the plan is wrong; nothing was started          (2)
    ├── RunFormatError  a directory is not a run, or its format cannot be read              (2)
    ├── TargetError     the target, the mock or the load could not be started or was lost   (4)
    ├── ProbeError      one reading failed; the sampler writes a blank and an event         (4 if it escapes)
    └── StoreError      the run could not be written any further (disk full, folder gone)   (4)

The text says what was expected, what was found and what to do, in one line.
"""

from __future__ import annotations

from harness.model import ExitCode


class SoakError(Exception):
    """Base of all errors that carry an exit code."""

    exit_code: ExitCode = ExitCode.USAGE


class UsageError(SoakError):
    """The command line or the plan is wrong; nothing was started."""


class RunFormatError(SoakError):
    """A directory is not a run, or its format cannot be read."""


class TargetError(SoakError):
    """The target, the mock or the load could not be started, or was lost."""

    exit_code = ExitCode.INVALID


class ProbeError(SoakError):
    """One reading failed; ``str()`` is the reason as it stands in the event."""

    exit_code = ExitCode.INVALID


class StoreError(SoakError):
    """The run could not be written any further."""

    exit_code = ExitCode.INVALID
