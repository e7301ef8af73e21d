"""The JavaScript heaps of an unmodified Node.js process, over its inspector.

Advisory beside the process's own memory: a runtime's counter has been wrong by a factor of three (``external`` said
2,566 MB where the operating system held 810).
"""

from __future__ import annotations

import ipaddress

from harness.errors import ProbeError
from harness.model import Column, ColumnKind, ProcessIdentity, Role, Unit
from harness.probes.base import Reading
from harness.probes.http_page import timeout_s_for
from harness.probes.inspector import Inspector
from harness.probes.inspector_place import InspectorPlace
from harness.probes.node_port import open_inspector


def _bytes(name: str, meaning: str) -> Column:
    return Column(name, Unit.BYTES, ColumnKind.GAUGE, meaning)


COLUMNS = (
    _bytes("rss_bytes", "resident memory of the whole process, as process.memoryUsage() has it"),
    _bytes("heap_used_bytes", "V8 heap in use, all isolates (Runtime.getHeapUsage)"),
    _bytes("heap_total_bytes", "V8 heap reserved, all isolates (Runtime.getHeapUsage)"),
    _bytes("external_bytes", "memory of objects outside the heap that V8 counts, all isolates"),
    _bytes("array_buffers_bytes", "of that, ArrayBuffers and Buffers, all isolates"),
    Column("isolates_count", Unit.COUNT, ColumnKind.GAUGE, "JavaScript heaps: the main thread's and each worker's"),
)


class NodeProbe:
    """Reads the inspector at ``address`` (``HOST:PORT``), or the one of process ``pid``, opened where it is not.

    A session is kept; after a failure the next reading opens another. ``address`` must be this machine unless
    ``allow_remote``: an inspector runs whatever code it is sent, so one that others can reach is a hole.
    """

    columns = COLUMNS
    waits = True

    def __init__(
        self,
        name: str,
        role: Role,
        address: str | None,
        period_s: float = 1.0,
        *,
        pid: int | None = None,
        allow_remote: bool = False,
    ) -> None:
        if address is None and pid is None:
            raise ValueError("expected the address of an inspector or the pid of a process, found neither")
        self.name = name
        self.role = role
        self.period_s = period_s
        self._address = address
        self._pid = pid
        self._allow_remote = allow_remote
        self._session: Inspector | None = None
        self._identity: ProcessIdentity | None = None

    def check(self) -> str | None:
        try:
            self.read()
        except ProbeError as error:
            return str(error)
        return None

    def identity(self) -> ProcessIdentity | None:
        """The pid as the process itself knows it, and when it started."""
        if self._identity is None:
            self.check()
        return self._identity

    def read(self) -> Reading:
        try:
            self._session = self._session or self._open()
            isolates = self._session.isolates()
        except ProbeError:
            self.close()
            raise
        main = isolates[0]
        self._identity = ProcessIdentity(main.pid, main.started_s)
        return {
            "rss_bytes": main.rss_bytes,
            "heap_used_bytes": sum(isolate.heap_used_bytes for isolate in isolates),
            "heap_total_bytes": sum(isolate.heap_total_bytes for isolate in isolates),
            "external_bytes": sum(isolate.external_bytes for isolate in isolates),
            "array_buffers_bytes": sum(isolate.array_buffers_bytes for isolate in isolates),
            "isolates_count": len(isolates),
        }

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self) -> Inspector:
        if self._address is None:
            assert self._pid is not None
            place = open_inspector(self._pid)
        elif self._allow_remote or is_loopback(self._address):
            place = InspectorPlace(self._address)
        else:
            raise ProbeError(
                f"expected an inspector on this machine such as 127.0.0.1:9229, found {self._address}: "
                "it runs any code it is sent, so tunnel to it (ssh -L), or allow remote inspectors"
            )
        return Inspector(place, timeout_s_for(self.period_s))


def is_loopback(address: str) -> bool:
    """Whether ``HOST:PORT`` is this machine by its own name or number; other names are not looked up."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
