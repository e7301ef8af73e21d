"""The collector while modules load."""

from __future__ import annotations

import gc

import pytest

from harness.cli.loading import loading


def test_the_collector_stands_still_and_goes_on() -> None:
    """Also when what is loaded fails."""
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()

    with pytest.raises(ImportError), loading():
        raise ImportError

    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off() -> None:
    """Whoever switched it off decides."""
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
