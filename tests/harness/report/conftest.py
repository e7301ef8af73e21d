"""Assessed runs that several report tests look at; nobody may change them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.assess import Assessment, assess
from harness.report.pictures import Scene
from harness.report.source import read_facts
from tests.support.stored_runs import LEAKING, write_run


@dataclass(frozen=True, slots=True)
class Assessed:
    """A stored run with its assessment."""

    path: Path
    assessment: Assessment

    @property
    def scene(self) -> Scene:
        facts = read_facts(self.path, self.assessment.evidence.primary)
        return Scene(facts, self.assessment.verdict, self.assessment.evidence)


@pytest.fixture(scope="session")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Assessed:
    """A run whose disconnects and duplicates leak."""
    path = write_run(tmp_path_factory.mktemp("leaking"), LEAKING)
    return Assessed(path, assess(path))
