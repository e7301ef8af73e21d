"""The ASGI application: speech requests go straight to their handler, everything else through Starlette's router."""

import logging
from urllib.parse import unquote

from mock_tts import errors
from mock_tts.errors import ApiError
from mock_tts.faults import Route
from mock_tts.replies import COMMON, ClientGone, Receive, Scope, Send, send_error
from mock_tts.routes import admin, speech
from mock_tts.service import Service

_log = logging.getLogger("mock_tts")

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


class App:
    """One ASGI callable for both listeners."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._admin = admin.routes(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            raise RuntimeError("lifespan is not used")
        if kind == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            found = speech_route(scope)
            if scope["method"] == "OPTIONS":
                await _preflight(send, self._service)
            elif found is not None:
                if scope["method"] != "POST":
                    raise ApiError(errors.METHOD_NOT_ALLOWED, "Method Not Allowed", headers=((b"allow", b"POST"),))
                await speech.handle(self._service, scope, receive, send, *found)
            else:
                await self._admin(scope, receive, send)
        except ApiError as error:
            await send_error(send, error, self._service.hex_id())
        except ClientGone:
            pass


def speech_route(scope: Scope) -> tuple[Route, str] | None:
    """Which speech endpoint a path names, and the voice in it. Slashes that the client escaped belong to the voice."""
    path: str = scope["path"]
    if path.startswith(SPEECH_PREFIX):
        raw = scope["raw_path"].decode("latin-1") if "%" in scope["raw_path"].decode("latin-1") else path
        voice_id, _, tail = raw[len(SPEECH_PREFIX) :].partition("/")
        route = _SPEECH.get(tail)
        return (route, unquote(voice_id)) if route is not None and voice_id else None
    if path.startswith(DIALOGUE_PREFIX):
        route = _DIALOGUE.get(path[len(DIALOGUE_PREFIX) :])
        return (route, "") if route is not None else None
    return None


async def _preflight(send: Send, service: Service) -> None:
    headers = [*COMMON, (b"content-length", b"0"), (b"x-trace-id", service.hex_id().encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
