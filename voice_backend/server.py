"""The service over HTTP and WebSocket: reads requests, checks them, writes answers. The contract's paths are here."""

import asyncio
import gc
import ipaddress
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from voice_backend import allocations
from voice_backend.census import census
from voice_backend.counters import PrometheusText
from voice_backend.memory import give_back, heap_use, rss_bytes
from voice_backend.service import Query, VoiceService
from voice_backend.streams import EventStream, Streaming, stream_over_websocket

BODY_LIMIT_BYTES = 64 * 1024
"""5,000 characters are at most 60,000 bytes of escaped JSON."""
BODY_TIMEOUT_S = 30.0
_CLOSE = {"connection": "close"}
"""An answer given before the body was read must end the connection."""
DEFAULT_VOICE_ID = "21m00Tcm4TlvDq8ikWAM"
DEFAULT_MODEL_ID = "eleven_flash_v2_5"

Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True)


class ConverseBody(_Body):
    """``POST /api/voice/converse``."""

    text: Annotated[str, Field(min_length=1, max_length=5_000)]
    dialogue_id: Name | None = None
    voice_id: Name | None = None
    model_id: Name | None = None


class CloseBody(_Body):
    """``POST /api/voice/close``."""

    dialogue_id: Name


def _problem(status: int, message: str) -> JSONResponse:
    return JSONResponse({"success": False, "error": message}, status_code=status)


def _invalid(exc: ValidationError) -> HTTPException:
    first = exc.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "body"
    return HTTPException(400, f"{where}: {first['msg']}")


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _require_loopback(request: Request) -> None:
    if request.client is None or not _is_loopback(request.client.host):
        raise HTTPException(403, f"{request.url.path} answers clients on the loopback interface only")


