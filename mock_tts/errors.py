"""Errors in the shapes that clients of the real API know. One exception, raised anywhere, rendered at the edge.

ApiError                 an answer other than 2xx: the envelope with ``detail``
UsageError               wrong options or files at start: one line on stderr, exit 2
"""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """What identifies an error on the wire. ``legacy`` is what older clients read as ``detail.status``."""

    http_status: int
    type: str
    code: str
    legacy: str = ""


MALFORMED_JSON = Problem(400, "invalid_request", "malformed_json")
BAD_REQUEST = Problem(400, "invalid_request", "bad_request")
REQUEST_TOO_LARGE = Problem(400, "invalid_request", "request_too_large")
TEXT_TOO_LONG = Problem(400, "validation_error", "text_too_long", "max_character_limit_exceeded")
EMPTY_TEXT = Problem(400, "validation_error", "empty_text")
INVALID_PARAMETERS = Problem(400, "validation_error", "invalid_parameters")
UNSUPPORTED_MODEL = Problem(400, "validation_error", "unsupported_model")
BAD_KEY_SHAPED = Problem(400, "authentication_error", "invalid_api_key")
BAD_KEY = Problem(401, "authentication_error", "unauthorized", "invalid_api_key")
MISSING_KEY = Problem(401, "authentication_error", "missing_api_key")
QUOTA = Problem(401, "", "", "quota_exceeded")
INSUFFICIENT_CREDITS = Problem(402, "payment_required", "insufficient_credits")
FORMAT_NOT_ALLOWED = Problem(403, "authorization_error", "subscription_required", "output_format_not_allowed")
INVALID_FORMAT = Problem(403, "validation_error", "invalid_output_format")
LOOPBACK_ONLY = Problem(403, "authorization_error", "forbidden")
VOICE_NOT_FOUND = Problem(404, "not_found", "voice_not_found")
MODEL_NOT_FOUND = Problem(404, "not_found", "model_not_found")
NOT_FOUND = Problem(404, "not_found", "not_found")
METHOD_NOT_ALLOWED = Problem(405, "invalid_request", "method_not_allowed")
CONCURRENCY = Problem(429, "rate_limit_error", "concurrent_limit_exceeded", "too_many_concurrent_requests")
RATE_LIMIT = Problem(429, "rate_limit_error", "rate_limit_exceeded")
SYSTEM_BUSY = Problem(429, "rate_limit_error", "system_busy")
INTERNAL = Problem(500, "internal_error", "internal_error")
UNAVAILABLE = Problem(503, "service_unavailable", "service_unavailable")

CONCURRENCY_MESSAGE = (
    "Too many concurrent requests. Your current subscription is associated with a maximum of {limit} concurrent "
    "requests (running in parallel)."
)
QUOTA_MESSAGE = (
    "This request exceeds your quota of {quota}. You have {left} credits remaining, while {needed} credits are "
    "required for this request."
)


class ApiError(Exception):
    """Ends a request with ``problem``; ``rows`` replaces the envelope by FastAPI's array of a 422."""

    def __init__(
        self,
        problem: Problem,
        message: str,
        *,
        param: str | None = None,
        rows: list[dict[str, Any]] | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message
        self.param = param
        self.rows = rows
        self.headers = headers

    def body(self, request_id: str) -> bytes:
        """The JSON body. ``request_id`` is 32 hex characters and not the ``request-id`` header."""
        if self.rows is not None:
            return json.dumps({"detail": self.rows}).encode()
        problem = self.problem
        detail: dict[str, str] = {"type": problem.type, "code": problem.code, "message": self.message}
        detail["status"] = problem.legacy or problem.code
        detail["request_id"] = request_id
        if self.param is not None:
            detail["param"] = self.param
        if not problem.type:  # the legacy form has only these two
            detail = {"status": problem.legacy, "message": self.message}
        return json.dumps({"detail": detail}).encode()


def invalid(rows: list[dict[str, Any]]) -> ApiError:
    """A 422 with FastAPI's rows."""
    return ApiError(Problem(422, "validation_error", "invalid_parameters"), "schema violation", rows=rows)


class UsageError(Exception):
    """What was expected, what was found, what to do: the one line for stderr."""
