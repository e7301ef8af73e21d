"""Signals as something to wait for."""

from __future__ import annotations

import select
import signal

import pytest

from harness.orchestrate.interrupts import Interrupted, Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_noted_and_wakes_the_selector(number: signal.Signals) -> None:
    """Nothing is raised out of the blue."""
    with Interrupts() as interrupts:
        interrupts.raise_if_seen()
        signal.raise_signal(number)

        assert interrupts.seen == number
        assert select.select([interrupts], [], [], 0)[0] == [interrupts]
        with pytest.raises(Interrupted, match=number.name):
            interrupts.raise_if_seen()


def test_the_handlers_from_before_come_back() -> None:
    """Python's own Ctrl-C works again after the run."""
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before

    assert signal.getsignal(signal.SIGINT) == before
