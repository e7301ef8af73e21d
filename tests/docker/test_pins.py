"""The images' requirements are the project's own pins (needs no engine)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
_PIN = re.compile(r"^([a-z0-9-]+==\S+)[^\n]*((?:\n    --hash=\S+[^\n]*)+)", re.MULTILINE)


def pins(path: Path) -> dict[str, frozenset[str]]:
    """Pin to its hashes."""
    return {pin: frozenset(re.findall(r"sha256:\w+", hashes)) for pin, hashes in _PIN.findall(path.read_text())}


@pytest.mark.parametrize("name", ["mock.txt", "backend.txt"])
def test_images_install_what_the_project_pins(name: str) -> None:
    """Same versions, same hashes, nothing that is not pinned."""
    listed = re.findall(r"^[a-z].*==", (ROOT / "docker" / name).read_text(), re.MULTILINE)
    project, image = pins(ROOT / "requirements.txt"), pins(ROOT / "docker" / name)

    assert len(image) == len(listed) >= 20
    assert {pin: hashes for pin, hashes in image.items() if project.get(pin) != hashes} == {}
