"""``[diagnose]``: how a leak is looked into."""

from __future__ import annotations

from harness.errors import UsageError
from harness.plan.fields import DurationS, Section, SizeBytes
from harness.plan.target import HttpUrl


class DiagnoseSection(Section):
    """How a run that failed is looked into, with the target still alive.

    ``load`` is how long the same scenario is driven again between the two captures; ``node`` the address of an
    inspector (else it is found by the target's pid); ``python_url`` where a Python target answers ``/debug/objects``
    (else its base URL is tried). ``command`` is run at both drained moments without a shell, ``{pid}`` and ``{moment}``
    replaced, and what it prints is kept. ``keep_snapshots`` keeps heap snapshots, which hold every text of the target.
    """

    load_s: DurationS = 20.0
    timeout_s: DurationS = 180.0
    max_disk: SizeBytes = 2e9
    node: str | None = None
    python_url: HttpUrl | None = None
    command: str | None = None
    keep_snapshots: bool = False


def require_command(section: DiagnoseSection) -> None:
    """Raises UsageError where the user's command cannot be run."""
    import shlex
    import shutil

    if section.command is None:
        return
    try:
        words = shlex.split(section.command)
    except ValueError as error:
        raise UsageError(f"diagnose.command: expected a command that can be split as a shell does: {error}") from error
    if not words or shutil.which(words[0]) is None:
        raise UsageError(f"diagnose.command: expected a program on PATH, found {section.command!r:.80}")
