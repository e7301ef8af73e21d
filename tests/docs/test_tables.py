"""What the pages list by name is what the code has, no more and no less."""

from __future__ import annotations

import re
import tomllib
from typing import get_args

from harness.plan.gates import GatesSection
from harness.plan.load import DEFAULT_STREAM_PATHS, LoadSection
from harness.plan.probes import ProbeEntry
from harness.timeline import SCENARIOS
from tests.support.documents import PAGES, ROOT, first_cells, rows
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


def test_every_setting_of_the_load_has_a_row_with_its_default() -> None:
    """The table of docs/load.md and the fields of ``[load]``: what is shown in backquotes is the default, words stand
    for what depends on something else."""
    shown = {row[0].strip("`"): row[1] for row in rows("docs/load.md", "key in `[load]`")}

    assert list(shown) == [name.removesuffix("_s") for name in LoadSection.model_fields]
    for (key, cell), (name, field) in zip(shown.items(), LoadSection.model_fields.items(), strict=True):
        default = field.get_default(call_default_factory=True)
        values = re.findall(r"`([^`]+)`", cell)
        if name == "stream_path":
            assert values == [f'"{path}"' for path in DEFAULT_STREAM_PATHS.values()]
            continue
        read = [getattr(LoadSection.model_validate(tomllib.loads(f"{key} = {value}")), name) for value in values]
        assert read == ([] if default is None else [default]), key


def test_every_kind_of_probe_is_named() -> None:
    """The example of docs/sampling.md and the entries of ``[[probes]]``."""
    page = (ROOT / "docs/sampling.md").read_text(encoding="utf-8")
    named = re.search(r"^kind = .*# (.*)$", page, re.MULTILINE)
    kinds = [get_args(entry.model_fields["kind"].annotation)[0] for entry in get_args(get_args(ProbeEntry)[0])]

    assert named is not None
    assert sorted(named[1].split(", ")) == sorted(kinds)


def test_links_between_pages_lead_somewhere() -> None:
    """Files that a page links to are there."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
