"""What the pages list by name is what the code has, no more and no less."""

from __future__ import annotations

import re

from harness.plan.gates import GatesSection
from harness.timeline import SCENARIOS
from tests.support.documents import PAGES, ROOT, first_cells
from voice_backend.faults import REGISTRY


def test_every_gate_has_a_row() -> None:
    """The table of docs/ci.md and the settings of ``[gates]``."""
    shown = first_cells("docs/ci.md", "key in `[gates]`")
    plain = {name for name in shown if not name.startswith("[")}
    tables = {found[1] for name in shown if (found := re.match(r"\[gates\.([a-z_]+)", name))}

    assert plain | tables == set(GatesSection.model_fields)


def test_every_fault_has_a_row() -> None:
    """The table of docs/voice-backend.md and the registry."""
    assert first_cells("docs/voice-backend.md", "fault") == [facts.fault.value for facts in REGISTRY]


def test_every_scenario_has_a_row() -> None:
    """The table of docs/load.md and the timeline's."""
    assert first_cells("docs/load.md", "scenario") == list(SCENARIOS)


def test_links_between_pages_lead_somewhere() -> None:
    """Files that a page links to are there."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
