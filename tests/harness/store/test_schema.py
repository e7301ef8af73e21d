"""The manifest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RunFormatError
from harness.model import Column, ColumnKind, ContainerIdentity, ProcessIdentity, Role, Unit
from harness.store.schema import Manifest, ProbeInfo, identity_from_json, is_probe_name, unit_of_column

ANON = Column("anon_bytes", Unit.BYTES, ColumnKind.GAUGE, "anonymous memory")
CPU = Column("cpu_s", Unit.SECONDS, ColumnKind.COUNTER, "processor time")
TARGET = ProbeInfo("target", Role.TARGET, 0.5, ProcessIdentity(7, 12.25), (ANON, CPU))
MOCK = ProbeInfo("mock", Role.MOCK, 1.0, None, (ANON,))
MANIFEST = Manifest(
    started_at="2026-11-22T13:15:00+00:00",
    scenario="mixed",
    primary="target.anon_bytes",
    probes=(TARGET, MOCK),
    run_id="20261122T131500Z-mixed-1a2b",
    seed=3,
    speedup=10.0,
    host={"cores_count": 2},
    versions={"python": "3.11"},
    commit={"harness": "abc", "target": None},
    config={"run": {"scenario": "mixed"}},
)


def minimal(**changes: Any) -> dict[str, Any]:
    """The least that a hand-made manifest may say."""
    columns = [{"name": "anon_bytes"}]
    return {"schema": 1, "probes": [{"name": "target", "role": "target", "columns": columns}]} | changes


def test_a_manifest_comes_back_as_it_was() -> None:
    """Through JSON text, with every field."""
    assert Manifest.from_json(json.loads(json.dumps(MANIFEST.to_json()))) == MANIFEST


@given(
    unit=st.sampled_from(Unit),
    kind=st.sampled_from(ColumnKind),
    meaning=st.text(max_size=20),
    period_s=st.floats(0.01, 1e6),
    speedup=st.floats(0.001, 1e4),
)
def test_units_and_kinds_come_back(unit: Unit, kind: ColumnKind, meaning: str, period_s: float, speedup: float) -> None:
    """No unit is lost on the way: once one was, in a project that had no such test."""
    column = Column(f"x_{unit.value}", unit, kind, meaning)
    manifest = Manifest("", "", None, (ProbeInfo("p", Role.HARNESS, period_s, None, (column,)),), speedup=speedup)

    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


def test_a_hand_made_manifest_needs_little() -> None:
    """Probes with names, roles and columns; units follow from the names."""
    manifest = Manifest.from_json(minimal())

    assert manifest.probes[0].columns == (Column("anon_bytes", Unit.BYTES, ColumnKind.GAUGE, ""),)
    assert (manifest.primary, manifest.seed, manifest.speedup) == (None, None, 1.0)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (None, "found none: this is not the manifest of a run"),
        (0, "found the older schema 0: read this run with the release that made it"),
        (2, "found the newer schema 2: a later release made this run; upgrade voice-soak"),
        ("1", "found '1'; correct manifest.json"),
        (True, "found True; correct manifest.json"),
    ],
)
def test_each_wrong_schema_has_its_own_way_out(schema: object, says: str) -> None:
    """Missing, older, newer and nonsense are four different things to do."""
    with pytest.raises(RunFormatError) as caught:
        Manifest.from_json(minimal(schema=schema))

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"probes": None}, '"probes"'),
        ({"probes": [{"name": "../x", "role": "target", "columns": []}]}, "'../x'"),
        ({"probes": [{"name": "load", "role": "target", "columns": []}]}, "other than 'load'"),
        ({"probes": [{"name": "a", "role": "victim", "columns": []}]}, "'victim'"),
        ({"probes": [{"name": "a", "role": "target", "columns": [{"name": "size"}]}]}, "unit of column a.size"),
        ({"probes": [{"name": "a", "role": "target", "columns": [{"name": "x_s"}, {"name": "x_s"}]}]}, "x_s again"),
        ({"probes": [{"name": "a", "role": "target", "columns": [{"name": "t_s"}]}]}, "t_s again"),
        ({"probes": [{"name": "a", "role": "target", "period_s": 0, "columns": []}]}, "above 0 s"),
        ({"probes": minimal()["probes"] * 2}, "target again"),
        ({"speedup": 0}, "a speedup above 0"),
        ({"seed": 1.5}, '"seed"'),
        ({"commit": 5}, '"commit"'),
        ({"host": []}, '"host"'),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(changes: dict[str, Any], says: str) -> None:
    """One line names the place."""
    with pytest.raises(RunFormatError) as caught:
        Manifest.from_json(minimal(**changes))

    assert says in str(caught.value)


def test_identities_of_both_kinds_are_read() -> None:
    """A process by pid and start, a container by id and start; others are refused."""
    assert identity_from_json({"pid": 1, "start_time": 2}) == ProcessIdentity(1, 2.0)
    assert identity_from_json({"container": "c", "started_at": "t"}) == ContainerIdentity("c", "t")
    assert identity_from_json(None) is None
    with pytest.raises(RunFormatError, match="expected an identity"):
        identity_from_json({"pid": "1"})


def test_a_column_of_a_rate_is_no_column_of_seconds() -> None:
    """The longest unit that a name ends in is its own."""
    assert unit_of_column("queries_per_s") is Unit.PER_SECOND
    assert unit_of_column("cpu_s") is Unit.SECONDS
    assert unit_of_column("size") is None


def test_probe_names_can_be_file_names() -> None:
    """Nothing that leads out of the folder, hides, or splits a metric's name."""
    assert [is_probe_name(name) for name in ("target", "node-2", "a.b", "../a", "", ".x", "a" * 65)] == [
        *(True, True),
        *[False] * 5,
    ]


def test_a_probe_is_found_by_name() -> None:
    """None for a stranger."""
    assert MANIFEST.probe("mock") == MOCK
    assert MANIFEST.probe("nobody") is None
