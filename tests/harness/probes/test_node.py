"""The Node.js probe, on an unmodified process."""

from __future__ import annotations

import shutil
from itertools import pairwise

import pytest

from harness.errors import ProbeError
from harness.model import Role
from harness.probes.base import Reading
from harness.probes.node import COLUMNS, NodeProbe, is_loopback
from tests.support.target_processes import node_process, tell

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")

ALLOCATE = """
process.debugPort = 0;
const kept = [];
process.stdin.on('data', (data) => {
  const what = data.toString().trim();
  if (what === 'heap') for (let i = 0; i < 1e6; i++) kept.push({ i });
  if (what === 'buffer') kept.push(Buffer.alloc(50e6, 1));
  if (what === 'array') kept.push(new ArrayBuffer(30e6));
  console.log('done');
});
console.log('up');
"""


def moved(before: Reading, after: Reading) -> dict[str, float]:
    """Change by column in megabytes."""
    change = {}
    for column in COLUMNS:
        a, b = before[column.name], after[column.name]
        assert a is not None
        assert b is not None
        change[column.name] = (b - a) / 1e6
    return change


@needs_node
def test_heap_external_and_array_buffers_move_as_provoked() -> None:
    """Objects move the heap, a filled buffer external, array buffers and RSS, an untouched one no RSS at all."""
    with node_process(ALLOCATE) as child:
        probe = NodeProbe("node", Role.TARGET, None, 5.0, pid=child.pid)
        readings = [probe.read()]
        for what in ("heap", "buffer", "array"):
            tell(child, what)
            readings.append(probe.read())
        identity = probe.identity()
        probe.close()
    heap, buffer, array = (moved(*pair) for pair in pairwise(readings))

    assert heap["heap_used_bytes"] > 20
    assert heap["array_buffers_bytes"] == pytest.approx(0, abs=0.1)
    for column in ("external_bytes", "array_buffers_bytes"):
        assert buffer[column] == pytest.approx(50, rel=0.02)
        assert array[column] == pytest.approx(30, rel=0.02)
    assert buffer["rss_bytes"] > array["rss_bytes"] + 20  # the collector gives back some of the heap in between
    assert identity is not None
    assert identity.pid == child.pid


@needs_node
def test_a_process_that_ended_is_a_reason_and_the_next_one_another_identity() -> None:
    """After a failure the next reading opens a session anew."""
    with node_process(ALLOCATE) as first:
        probe = NodeProbe("node", Role.TARGET, None, 5.0, pid=first.pid)
        probe.read()
        old = probe.identity()
    with pytest.raises(ProbeError):
        probe.read()

    assert old is not None
    assert probe.identity() == old
    probe.close()


def test_another_machine_needs_leave() -> None:
    """An inspector runs whatever it is sent."""
    reason = NodeProbe("node", Role.TARGET, "10.1.2.3:9229").check()

    assert reason is not None
    assert reason.startswith("expected an inspector on this machine")


def test_something_to_read_is_needed() -> None:
    """An address or a pid."""
    with pytest.raises(ValueError, match="found neither"):
        NodeProbe("node", Role.TARGET, None)


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1:9229", True),
        ("localhost:9229", True),
        ("[::1]:9229", True),
        ("127.9.9.9:1", True),
        ("0.0.0.0:9229", False),
        ("10.0.0.1:9229", False),
        ("localhost.example.org:9229", False),
        ("9229", False),
    ],
)
def test_this_machine_is_told_by_name_or_number(address: str, own: bool) -> None:
    """Names are not looked up: a resolver could say anything."""
    assert is_loopback(address) is own
