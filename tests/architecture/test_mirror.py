"""Tests mirror the source, so that nobody has to search for either."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("harness", "mock_tts", "voice_backend", "locustfiles")


def _modules() -> set[str]:
    files = (path for top in SOURCES for path in (ROOT / top).rglob("*.py"))
    return {str(path.relative_to(ROOT)) for path in files if not path.stem.endswith("__")}


def _mirrored() -> set[str]:
    files = (path for top in SOURCES for path in (ROOT / "tests" / top).rglob("test_*.py"))
    return {str(path.with_name(path.name.removeprefix("test_")).relative_to(ROOT / "tests")) for path in files}


def test_every_module_has_its_test_file() -> None:
    """`harness/store/writer.py` is tested in `tests/harness/store/test_writer.py`."""
    assert sorted(_modules() - _mirrored()) == []


def test_every_test_file_has_its_module() -> None:
    """A module that is renamed takes its tests with it; what tests several lives in e2e, docs, docker or browser."""
    known = _modules() | {str(path.relative_to(ROOT)) for top in SOURCES for path in (ROOT / top).rglob("__*__.py")}

    assert sorted(_mirrored() - known) == []
