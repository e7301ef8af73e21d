"""A session with a Node.js inspector."""

from __future__ import annotations

import shutil
import socket

import pytest
from websockets.sync.connection import Connection

from harness.errors import ProbeError
from harness.probes.inspector import Inspector
from harness.probes.inspector_place import InspectorPlace
from harness.probes.node_port import open_inspector
from tests.support.pages import served
from tests.support.target_processes import node_process, tell

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")

WORKERS = """
process.debugPort = 0;
const { Worker } = require('worker_threads');
const workers = [];
const code = 'const kept = new Array(1e6).fill(0).map((_, i) => ({ i }));'
  + 'require("worker_threads").parentPort.postMessage(1); setInterval(() => kept, 1000)';
process.stdin.on('data', async (data) => {
  if (data.toString().startsWith('start')) {
    const worker = new Worker(code, { eval: true });
    workers.push(worker);
    worker.once('message', () => console.log('started'));
  } else {
    await workers.pop().terminate();
    console.log('ended');
  }
});
console.log('up');
"""


def test_worker_threads_are_isolates_that_come_and_go() -> None:
    """Each has a heap of its own, which the main thread's figures do not contain."""
    with node_process(WORKERS) as child:
        session = Inspector(open_inspector(child.pid), 10.0)
        counts = [len(session.isolates())]
        tell(child, "start")
        tell(child, "start")
        _, *workers = isolates = session.isolates()
        counts.append(len(isolates))
        tell(child, "end")
        counts.append(len(session.isolates()))
        session.close()

    assert counts == [1, 3, 2]
    assert all(worker.heap_used_bytes > 20e6 for worker in workers)
    assert {isolate.pid for isolate in isolates} == {child.pid}


def test_a_session_sends_no_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Node.js hangs up at the first: with the client's own every 20 s a reading would be lost each time."""
    pinged: list[Connection] = []
    monkeypatch.setattr(Connection, "keepalive", pinged.append)
    with node_process("process.debugPort = 0; setInterval(() => {}, 1000); console.log('up')") as child:
        session = Inspector(open_inspector(child.pid), 10.0)
        session.isolates()
        session.close()

    assert pinged == []


def test_a_page_that_is_no_inspector_is_a_reason() -> None:
    """Some other server on that port."""
    with served("[]") as page, pytest.raises(ProbeError, match=r"expected the inspector of a Node\.js process"):
        Inspector(InspectorPlace(page.url.removeprefix("http://").removesuffix("/page")), 2.0)


def test_nobody_there_is_a_reason() -> None:
    """With the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(ProbeError, match=f"127.0.0.1:{port}"):
        Inspector(InspectorPlace(f"127.0.0.1:{port}"), 2.0)
