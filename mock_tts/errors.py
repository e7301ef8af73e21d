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

_NAMED = (
    *(MALFORMED_JSON, BAD_REQUEST, REQUEST_TOO_LARGE, TEXT_TOO_LONG, EMPTY_TEXT, INVALID_PARAMETERS, UNSUPPORTED_MODEL),
    *(BAD_KEY_SHAPED, BAD_KEY, MISSING_KEY, QUOTA, INSUFFICIENT_CREDITS, FORMAT_NOT_ALLOWED, INVALID_FORMAT),
    *(VOICE_NOT_FOUND, MODEL_NOT_FOUND, CONCURRENCY, RATE_LIMIT, SYSTEM_BUSY, INTERNAL, UNAVAILABLE),
    Problem(400, "validation_error", "invalid_voice_settings"),
    Problem(400, "validation_error", "invalid_voice_id"),
    Problem(401, "authentication_error", "unauthorized", "missing_permissions"),
    Problem(401, "", "", "detected_unusual_activity"),
    Problem(402, "payment_required", "payment_required"),
)
"""Errors that a fault may name; those at the end only a fault can cause."""

_KNOWN = {(one.http_status, name): one for one in _NAMED[::-1] for name in (one.legacy, one.code) if name}
_BY_STATUS = {
    **{401: BAD_KEY, 402: INSUFFICIENT_CREDITS, 403: LOOPBACK_ONLY, 404: NOT_FOUND},
    **{409: Problem(409, "conflict", "already_running"), 429: SYSTEM_BUSY, 503: UNAVAILABLE},
}


def problem_of(http_status: int, name: str | None) -> Problem:
    """The problem that the API tells by ``name``, its code or its legacy status, with ``http_status``. Without a name
    the usual one of that status; an unknown name with the type of that status."""
    usual = _BY_STATUS.get(http_status, BAD_REQUEST if http_status < 500 else INTERNAL)
    if name is None:
        return Problem(http_status, usual.type, usual.code, usual.legacy)
    return _KNOWN.get((http_status, name), Problem(http_status, usual.type, name))


CONCURRENCY_MESSAGE = (
    "Too many concurrent requests. Your current subscription is associated with a maximum of {limit} concurrent "
    "requests (running in parallel)."
)
QUOTA_MESSAGE = (
    "This request exceeds your quota of {quota}. You have {left} credits remaining, while {needed} credits are "
    "required for this request."
)

MESSAGES = {
    "system_busy": (
        "We're experiencing heavy traffic and prioritise requests of higher plans. Please try again shortly."
    ),
    "invalid_api_key": "Invalid API key",
    "missing_permissions": "The API key you used is missing the permission to execute this operation.",
    "detected_unusual_activity": (
        "Unusual activity detected. Free Tier usage disabled. "
        "If you are using a proxy/VPN you might need to purchase a Paid Plan to not trigger our abuse detectors."
    ),
    "too_many_concurrent_requests": CONCURRENCY_MESSAGE.format(limit=10),
}
"""Words for errors that only a fault causes, by legacy status."""


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
