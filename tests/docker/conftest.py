"""A real engine and freshly built images; `make docker-test` sees to the engine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import own_containers

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def images() -> None:
    """The three images of the working tree."""
    subprocess.run([ROOT / "docker" / "images.sh"], check=True)


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fails the test after which a container of ours is left."""
    yield
    left = own_containers()

    assert left == []
