"""Error bodies."""

import json

from mock_tts import errors
from mock_tts.errors import ApiError, invalid


def test_envelope_serves_old_and_new_clients() -> None:
    """Type and code for new clients, status and message for old ones, a parameter where there is one."""
    body = json.loads(ApiError(errors.INVALID_FORMAT, "no", param="output_format").body("0" * 32))

    assert body["detail"] == {
        "type": "validation_error",
        "code": "invalid_output_format",
        "message": "no",
        "status": "invalid_output_format",
        "request_id": "0" * 32,
        "param": "output_format",
    }


def test_quota_has_the_legacy_form() -> None:
    """As observed: only status and message."""
    assert json.loads(ApiError(errors.QUOTA, "m").body("x")) == {"detail": {"status": "quota_exceeded", "message": "m"}}


def test_schema_violations_are_an_array() -> None:
    """FastAPI's rows as they are."""
    assert json.loads(invalid([{"type": "missing"}]).body("x")) == {"detail": [{"type": "missing"}]}
