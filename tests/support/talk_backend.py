"""A voice backend of another shape than the project's own: one WebSocket, asked over that socket, other words.

``{"say": ..., "session": ..., "lang": "en"}`` goes in, ``{"kind": "speech", "pcm": ..., "n": 0, "end": false}`` comes
out, then ``{"kind": "over"}``. ``mood`` makes it misbehave. A question that it has heard before
is counted and not answered again.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from harness.model.load import Backend, StreamKind

CHUNKS_COUNT = 3
CHUNK = base64.b64encode(bytes(30_000)).decode()


@dataclass
class TalkBackend:
    """Counts what it was asked; ``mood``: good, endless, not_json, cut, gap, error."""

    mood: str = "good"
    port: int = 0
    says: list[str] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)
    polite_closes_count: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def wire(self) -> Backend:
        """How the load speaks to it."""
        return Backend(
            base_url=f"http://127.0.0.1:{self.port}",
            stream=StreamKind.WEBSOCKET,
            converse_path=None,
            stream_path="/talk/{dialogue}",
            close_path=None,
            headers=(("X-Team", "voice"),),
            text_field="say",
            dialogue_field="session",
            body_json='{"lang": "en"}',
            event_field="kind",
            data_field=None,
            audio_event="speech",
            done_event="over",
            error_event="sorry",
            audio_field="pcm",
            index_field="n",
            final_field="end",
            forbidden_fields=(),
        )

    def answer(self, connection: ServerConnection) -> None:
        """Serves one connection until the client has gone."""
        assert connection.request is not None
        self.headers.add(connection.request.headers.get("X-Team", ""))
        try:
            for message in connection:
                asked = json.loads(message)
                with self.lock:
                    is_new = asked["say"] not in self.says
                    self.says.append(asked["say"])
                    self.sessions.add(asked["session"])
                if is_new:
                    self._speak(connection)
        except ConnectionClosed:
            return
        with self.lock:
            self.polite_closes_count += 1

    def _speak(self, connection: ServerConnection) -> None:
        connection.send(json.dumps({"kind": "hello"}))
        if self.mood == "error":
            connection.send(json.dumps({"kind": "sorry", "why": "no voice today"}))
            return
        if self.mood == "endless":
            self.over.wait()
            return
        for number in range(CHUNKS_COUNT):
            if number == 1 and self.mood == "not_json":
                connection.send('{"kind": "speech", "pcm": ')
            if number == 1 and self.mood == "cut":
                connection.close()
                return
            if number == 1 and self.mood == "gap":
                continue
            end = number == CHUNKS_COUNT - 1
            connection.send(json.dumps({"kind": "speech", "pcm": CHUNK, "n": number, "end": end}))
        connection.send(json.dumps({"kind": "over"}))


@contextmanager
def talking(mood: str = "good") -> Iterator[TalkBackend]:
    """A backend that answers on a port of its own until the block ends."""
    backend = TalkBackend(mood)
    with serve(backend.answer, "127.0.0.1", 0, compression=None) as server:
        backend.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield backend
        finally:
            backend.over.set()
            server.shutdown()
            thread.join()
