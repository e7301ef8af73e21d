"""Makes ``tests.support`` importable under ``--import-mode=importlib``, which leaves ``sys.path`` alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))


NODE_TESTS = ("test_node.py", "test_node_port.py", "test_inspector.py", "test_node_capture.py")


@pytest.hookimpl(tryfirst=True)  # before markers select
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that make Node.js open its inspector: SIGUSR1 knows only port 9229, so they run by themselves."""
    for item in items:
        if item.path.name in NODE_TESTS:
            item.add_marker(pytest.mark.alone)
