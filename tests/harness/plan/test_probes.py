"""``[[probes]]`` of a plan."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from harness.model import Column, ColumnKind, Role, Unit
from harness.plan.probes import ProbeEntry, column
from harness.probes.base import Probe
from harness.probes.json_http import JsonHttpProbe
from harness.probes.node import NodeProbe
from harness.probes.process import ProcessTreeProbe
from harness.probes.prometheus import PrometheusProbe

ENTRY: TypeAdapter[Any] = TypeAdapter(ProbeEntry)
URL = "http://127.0.0.1:3000/metrics"


@pytest.mark.parametrize(
    ("entry", "kind", "columns"),
    [
        ({"kind": "process", "pid": 1}, ProcessTreeProbe, 14),
        ({"kind": "node", "address": "127.0.0.1:9229"}, NodeProbe, 6),
        ({"kind": "node", "pid": 1}, NodeProbe, 6),
        ({"kind": "prometheus", "url": URL, "series": {"rss_bytes": 'mem{a="b"}'}}, PrometheusProbe, 1),
        ({"kind": "json", "url": URL, "fields": {"rss_bytes": "a.b", "n_count": "c"}}, JsonHttpProbe, 2),
    ],
)
def test_each_kind_builds_its_probe(entry: dict[str, Any], kind: type, columns: int) -> None:
    """With name, role and period; nothing is opened yet."""
    probe: Probe = ENTRY.validate_python({"name": "app", "role": "mock", "period": "500ms"} | entry).build()
    found = (probe.name, probe.role, probe.period_s, len(probe.columns))
    probe.close()

    assert isinstance(probe, kind)
    assert found == ("app", Role.MOCK, 0.5, columns)


def test_a_container_is_built_too() -> None:
    """By its name."""
    probe = ENTRY.validate_python({"kind": "container", "name": "c", "container": "db"}).build()

    assert (probe.name, probe.role, probe.period_s) == ("c", Role.TARGET, 1.0)
    probe.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "../x"}, "expected a name of letters"),
        ({"name": "load"}, "other than 'load'"),
        ({"period": "1ms"}, "at least 10 ms"),
        ({"series": {}}, "at least 1 item"),
        ({"series": {"size": "x"}}, "ends in its unit"),
        ({"series": {"t_s": "x"}}, "ends in its unit"),
        ({"series": {"a,b_bytes": "x"}}, "letters, digits"),
        ({"url": "ftp://x"}, "expected a URL"),
        ({"kind": "magic"}, "magic"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_mistake_is_refused(change: dict[str, Any], says: str) -> None:
    """Before anything is started."""
    entry = {"kind": "prometheus", "name": "app", "url": URL, "series": {"rss_bytes": "x"}} | change
    with pytest.raises(ValidationError) as caught:
        ENTRY.validate_python(entry)

    assert says in str(caught.value)


def test_a_node_probe_needs_a_place() -> None:
    """An address or a pid."""
    with pytest.raises(ValidationError, match="found neither"):
        ENTRY.validate_python({"kind": "node", "name": "n"})


def test_a_column_has_the_unit_of_its_name() -> None:
    """And is a gauge unless it is called a counter."""
    assert column("cpu_s", "x", counter=True) == Column("cpu_s", Unit.SECONDS, ColumnKind.COUNTER, "x")
    with pytest.raises(ValueError, match="ends in its unit"):
        column("cpu", "x", counter=False)


def test_counters_are_marked() -> None:
    """They are not judged."""
    entry = {"kind": "json", "name": "a", "url": URL, "fields": {"n_count": "n"}, "counters": ["n_count"]}
    probe = ENTRY.validate_python(entry).build()
    probe.close()

    assert probe.columns[0].kind is ColumnKind.COUNTER
