"""The protocol of probes."""

from __future__ import annotations

from harness.errors import ProbeError
from harness.model import ExitCode
from harness.probes.base import Gone, PartialReading


def test_a_partial_reading_carries_what_could_be_read() -> None:
    """The reason is the text and the rest of the reading is kept."""
    error = PartialReading("no permission for PSS", {"rss_bytes": 5})

    assert (str(error), error.reading) == ("no permission for PSS", {"rss_bytes": 5})


def test_every_failure_of_a_probe_is_a_probe_error() -> None:
    """So one handler is enough, and one that escapes makes the run invalid."""
    assert issubclass(Gone, ProbeError)
    assert issubclass(PartialReading, ProbeError)
    assert Gone.exit_code == ExitCode.INVALID
