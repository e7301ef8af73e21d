"""Tables of JSON endpoints."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.routing import Router

from mock_tts import errors
from mock_tts.errors import ApiError
from mock_tts.routes.tables import json_routes


async def _hello(request: Request) -> Any:
    return {"hello": request.path_params["name"]}


def _refuse(request: Request) -> None:
    raise ApiError(errors.LOOPBACK_ONLY, "no")


def ask(router: Router, method: str) -> httpx.Response:
    async def inside() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(router), base_url="http://m") as client:
            return await client.request(method, "/hello/you")

    return asyncio.run(inside())


def test_values_go_out_as_json_with_headers() -> None:
    """The headers are made for each answer; another method is not answered."""
    numbers = iter(range(10))
    router = Router(
        json_routes(
            [("GET", "/hello/{name}", _hello)], lambda _: None, lambda: [(b"x-number", str(next(numbers)).encode())]
        )
    )

    assert ask(router, "GET").json() == {"hello": "you"}
    assert ask(router, "GET").headers["x-number"] == "1"
    assert ask(router, "POST").status_code == 405


def test_the_guard_comes_first() -> None:
    """What it raises is left to the application around."""
    router = Router(json_routes([("GET", "/hello/{name}", _hello)], _refuse))

    with pytest.raises(ApiError, match="no"):
        ask(router, "GET")
