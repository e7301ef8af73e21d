"""A session with the inspector of a Node.js process: Chrome's DevTools protocol over one WebSocket.

Asks for heap figures of the main isolate and of every worker thread. Enables no domain that makes the target keep
anything (``Runtime.enable`` would keep console messages); the target prints "Debugger attached" once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import ProbeError
from harness.probes.inspector_place import InspectorPlace

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_MEMORY = "({memory: process.memoryUsage(), pid: process.pid, startedMs: performance.timeOrigin})"
_MAX_MESSAGE_BYTES = 2**20
_Call = tuple[str, Mapping[str, Any]]
"""A method and its parameters."""


@dataclass(frozen=True, slots=True)
class Isolate:
    """One JavaScript heap: the main thread's or a worker's."""

    heap_used_bytes: int
    heap_total_bytes: int
    external_bytes: int
    array_buffers_bytes: int
    rss_bytes: int
    pid: int
    started_s: float


class Inspector:
    """An open session; every call raises ProbeError when the target does not answer within ``timeout_s``."""

    def __init__(self, place: InspectorPlace, timeout_s: float) -> None:
        """Connects to the first target that the inspector at ``place`` lists."""
        self._place = place
        self._timeout_s = timeout_s
        self._last_number = 0
        self._workers: set[str] = set()
        self._open_socket = ExitStack()
        with self._explained():
            self._socket = self._open_socket.enter_context(open_session(place, timeout_s, _MAX_MESSAGE_BYTES))
        try:
            self._ask({"": [("NodeWorker.enable", {"waitForDebuggerOnStart": False})]})
        except ProbeError:
            self.close()
            raise

    def isolates(self) -> list[Isolate]:
        """Every isolate's figures, the main one first. Raises ProbeError."""
        memory = {"expression": _MEMORY, "returnByValue": True, "silent": True}
        calls: list[_Call] = [("Runtime.getHeapUsage", {}), ("Runtime.evaluate", memory)]
        answers = self._ask({"": calls})  # by its answer, the news of workers that began before has arrived too
        answers |= self._ask(dict.fromkeys(sorted(self._workers), calls))
        return [self._isolate(*results) for results in answers.values()]

    def close(self) -> None:
        self._open_socket.close()

    def _ask(self, calls: Mapping[str, Sequence[_Call]]) -> dict[str, list[dict[str, Any]]]:
        """The results of ``calls`` by session ("" is the main one); a worker that ends meanwhile is left out."""
        deadline_s = time.monotonic() + self._timeout_s
        waiting = {self._send(session, *call): session for session, methods in calls.items() for call in methods}
        results: dict[str, dict[int, dict[str, Any]]] = {session: {} for session in calls}
        while waiting:
            message = self._receive(deadline_s)
            for number in [number for number, session in waiting.items() if session and session not in self._workers]:
                results.pop(waiting.pop(number), None)
            number = message.get("id", 0)
            if number not in waiting:
                continue
            if "result" not in message:
                raise ProbeError(f"expected figures from the inspector at {self._place}, found: {message.get('error')}")
            results[waiting.pop(number)][number] = message["result"]
        return {session: [found[number] for number in sorted(found)] for session, found in results.items()}

    def _send(self, session: str, method: str, params: Mapping[str, Any]) -> int:
        """Sends one call and gives its number, which its answer carries."""
        number = self._next_number()
        text = json.dumps({"id": number, "method": method, "params": params})
        if session:
            wrapped = {"sessionId": session, "message": text}
            text = json.dumps(
                {"id": self._next_number(), "method": "NodeWorker.sendMessageToWorker", "params": wrapped}
            )
        with self._explained():
            self._socket.send(text)
        return number

    def _receive(self, deadline_s: float) -> dict[str, Any]:
        """The next message, taken out of its worker's envelope; keeps the list of workers."""
        with self._explained():
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=max(0.0, deadline_s - time.monotonic())))
        params = message.get("params", {})
        match message.get("method"):
            case "NodeWorker.attachedToWorker":
                self._workers.add(params["sessionId"])
            case "NodeWorker.detachedFromWorker":
                self._workers.discard(params["sessionId"])
            case "NodeWorker.receivedMessageFromWorker":
                return json.loads(params["message"])  # type: ignore[no-any-return]
        return message

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _isolate(self, heap: Mapping[str, Any], evaluated: Mapping[str, Any]) -> Isolate:
        try:
            value = evaluated["result"]["value"]
            memory = value["memory"]
            return Isolate(
                heap_used_bytes=int(heap["usedSize"]),
                heap_total_bytes=int(heap["totalSize"]),
                external_bytes=int(memory["external"]),
                array_buffers_bytes=int(memory["arrayBuffers"]),
                rss_bytes=int(memory["rss"]),
                pid=int(value["pid"]),
                started_s=round(float(value["startedMs"]) / 1000, 2),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ProbeError(
                f"expected process.memoryUsage() from {self._place}, found none: is it Node.js?"
            ) from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from websockets.exceptions import WebSocketException

        try:
            yield
        except TimeoutError as error:
            raise ProbeError(
                f"expected an answer from the inspector at {self._place} within {self._timeout_s:g} s, found none"
            ) from error
        except (OSError, ValueError, WebSocketException) as error:
            raise ProbeError(f"lost the inspector at {self._place}: {error}") from error


def open_session(place: InspectorPlace, timeout_s: float, message_limit_bytes: int) -> ClientConnection:
    """A WebSocket to the inspector at ``place``. Raises ProbeError, and what a handshake that fails raises."""
    from websockets.sync.client import connect

    url = place.websocket_url(timeout_s)
    return connect(
        url,
        sock=place.connect(timeout_s),
        open_timeout=timeout_s,
        close_timeout=timeout_s,
        max_size=message_limit_bytes,
        compression=None,
        proxy=None,
        ping_interval=None,  # Node.js knows no pings and hangs up at the first, after 20 s of every session
    )
