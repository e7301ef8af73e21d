"""A real engine and freshly built images; `make docker-test` sees to both and tells in SOAK_TEST_ENGINE."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import own_containers

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def images() -> None:
    """The three images of the working tree; skips where the machine cannot run an engine."""
    found = os.environ.get("SOAK_TEST_ENGINE")
    if found is None:
        subprocess.run([ROOT / "docker" / "images.sh"], check=True)
    elif found != "ready":
        pytest.skip(found)


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """Fails the test after which a container of its own is left."""
    yield
    left = own_containers(tmp_path)

    assert left == []
