"""The ASGI application: speech requests go straight to their handler, everything else through Starlette's router."""

from collections.abc import Sequence
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.routing import Router

from mock_tts import errors
from mock_tts.errors import ApiError
from mock_tts.faults import Route
from mock_tts.instant import Instant
from mock_tts.replies import COMMON, ClientGone, Headers, Receive, Scope, Send, send_error
from mock_tts.routes import admin, sockets, support
from mock_tts.routes.orders import OrderBook
from mock_tts.routes.speech import SpeechEndpoints
from mock_tts.service import Service

SPEECH_PREFIX = "/v1/text-to-speech/"
DIALOGUE_PREFIX = "/v1/text-to-dialogue"
_SPEECH = {
    "": Route.CONVERT,
    "stream": Route.STREAM,
    "with-timestamps": Route.WITH_TIMESTAMPS,
    "stream/with-timestamps": Route.STREAM_WITH_TIMESTAMPS,
}
_DIALOGUE = {
    "": Route.DIALOGUE,
    "/stream": Route.DIALOGUE_STREAM,
    "/with-timestamps": Route.DIALOGUE_WITH_TIMESTAMPS,
    "/stream/with-timestamps": Route.DIALOGUE_STREAM_WITH_TIMESTAMPS,
}
_SPEECH_SOCKETS = {"stream-input": Route.STREAM_INPUT, "multi-stream-input": Route.MULTI_STREAM_INPUT}
_DIALOGUE_SOCKETS = {
    f"{DIALOGUE_PREFIX}/stream-input": Route.DIALOGUE_STREAM_INPUT,
    f"{DIALOGUE_PREFIX}/multi-stream-input": Route.DIALOGUE_MULTI_STREAM_INPUT,
}


class App:
    """One ASGI callable for both listeners, and the shortcut past ASGI (see ``protocol.Shortcut``)."""

    def __init__(self, service: Service) -> None:
        self._service = service
        orders = OrderBook(service)
        self._speech = SpeechEndpoints(service, orders)
        self._instant = Instant(service, orders)
        self._router = Router(
            [*admin.routes(service), *support.routes(service)], redirect_slashes=False, default=_not_found
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            raise RuntimeError("lifespan is not used")
        if kind == "http":
            await self._http(scope, receive, send)
        else:
            await self._socket(scope, receive, send)

    def learn(self, data: bytes, scope: Scope) -> None:
        found = speech_route(scope)
        if found is not None:
            self._instant.learn(data, scope, *found)

    def answer(self, data: bytes, default: Headers) -> Sequence[bytes] | None:
        return self._instant.answer(data, default)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = socket_route(scope)
        if found is None:
            await receive()
            await sockets.refuse(self._service, send, ApiError(errors.NOT_FOUND, "Not Found"))
        else:
            await sockets.handle(self._service, scope, receive, send, *found)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            found = speech_route(scope)
            if scope["method"] == "OPTIONS":
                await _preflight(send, self._service)
            elif found is not None:
                if scope["method"] != "POST":
                    raise ApiError(errors.METHOD_NOT_ALLOWED, "Method Not Allowed", headers=((b"allow", b"POST"),))
                await self._speech.handle(scope, receive, send, *found)
            else:
                await self._route(scope, receive, send)
        except ApiError as error:
            await send_error(send, error, self._service.hex_id())
        except ClientGone:
            pass

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            scope["app"] = self  # makes Starlette raise instead of answering in plain text
            await self._router(scope, receive, send)
        except HTTPException as error:
            problem = errors.METHOD_NOT_ALLOWED if error.status_code == 405 else errors.BAD_REQUEST
            allow = tuple((b"allow", value.encode()) for value in (error.headers or {}).values())
            raise ApiError(problem, error.detail, headers=allow) from None


def socket_route(scope: Scope) -> tuple[Route, str] | None:
    """Which socket a path names, and the voice in it."""
    path: str = scope["path"]
    if path in _DIALOGUE_SOCKETS:
        return _DIALOGUE_SOCKETS[path], ""
    return _voice_route(scope, _SPEECH_SOCKETS)


def speech_route(scope: Scope) -> tuple[Route, str] | None:
    """Which speech endpoint a path names, and the voice in it. Slashes that the client escaped belong to the voice."""
    path: str = scope["path"]
    if path.startswith(DIALOGUE_PREFIX):
        route = _DIALOGUE.get(path[len(DIALOGUE_PREFIX) :])
        return (route, "") if route is not None else None
    return _voice_route(scope, _SPEECH)


def _voice_route(scope: Scope, tails: dict[str, Route]) -> tuple[Route, str] | None:
    path: str = scope["path"]
    if not path.startswith(SPEECH_PREFIX):
        return None
    raw_path: bytes = scope["raw_path"]
    if b"%" in raw_path:
        path = raw_path.decode("latin-1")
    voice_id, slash, tail = path[len(SPEECH_PREFIX) :].partition("/")
    route = None if slash and not tail else tails.get(tail)  # a slash at the end names nothing
    return (route, unquote(voice_id)) if route is not None and voice_id else None


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise ApiError(errors.NOT_FOUND, "Not Found")


async def _preflight(send: Send, service: Service) -> None:
    headers = [*COMMON, (b"content-length", b"0"), (b"x-trace-id", service.hex_id().encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
