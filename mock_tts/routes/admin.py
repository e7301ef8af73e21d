"""Admin endpoints, for this machine only: health, stats, journal, reset, faults; and the metrics for Prometheus."""

from typing import Any

from mock_tts import errors
from mock_tts.errors import ApiError
from mock_tts.replies import Receive, Scope, Send, send_json
from mock_tts.service import Service


def routes(service: Service) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path in ("/admin/health", "/health"):
            await send_json(send, {"status": "ok"}, service.hex_id())
        elif path == "/admin/stats":
            await send_json(send, service.ledger.stats(), service.hex_id())
        else:
            raise ApiError(errors.NOT_FOUND, "Not Found")

    return app
