"""Whether Locust can load a locustfile of the user's own: asked of Locust itself, before anything is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness.errors import UsageError
from harness.redaction import redact_text

IMPORT_LIMIT_S = 60.0
"""A file that takes longer to import is taken for one that drives load at its top level."""
_LONGEST_REASON = 300
_HEADING = "Available Users:"


def require_loadable(locustfile: Path, limit_s: float = IMPORT_LIMIT_S) -> None:
    """Raises UsageError unless Locust imports ``locustfile`` and finds a user in it. The file is imported once, in a
    process of its own."""
    command = (sys.executable, "-m", "locust", "-f", str(locustfile), "--list")
    try:
        asked = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"expected {locustfile} to be imported within {limit_s:g} s, found it still at it; "
            "move what it does at its top level into a user's on_start"
        ) from None
    if asked.returncode != 0:
        raise UsageError(f"expected Locust to import {locustfile}, found {_last_line(asked.stderr or asked.stdout)}")
    if not asked.stdout.partition(_HEADING)[2].strip():
        raise UsageError(f"expected a class that derives from locust.User in {locustfile}, found none; add one")


def _last_line(text: str) -> str:
    """What Python says of an exception last: its name and its reason, without secrets."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return redact_text((lines or ["no reason given"])[-1])[:_LONGEST_REASON]