@dataclass(frozen=True, slots=True)
class VoiceRoutes:
    """The endpoints of one service."""

    service: VoiceService
    streaming: Streaming
    prometheus: PrometheusText

    async def converse(self, request: Request) -> Response:
        """Takes a query and answers at once."""
        try:
            body = ConverseBody.model_validate_json(await self._read(request))
        except ValidationError as exc:
            raise _invalid(exc) from exc
        accepted = self.service.converse(
            Query(
                text=body.text,
                dialogue_id=body.dialogue_id or uuid.uuid4().hex,
                voice_id=body.voice_id or DEFAULT_VOICE_ID,
                model_id=body.model_id or DEFAULT_MODEL_ID,
            )
        )
        answer: dict[str, object] = {
            "success": True,
            "dialogueId": accepted.dialogue_id,
            "thinkingIndicator": {"type": "sound"},
        }
        if accepted.duplicate:
            answer["duplicate"] = True
        if accepted.sound is not None:
            answer["thinkingSound"] = accepted.sound
        return self._counted(JSONResponse(answer))

    async def close(self, request: Request) -> Response:
        """Ends a dialogue."""
        try:
            body = CloseBody.model_validate_json(await self._read(request))
        except ValidationError as exc:
            raise _invalid(exc) from exc
        cleared = self.service.dialogues.close(body.dialogue_id)
        if cleared is None:
            raise HTTPException(404, f"no dialogue {body.dialogue_id!r}: expected one that is open")
        return self._counted(JSONResponse({"success": True, "cleared": cleared}))

    async def open_stream(self, request: Request) -> Response:
        """The events as server-sent events."""
        dialogue_id = request.query_params.get("dialogueId", "")
        if not 1 <= len(dialogue_id) <= 200:
            raise HTTPException(400, "dialogueId: expected 1 to 200 characters in the query string")
        if request.method == "HEAD":
            return Response(media_type=EventStream.media_type)
        return EventStream(self.streaming, dialogue_id)

    async def stream(self, socket: WebSocket) -> None:
        """The events as WebSocket frames."""
        dialogue_id = socket.query_params.get("dialogueId", "")
        if not 1 <= len(dialogue_id) <= 200:
            await socket.send_denial_response(
                _problem(400, "dialogueId: expected 1 to 200 characters in the query string")
            )
            return
        await stream_over_websocket(self.streaming, socket, dialogue_id)

    async def no_stream(self, socket: WebSocket) -> None:
        """Any other path asked for as a WebSocket."""
        await socket.send_denial_response(
            _problem(404, f"no WebSocket at {socket.url.path[:200]!r}: expected /api/voice/stream?dialogueId=")
        )

    async def health(self, _: Request) -> Response:
        """Whether the service is up."""
        return JSONResponse({"status": "ok", "activeDialogues": len(self.service.dialogues)})

    async def metrics(self, _: Request) -> Response:
        """Prometheus text."""
        return Response(self.prometheus.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def debug_memory(self, _: Request) -> Response:
        """Memory in the names of Node's ``process.memoryUsage()``; ``external`` is the speech that is held."""
        held = self.service.ledger.read()
        buffered = self.service.dialogues.buffered()
        speech_bytes = (
            buffered.retained_bytes
            + held["tts_chunk_refs"].retained_bytes
            + self.service.recent_speech.held_bytes
        )  # fmt: skip
        heap = heap_use()
        return JSONResponse(
            {
                "rss": rss_bytes(),
                "heapTotal": heap.total_bytes if heap else None,
                "heapUsed": heap.used_bytes if heap else None,
                "external": speech_bytes,
                "arrayBuffers": held["tts_chunk_refs"].retained_bytes,
                "activeDialogues": len(self.service.dialogues),
                "processed": self.service.counters.queries,
                "bufferedMessages": buffered.retained_objects,
                "bufferedBytes": buffered.retained_bytes,
                "plateauCacheBytes": self.service.recent_speech.held_bytes,
                "workers": [{"pid": pid, "rss": rss_bytes(pid)} for pid in self.service.speaker.worker_pids()],
                "trackerSamples": self.service.tracker.samples_count,
            }
        )

    async def debug_ledger(self, request: Request) -> Response:
        """What each fault retains."""
        _require_loopback(request)
        return JSONResponse({name: held.as_json() for name, held in self.service.ledger.read().items()})

    async def debug_gc(self, request: Request) -> Response:
        """Runs a full collection."""
        _require_loopback(request)
        return JSONResponse({"collected": gc.collect()})

    async def debug_objects(self, request: Request) -> Response:
        """What is kept alive, by the path that keeps it. Stops the service while it looks."""
        _require_loopback(request)
        return JSONResponse(census(self.service, "service"))

    async def debug_allocations(self, request: Request) -> Response:
        """POST begins to trace allocations, GET tells the lines that hold most, DELETE ends it."""
        _require_loopback(request)
        if request.method == "POST":
            allocations.start()
        elif request.method == "DELETE":
            allocations.stop()
            return JSONResponse({"tracing": False})
        return JSONResponse(allocations.lines())

    async def debug_trim(self, request: Request) -> Response:
        """Has the allocator return what it can: what is left afterwards is held, not only kept in reserve."""
        _require_loopback(request)
        before = rss_bytes()
        gc.collect()
        return JSONResponse({"trimmed": give_back(), "before": before, "after": rss_bytes()})

    async def _read(self, request: Request) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for part in request.stream():
                    body += part
                    if len(body) > BODY_LIMIT_BYTES:
                        raise HTTPException(413, f"body: expected at most {BODY_LIMIT_BYTES} bytes", _CLOSE)
        except TimeoutError:
            raise HTTPException(408, f"body: expected all of it within {BODY_TIMEOUT_S:g} s", _CLOSE) from None
        self.service.counters.bytes_in += len(body)
        return bytes(body)

    def _counted(self, response: Response) -> Response:
        self.service.counters.bytes_out += len(response.body)
        return response


def _sentence(request: Request, exc: HTTPException) -> str:
    """What was wrong and what was expected, also where the router has found it and says neither."""
    asked = f"{request.method} {request.url.path[:200]}"
    if exc.status_code == 405:
        return f"{asked}: expected {(exc.headers or {}).get('Allow', 'another method')}"
    if exc.status_code == 404 and exc.detail == HTTPStatus.NOT_FOUND.phrase:
        paths = ", ".join(route.path for route in request.app.routes if isinstance(route, Route))
        return f"{asked}: no such path, expected one of {paths}"
    return exc.detail


async def _http_problem(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    response = _problem(exc.status_code, _sentence(request, exc))
    response.headers.update(exc.headers or {})
    return response


async def _client_left(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


async def _internal_problem(_: Request, __: Exception) -> Response:
    return _problem(500, "internal error: the service's log has the traceback")


def make_app(service: VoiceService, streaming: Streaming) -> Starlette:
    """The ASGI application of ``service``, which it starts and stops."""
    routes = VoiceRoutes(service, streaming, PrometheusText(service.counters, service.gauges))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    return Starlette(
        routes=[
            Route("/api/voice/converse", routes.converse, methods=["POST"]),
            Route("/api/voice/open-stream", routes.open_stream, methods=["GET"]),
            WebSocketRoute("/api/voice/stream", routes.stream),
            WebSocketRoute("/{path:path}", routes.no_stream),
            Route("/api/voice/close", routes.close, methods=["POST"]),
            Route("/health", routes.health, methods=["GET"]),
            Route("/metrics", routes.metrics, methods=["GET"]),
            Route("/debug/memory", routes.debug_memory, methods=["GET"]),
            Route("/debug/ledger", routes.debug_ledger, methods=["GET"]),
            Route("/debug/gc", routes.debug_gc, methods=["POST"]),
            Route("/debug/objects", routes.debug_objects, methods=["GET"]),
            Route("/debug/tracemalloc", routes.debug_allocations, methods=["GET", "POST", "DELETE"]),
            Route("/debug/trim", routes.debug_trim, methods=["POST"]),
        ],
        exception_handlers={
            HTTPException: _http_problem,
            ClientDisconnect: _client_left,
            Exception: _internal_problem,
        },
        lifespan=lifespan,
    )
