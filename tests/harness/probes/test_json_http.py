"""Numbers of a JSON document."""

from __future__ import annotations

import json

import pytest

from harness.errors import ProbeError
from harness.model import Column, ColumnKind, Role, Unit
from harness.probes.base import PartialReading
from harness.probes.json_http import JsonHttpProbe, fetch_known_paths, known_paths, number_at
from tests.support.pages import served

DOCUMENT = {
    "rss": 1000,
    "heap": {"used": 500.5, "a.b": 7},
    "workers": [{"rss": 1}, {"rss": 2}],
    "text": "12",
    "yes": True,
    "nothing": None,
    "jvm.memory": {"used": 9},
    "jvm": {"memory": {"max": 10}},
    "huge": 10**400,
}
COLUMNS = tuple(Column(name, Unit.BYTES, ColumnKind.GAUGE, "") for name in ("rss_bytes", "used_bytes"))


def probe_of(url: str, **paths: str) -> JsonHttpProbe:
    return JsonHttpProbe("app", Role.TARGET, url, 1.0, COLUMNS, paths)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("rss", 1000),
        ("heap.used", 500.5),
        ("heap.a.b", 7),
        ("workers.1.rss", 2),
        ("workers.2.rss", None),
        ("workers.x", None),
        ("text", None),
        ("yes", None),
        ("nothing", None),
        ("heap", None),
        ("absent.deep", None),
        ("jvm.memory.used", 9),
        ("jvm.memory.max", 10),
        ("huge", None),
    ],
)
def test_a_dotted_path_finds_a_number_or_nothing(path: str, value: float | None) -> None:
    """Never a text, a truth value or a zero in place of what is not there."""
    assert number_at(DOCUMENT, path) == value


def test_chosen_fields_are_read() -> None:
    """At every reading anew."""
    with served(json.dumps(DOCUMENT)) as page:
        probe = probe_of(page.url, rss_bytes="rss", used_bytes="heap.used")
        reading = dict(probe.read())
        checked, who = probe.check(), probe.identity()
        probe.close()

    assert reading == {"rss_bytes": 1000, "used_bytes": 500.5}
    assert (checked, who) == (None, None)


def test_a_missing_field_leaves_the_others() -> None:
    """And is named."""
    with served(json.dumps(DOCUMENT)) as page:
        probe = probe_of(page.url, rss_bytes="rss", used_bytes="gone.used")
        with pytest.raises(PartialReading, match=r"expected numbers at gone\.used") as caught:
            probe.read()
        probe.close()

    assert caught.value.reading == {"rss_bytes": 1000, "used_bytes": None}


def test_what_is_no_json_is_said_beforehand() -> None:
    """The page of a login, most often."""
    with served("<html>") as page:
        probe = probe_of(page.url, rss_bytes="rss")
        reason = probe.check()
        probe.close()

    assert reason is not None
    assert f"expected JSON from {page.url}" in reason


def test_known_fields_are_found_without_being_named() -> None:
    """Those whose name tells the unit, and those of Node.js; nothing that could be anything."""
    document = {
        "rss": 1,
        "heapUsed": 2,
        "gc": {"pause_ms": 3, "queueCount": 4},
        "processed": 5,
        "list": [{"a_bytes": 6}],
        "jvm.memory": {"used_bytes": 7},
        "huge_bytes": 10**400,
    }
    with served(json.dumps(document)) as page:
        found = fetch_known_paths(page.url)

    assert (
        found
        == known_paths(document)
        == {
            "rss_bytes": "rss",
            "heap_used_bytes": "heapUsed",
            "gc_pause_ms": "gc.pause_ms",
            "gc_queue_count": "gc.queueCount",
            "list_0_a_bytes": "list.0.a_bytes",
            "jvm_memory_used_bytes": "jvm.memory.used_bytes",
        }
    )


def test_a_failed_search_is_a_reason() -> None:
    """The same as a failed reading."""
    with served("x", 404) as page, pytest.raises(ProbeError, match="found 404"):
        fetch_known_paths(page.url)
