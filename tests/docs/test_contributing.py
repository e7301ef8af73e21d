"""The map of the code in CONTRIBUTING.md is that of the code."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.support.documents import ROOT, rows

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
_PATH = re.compile(r"`((?:harness|locustfiles|tests|benchmarks|docs|reports)/[\w/.-]*)`")
_NAME = re.compile(r"`(\w+\.py)`")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "reports/README.md"])
def test_files_that_are_named_are_there(page: str) -> None:
    """By their path from the root of the repository, or by their name alone."""
    text = (ROOT / page).read_text(encoding="utf-8")
    paths, names = set(_PATH.findall(text)), set(_NAME.findall(text))
    known = {path.name for top in ("harness", "benchmarks") for path in (ROOT / top).rglob("*.py")}

    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert names - known == set()
    assert paths


def test_every_part_of_the_harness_has_a_place_on_the_map() -> None:
    """Modules and folders right below ``harness``."""
    parts = {
        path.name
        for path in (ROOT / "harness").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and not path.name.startswith("__")
    }
    cells = [name for row in rows("CONTRIBUTING.md", "folder") for name in re.findall(r"`([^`]+)`", row[0])]

    assert sorted(parts - {name.removeprefix("harness/").rstrip("/") for name in cells}) == []


def test_the_order_of_imports_is_the_one_that_is_checked() -> None:
    """The line and the layers of import-linter."""
    line = re.search(r"`(cli → .*?)`", CONTRIBUTING, re.DOTALL)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [re.findall(r"harness\.(\w+)", layer) for layer in contracts[0]["layers"]]

    assert line is not None
    assert [re.findall(r"\w+", layer) for layer in line[1].split("→")] == layers[1:]
