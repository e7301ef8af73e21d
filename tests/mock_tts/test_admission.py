"""Who may generate now."""

import asyncio
import json

import pytest

from mock_tts.admission import charge, fault_error, retry_after, slot_lines, take_slot
from mock_tts.catalog import MODELS, PLANS
from mock_tts.errors import ApiError
from mock_tts.faults import NO_EFFECTS, Effects, Fault, Kind
from mock_tts.profile import PROFILES
from mock_tts.service import Service
from mock_tts.settings import Choices, OverLimit, Settings

FLASH = MODELS["eleven_flash_v2_5"]


def service(**values: object) -> Service:
    return Service(Settings(profile=PROFILES["instant"], **values))  # type: ignore[arg-type]


def test_slots_of_the_plan() -> None:
    """Four fast requests on the free plan; the fifth is refused with the plan's number, another group is not."""
    limited = service(plan=PLANS["free"], over_limit=OverLimit.REJECT)

    async def take(count: int) -> None:
        for _ in range(count):
            await take_slot(limited, FLASH, NO_EFFECTS, None)

    asyncio.run(take(4))
    with pytest.raises(ApiError, match="a maximum of 4 concurrent"):
        asyncio.run(take(1))
    assert asyncio.run(take_slot(limited, MODELS["eleven_multilingual_v2"], NO_EFFECTS, None)) == 2
    assert b"current-concurrent-requests: 1\r\nmaximum-concurrent-requests: 2\r\n" in slot_lines(1, 2)


def test_full_queue_is_refused() -> None:
    """With no room to wait, queueing is refusing."""
    full = Fault(kind=Kind.CONCURRENCY, limit=0, policy="queue", queue_length=0)
    with pytest.raises(ApiError):
        asyncio.run(take_slot(service(), FLASH, Effects({Kind.CONCURRENCY: full}), None))


def test_credits_are_charged_and_run_out() -> None:
    """A fault empties the account; the new form of the refusal is a 402."""
    poor = service(quota_credits=3, choices=Choices(quota_form="new"))

    charge(poor, 3, NO_EFFECTS)
    with pytest.raises(ApiError) as caught:
        charge(poor, 1, NO_EFFECTS)
    assert caught.value.problem.http_status == 402
    with pytest.raises(ApiError, match="You have 0 credits"):
        charge(service(), 1, Effects({Kind.QUOTA: Fault(kind=Kind.QUOTA)}))


def test_fault_errors_have_the_api_types() -> None:
    """Status decides type and code unless the fault names one; ``retry-after`` only when asked for."""
    error = fault_error(service(), Fault(kind=Kind.STATUS, status=429, retry_after_s=2))

    assert (error.problem.type, error.problem.code) == ("rate_limit_error", "system_busy")
    assert error.headers == ((b"retry-after", b"2"),)
    assert retry_after(service()) == ()
    assert retry_after(service(choices=Choices(retry_after="7")), Fault(kind=Kind.STATUS, status=503)) == ()
    assert retry_after(service(choices=Choices(retry_after="7"))) == ((b"retry-after", b"7"),)


@pytest.mark.parametrize(
    ("status", "code", "kind", "legacy", "words"),
    [
        (400, "invalid_voice_settings", "validation_error", "invalid_voice_settings", "told to answer 400"),
        (401, None, "authentication_error", "invalid_api_key", "Invalid API key"),
        (401, "missing_permissions", "authentication_error", "missing_permissions", "missing the permission"),
        (401, "detected_unusual_activity", None, "detected_unusual_activity", "Unusual activity"),
        (408, None, "invalid_request", "bad_request", "told to answer 408"),
        (429, "concurrent_limit_exceeded", "rate_limit_error", "too_many_concurrent_requests", "a maximum of 10"),
        (429, "odd", "rate_limit_error", "odd", "told to answer 429"),
        (502, None, "internal_error", "internal_error", "told to answer 502"),
        (503, "maintenance", "service_unavailable", "maintenance", "told to answer 503"),
    ],
)
def test_fault_errors_are_those_of_the_api(
    status: int, code: str | None, kind: str | None, legacy: str, words: str
) -> None:
    """A code that the API has brings its type, its legacy status and its words."""
    error = fault_error(service(), Fault(kind=Kind.STATUS, status=status, code=code))
    detail = json.loads(error.body("0"))["detail"]

    assert error.problem.http_status == status
    assert (detail.get("type"), detail["status"]) == (kind, legacy)
    assert words in detail["message"]


def test_fault_422_is_an_array() -> None:
    """SDKs read the rows of a 422 and know no other shape of it."""
    (row,) = json.loads(fault_error(service(), Fault(kind=Kind.STATUS, status=422, message="no")).body("0"))["detail"]

    assert row == {"type": "value_error", "loc": ["body"], "msg": "no", "input": None}
