"""The exchange that docs/load.md shows is the one that the load has with a backend."""

from __future__ import annotations

import socket
import time

from harness.model import LoadKind
from harness.model.load import Ending, LoadPlan
from harness.plan.load import LoadSection
from locustfiles._voice import Conversation, Query
from locustfiles._wire import Site
from tests.support.documents import ROOT
from tests.support.scripted_server import http, scripted

RUN_NAME, NUMBER = "3f9a2c1e", 4


def _shown() -> list[tuple[str, str, bytes]]:
    """Of each request on the page: its method and path, its body, and the answer as bytes."""
    page = (ROOT / "docs/load.md").read_text(encoding="utf-8")
    block = page.partition("## The wire\n")[2].split("```")[1].strip("\n")
    exchanges = []
    for exchange in block.split("\n\n"):
        lines = exchange.splitlines()
        request, body, *_ = [line.removeprefix("> ") for line in lines if line.startswith(">")] + [""]
        status, *answer = [line.removeprefix("<").removeprefix(" ") for line in lines if line.startswith("<")]
        number, kind = status.split(" ", 1)
        exchanges.append((request, body, http("\n".join([*answer, ""]).encode(), f"{number} OK", kind)))
    return exchanges


def test_the_load_asks_as_the_page_says_and_is_content_with_the_pages_answers() -> None:
    """Byte for byte in paths and bodies, with nothing set in ``[load]``."""
    shown = _shown()
    answers = {request: answer for request, _, answer in shown}
    asked: dict[str, str] = {}

    def script(connection: socket.socket) -> None:
        while received := connection.recv(65_536).decode():
            head, _, body = received.partition("\r\n\r\n")
            request = head.partition(" HTTP/1.1")[0]
            asked[request] = body
            connection.sendall(answers.get(request) or http(b"", "404 Not Found"))

    with scripted(script) as server:
        backend = LoadSection().backend(server.url)
        query = Query(NUMBER, LoadKind.NORMAL, Ending.POLITE, 1, time.monotonic())
        site = Site(backend.base_url)
        turn = Conversation(query, LoadPlan("normal", 1, 1.0, (), backend), site, RUN_NAME, lambda _: None).run()
        site.close_idle()

    assert list(asked.items()) == [(request, body) for request, body, _ in shown]
    assert (turn.failure, turn.chunks_count, turn.carried_forbidden) == (None, 2, False)
