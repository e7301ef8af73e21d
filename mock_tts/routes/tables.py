"""A table of endpoints that answer with JSON, as routes behind one guard."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mock_tts.replies import Headers

Handler = Callable[[Request], Awaitable[Any]]
Row = tuple[str, str, Handler]
"""Method, path, and what gives the value."""


def json_routes(
    table: Sequence[Row], guard: Callable[[Request], None], headers: Callable[[], Headers] = list
) -> list[Route]:
    """A route for each row: ``guard`` lets the request in or raises ApiError, then the handler's value goes out as
    JSON with ``headers``, made anew for each answer."""

    def guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            guard(request)
            response = JSONResponse(await handler(request))
            response.raw_headers.extend(headers())
            return response

        return answer

    return [Route(path, guarded(handler), methods=[method]) for method, path, handler in table]
