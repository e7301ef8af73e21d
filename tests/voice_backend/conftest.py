"""A voice backend in the test's own loop, an upstream that does as it is told, and the real command as a process."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from voice_backend import process
from voice_backend.faults import Fault
from voice_backend.service import VoiceService
from voice_backend.settings import Settings
from voice_backend.speaking import LocalSpeaker
from voice_backend.streams import Streaming, StreamTimes
from voice_backend.tts_client import SpeechError

AUDIO_BYTES = 50_618
REFUSAL = {"message": "Too many concurrent requests."}


@dataclass
class FakeSpeech:
    """Speech without an upstream: fails on demand, waits on demand."""

    fails_at: int | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)
    waits: bool = False
    calls: int = 0

    async def generate(self, text: str, *, voice_id: str, model_id: str) -> bytes:
        """Audio of the usual size."""
        self.calls += 1
        if self.waits:
            await self.released.wait()
        if self.fails_at == self.calls:
            raise SpeechError("speech upstream answered 429")
        return bytes(AUDIO_BYTES)

    async def aclose(self) -> None:
        """Nothing to close."""


@dataclass
class Serving:
    """A running service and a client for it."""

    service: VoiceService
    streaming: Streaming
    speech: FakeSpeech
    client: httpx.AsyncClient
    port: int

    async def converse(self, dialogue_id: str = "d1", text: str = "How did I sleep?") -> dict[str, Any]:
        """Posts a query; the answer."""
        response = await self.client.post("/api/voice/converse", json={"text": text, "dialogueId": dialogue_id})
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    async def events(self, dialogue_id: str = "d1", until: str = "done") -> list[tuple[str, dict[str, Any]]]:
        """Reads the stream until an event of that name, then leaves without goodbye."""
        found: list[tuple[str, dict[str, Any]]] = []
        url = f"/api/voice/open-stream?dialogueId={dialogue_id}"
        async with self.client.stream("GET", url) as response:
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            name = ""
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    found.append((name, json.loads(line[6:])))
                    if name == until:
                        break
        return found

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until ``condition`` holds; the test's time limit ends it otherwise."""
        while not condition():  # noqa: ASYNC110 - it looks at counters, which announce nothing
            await asyncio.sleep(0.005)

    async def ledger(self) -> dict[str, dict[str, int]]:
        """The ground truth."""
        found: dict[str, dict[str, int]] = (await self.client.get("/debug/ledger")).json()
        return found


@contextlib.asynccontextmanager
async def serving(
    folder: Path, faults: tuple[Fault, ...], times: StreamTimes | None, settings: dict[str, Any]
) -> AsyncIterator[Serving]:
    base = Settings("127.0.0.1", 0, "http://127.0.0.1:1", "key", dict.fromkeys(faults, 1.0))
    chosen = replace(base, **settings)
    speech = FakeSpeech()
    service = process.make_service(chosen, LocalSpeaker(speech), folder)
    streaming = Streaming(service.dialogues, service.counters, times or StreamTimes.scaled(chosen.time_scale))
    started = asyncio.Event()
    server = process.make_server(service, streaming, started.set)
    with process.bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await started.wait()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield Serving(service, streaming, speech, client, port)
            service.dialogues.end_all()
            streaming.abort_all()
        server.should_exit = True
        await running


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., contextlib.AbstractAsyncContextManager[Serving]]:
    """Runs a service in the test's loop: ``serve(*faults, times=..., **settings)``."""

    def run(
        *faults: Fault, times: StreamTimes | None = None, **settings: Any
    ) -> contextlib.AbstractAsyncContextManager[Serving]:
        return serving(tmp_path, faults, times, settings)

    return run


@dataclass
class Upstream:
    """A stand-in for ElevenLabs: what it answers next, what it was asked."""

    url: str = ""
    status: int = 200
    audio: bytes = bytes(AUDIO_BYTES)
    media_type: str = "audio/mpeg"
    cut: bool = False
    frames: list[str] | None = None
    falls_silent: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def speak(self, request: Request) -> Response:
        """``POST /v1/text-to-speech/{voice_id}``."""
        self.requests.append(
            {
                "voice_id": request.path_params["voice_id"],
                "key": request.headers.get("xi-api-key"),
                "output_format": request.query_params.get("output_format"),
                **(await request.json()),
            }
        )
        if self.status != 200:
            return JSONResponse({"detail": REFUSAL}, status_code=self.status)
        response = Response(self.audio, media_type=self.media_type)
        if self.cut:
            response.headers["content-length"] = str(len(self.audio) + 1)
        return response

    async def stream_input(self, socket: WebSocket) -> None:
        """``/v1/text-to-speech/{voice_id}/stream-input``."""
        if self.status != 200:
            await socket.send_denial_response(JSONResponse({"detail": REFUSAL}, status_code=self.status))
            return
        await socket.accept()
        texts = [json.loads(await socket.receive_text()) for _ in range(3)]
        self.requests.append({"key": socket.headers["xi-api-key"], **socket.query_params, "texts": texts})
        for frame in self.frames or []:
            await socket.send_text(frame)
        if self.falls_silent:
            await socket.receive()  # until the client has gone
            return
        await socket.close(1000)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A running stand-in, in a thread of its own."""
    state = Upstream()
    app = Starlette(
        routes=[
            Route("/v1/text-to-speech/{voice_id}", state.speak, methods=["POST"]),
            WebSocketRoute("/v1/text-to-speech/{voice_id}/stream-input", state.stream_input),
        ]
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        yield state
        server.should_exit = True
        thread.join()


@dataclass
class Command:
    """The command ``voice-backend serve`` as a process."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str]

    def stop(self, with_signal: int = signal.SIGTERM) -> float:
        """Ends it; seconds until it had ended. Its remaining lines are in ``lines``."""
        began_s = time.monotonic()
        self.process.send_signal(with_signal)
        output, _ = self.process.communicate(timeout=20)
        self.lines += output.splitlines()
        return time.monotonic() - began_s


@pytest.fixture
def command() -> Iterator[Callable[..., Command]]:
    """Starts the command with these flags and variables and waits until it accepts connections."""
    with contextlib.ExitStack() as stack:

        def start(*flags: str, **variables: str) -> Command:
            started = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "voice_backend", "serve", "--port", "0", *flags],
                    env={**os.environ, **variables},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    encoding="utf-8",
                )
            )
            stack.callback(started.kill)
            assert started.stdout is not None
            first = started.stdout.readline()
            assert first.startswith("voice-backend listening on http://127.0.0.1:"), first
            return Command(started, first.split()[-1], [first.rstrip("\n")])

        yield start
