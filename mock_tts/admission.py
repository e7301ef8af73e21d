"""Whether a request may generate now: faults that answer at once, concurrency of the plan, credits."""

import asyncio
import time
from functools import lru_cache

from mock_tts import errors
from mock_tts.catalog import Model
from mock_tts.errors import ApiError
from mock_tts.faults import Effects, Fault, Kind
from mock_tts.replies import wait_until
from mock_tts.service import Service
from mock_tts.settings import OverLimit


def fault_error(service: Service, fault: Fault) -> ApiError:
    """The error answer that a STATUS fault asks for."""
    if fault.status == 422:
        message = fault.message or f"The server was told to answer {fault.status}."
        return errors.invalid([{"type": fault.code or "value_error", "loc": ["body"], "msg": message, "input": None}])
    problem = errors.problem_of(fault.status, fault.code)
    told = errors.MESSAGES.get(problem.legacy or problem.code, f"The server was told to answer {fault.status}.")
    return ApiError(problem, fault.message or told, headers=retry_after(service, fault))


def retry_after(service: Service, fault: Fault | None = None) -> tuple[tuple[bytes, bytes], ...]:
    """The ``retry-after`` header, which the real API is not known to send: a fault's own, or that chosen for a 429."""
    if fault is not None and fault.retry_after_s is not None:
        return ((b"retry-after", str(fault.retry_after_s).encode()),)
    if fault is not None and fault.status != 429:
        return ()
    chosen = service.settings.choices.retry_after
    return () if chosen == "none" else ((b"retry-after", chosen.encode()),)


def limit_of(service: Service, model: Model, effects: Effects) -> tuple[int | None, OverLimit, int]:
    """Requests in flight allowed (None for any number), what happens above it, and how many may wait."""
    fault = effects.get(Kind.CONCURRENCY)
    plan = service.settings.plan
    planned = None if plan is None else plan.limit(model)
    if fault is not None:
        limit = fault.limit if fault.limit is not None else planned
        return limit, OverLimit(fault.policy), fault.queue_length
    return planned, service.settings.over_limit, service.settings.queue_length


def group_of(model: Model) -> str:
    """The concurrency group of ``model``."""
    return "fast" if model.family in ("flash", "turbo") else "slow"


async def take_slot(
    service: Service, model: Model, effects: Effects, transport: asyncio.Transport | None
) -> int | None:
    """Takes one of the plan's slots, after waiting for it if the policy says so; gives their number, None for any.
    The caller gives the slot of ``group_of(model)`` back."""
    limit, policy, queue_length = limit_of(service, model, effects)
    group, slots = group_of(model), service.slots
    if slots.try_enter(group, limit, time.monotonic()) or limit is None:
        return limit
    if policy is OverLimit.REJECT or slots.waiting >= queue_length:
        note_limit(service, effects)
        raise too_many(service, limit)
    await _wait_for_slot(service, group, limit, transport)
    return limit


@lru_cache(1024)
def slot_lines(active: int, limit: int | None) -> bytes:
    """Header lines about ``active`` requests out of ``limit``."""
    maximum = UNLIMITED if limit is None else limit
    return (
        f"current-concurrent-requests: {active}\r\nmaximum-concurrent-requests: {maximum}\r\n"
        f"workspace-concurrent-requests: {active}\r\n"
    ).encode()


def note_limit(service: Service, effects: Effects) -> None:
    """Counts a refusal that a CONCURRENCY fault caused."""
    if effects.get(Kind.CONCURRENCY) is not None:
        service.ledger.faults[Kind.CONCURRENCY.value] += 1


UNLIMITED = 1000
"""What the header says when no plan was chosen."""


async def _wait_for_slot(service: Service, group: str, limit: int, transport: asyncio.Transport | None) -> None:
    slots, ticket = service.slots, object()
    try:
        while True:
            pause_s = pause_of(service)
            slots.wait(group, limit, ticket, time.monotonic() + pause_s)
            await wait_until(asyncio.get_running_loop().time() + pause_s, transport)
            if slots.try_enter(group, limit, time.monotonic(), ticket):
                return
    finally:
        slots.give_up(group, ticket)


def pause_of(service: Service) -> float:
    """Seconds until somebody who waits for a slot asks again."""
    return max(service.settings.profile.queue_s, 0.001)


def too_many(service: Service, limit: int | None) -> ApiError:
    """429 with the plan's limit in its message."""
    message = errors.CONCURRENCY_MESSAGE.format(limit=limit)
    return ApiError(errors.CONCURRENCY, message, headers=retry_after(service))


def charge(service: Service, needed: int, effects: Effects) -> None:
    """Takes ``needed`` credits. Raises ApiError when there are too few."""
    exhausted = effects.get(Kind.QUOTA) is not None
    if exhausted or not service.credits.spend(needed):
        if exhausted:
            service.ledger.faults[Kind.QUOTA.value] += 1
        quota = service.credits.limit or 10_000
        left = 0 if exhausted else service.credits.left
        problem = errors.QUOTA if service.settings.choices.quota_form == "legacy" else errors.INSUFFICIENT_CREDITS
        raise ApiError(problem, errors.QUOTA_MESSAGE.format(quota=quota, left=left, needed=needed))
