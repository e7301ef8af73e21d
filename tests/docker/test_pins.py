"""The images' requirements are the project's own pins (needs no engine)."""

from __future__ import annotations

import re
import subprocess
import sys
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


def test_wheels_are_chosen_for_the_image_s_python() -> None:
    """Of a package pinned twice, by Python, the one for the image is fetched, whichever Python fetches."""
    fetched: dict[str, str] = {}
    for python_version in ("3.11", "3.12"):
        command = [sys.executable, "docker/pins.py", python_version, "requirements.txt"]
        fetched[python_version] = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pinned = (ROOT / "requirements.txt").read_text()

    for python_version, condition in {"3.11": "< '3.12'", "3.12": ">= '3.12'"}.items():
        (numpy,) = re.findall(rf"^(numpy==\S+) ; python_full_version {condition}", pinned, re.MULTILINE)
        assert re.findall(r"^numpy==\S+", fetched[python_version], re.MULTILINE) == [numpy]
        assert "pywin32" not in fetched[python_version]
        assert " ; " not in fetched[python_version]
