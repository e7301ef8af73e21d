"""The names under which queries fail: the table of docs/load.md and what the load's own code counts."""

from __future__ import annotations

import re

from locustfiles import _phases, _tally
from tests.support.documents import ROOT, first_cells

_RAISED = re.compile(r'StepFailed\(f?"([^"]+)"')
_RETURNED = re.compile(r'    return "([a-z_]+)"')
_OUTSIDE = re.compile(r'failed_outside\(f?"([^"]+)"')
_ENDS_AN_IDLE_STREAM = "over"
"""Ours, at the end of the load: never counted."""


def _names_in_code() -> set[str]:
    found = {_phases.DRAIN_TIMEOUT, _tally.OTHER}
    for path in (ROOT / "locustfiles").glob("_*.py"):
        text = path.read_text(encoding="utf-8")
        found |= {*_RAISED.findall(text), *_OUTSIDE.findall(text)}
        if "def _connect_failure" in text:
            found |= set(_RETURNED.findall(text.partition("def _connect_failure")[2]))
    return found - {_ENDS_AN_IDLE_STREAM}


def test_every_name_of_a_failure_has_a_row() -> None:
    """A status stands as N, the name that a lost idle stream would have had as a query's as NAME."""
    in_code = {re.sub(r"\{.*status\}", "N", re.sub(r"\{.*name\}", "NAME", name)) for name in _names_in_code()}
    shown = first_cells("docs/load.md", "name")

    assert "connect_refused" in in_code
    assert sorted(shown) == sorted(in_code)
