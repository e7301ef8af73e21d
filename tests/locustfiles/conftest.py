"""The reference backend before and after its fixes, started once, counted anew for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.load_runs import Reference, reference


@pytest.fixture(scope="session")
def leaking_services() -> Iterator[Reference]:
    """Both processes, before the fixes."""
    with reference("before") as services:
        yield services


@pytest.fixture(scope="session")
def fixed_services() -> Iterator[Reference]:
    """Both processes, after the fixes."""
    with reference("after") as services:
        yield services


@pytest.fixture
def leaking(leaking_services: Reference) -> Reference:
    """The backend before its fixes, counted from the test's start."""
    return leaking_services.since_now()


@pytest.fixture
def fixed(fixed_services: Reference) -> Reference:
    """The backend after its fixes, counted from the test's start."""
    return fixed_services.since_now()
