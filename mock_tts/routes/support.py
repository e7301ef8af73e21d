"""The endpoints beside speech: models, voices, settings, user, subscription, single-use tokens."""

import time
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from mock_tts import errors, faults
from mock_tts.admission import fault_error
from mock_tts.catalog import MODELS, PLANS, VOICES, Model, Voice
from mock_tts.errors import ApiError, invalid
from mock_tts.faults import Kind
from mock_tts.replies import COMMON, Headers, key_of
from mock_tts.routes.tables import Row, json_routes
from mock_tts.service import Service
from mock_tts.wire import VoicesQuery, parse_query

DEFAULT_SETTINGS = {"stability": 0.5, "similarity_boost": 0.75, "style": 0.0, "use_speaker_boost": True, "speed": 1.0}
TOKEN_TYPES = ("tts_websocket", "realtime_scribe", "batch_scribe")
_LANGUAGES = (("en", "English"), ("de", "German"), ("fr", "French"), ("es", "Spanish"), ("ja", "Japanese"))
_ENDLESS_CHARS = 10_000_000


def routes(service: Service) -> list[Route]:
    """All of them; each needs a key."""
    endpoints = _Endpoints(service)
    table: list[Row] = [
        ("GET", "/v1/models", endpoints.models),
        ("GET", "/v1/voices", endpoints.voices),
        ("GET", "/v2/voices", endpoints.search_voices),
        ("GET", "/v1/voices/settings/default", endpoints.default_settings),
        ("GET", "/v1/voices/{voice_id}/settings", endpoints.voice_settings),
        ("GET", "/v1/voices/{voice_id}", endpoints.voice),
        ("GET", "/v1/user/subscription", endpoints.subscription),
        ("GET", "/v1/user", endpoints.user),
        ("POST", "/v1/single-use-token/{kind}", endpoints.token),
    ]
    return json_routes(table, endpoints.check, endpoints.headers)


class _Endpoints:
    def __init__(self, service: Service) -> None:
        self._service = service

    def check(self, request: Request) -> None:
        """Counts the request. Raises ApiError unless its key is good, and when a fault says so."""
        service, name = self._service, request.scope["path"].split("/")[2]
        service.ledger.requests[f"{request.method} {name}"] += 1
        service.check_key(key_of(request.scope))
        fault = service.faults.pick(faults.Route(name), request.path_params.get("voice_id", ""), "").get(Kind.STATUS)
        if fault is not None:
            service.ledger.faults[Kind.STATUS.value] += 1
            raise fault_error(service, fault)

    def headers(self) -> Headers:
        return [*COMMON, (b"x-trace-id", self._service.hex_id().encode())]

    async def models(self, request: Request) -> Any:
        return [_model_json(model) for model in MODELS.values()]

    async def voices(self, request: Request) -> Any:
        return {"voices": [_voice_json(voice) for voice in VOICES.values()]}

    async def search_voices(self, request: Request) -> Any:
        query = parse_query(VoicesQuery, request.scope["query_string"])
        wanted = set(request.query_params.getlist("voice_ids"))
        found = [
            voice
            for voice in VOICES.values()
            if (not wanted or voice.voice_id in wanted)
            and query.search.lower() in voice.name.lower()
            and query.category in ("", voice.category)
        ]
        if query.sort == "name":
            found.sort(key=lambda voice: voice.name)
        if query.sort_direction == "desc":
            found.reverse()
        start = _page_start(query.next_page_token, len(found))
        page = found[start : start + query.page_size]
        more = start + len(page) < len(found)
        return {
            "voices": [_voice_json(voice) for voice in page],
            "has_more": more,
            "total_count": len(found),
            "next_page_token": str(start + len(page)) if more else None,
        }

    async def voice(self, request: Request) -> Any:
        return _voice_json(_known_voice(request))

    async def default_settings(self, request: Request) -> Any:
        return DEFAULT_SETTINGS

    async def voice_settings(self, request: Request) -> Any:
        _known_voice(request)
        return DEFAULT_SETTINGS

    async def subscription(self, request: Request) -> Any:
        return {**self._subscription(), "open_invoices": [], "has_open_invoices": False}

    async def user(self, request: Request) -> Any:
        return {
            "user_id": "mockuser000000000000",
            "workspace_id": "mockworkspace0000000",
            "subscription": self._subscription(),
            "is_new_user": False,
            "can_use_delayed_payment_methods": False,
            "is_onboarding_completed": True,
            "is_onboarding_checklist_completed": True,
            "created_at": 1_700_000_000,
            "seat_type": "workspace_admin",
            "first_name": "Mock",
        }

    async def token(self, request: Request) -> Any:
        kind = request.path_params["kind"]
        if kind not in TOKEN_TYPES:
            expected = f"Input should be {', '.join(map(repr, TOKEN_TYPES))}"
            raise invalid([{"type": "enum", "loc": ["path", "token_type"], "msg": expected, "input": kind[:100]}])
        token = f"sutkn_{self._service.base62_id()}{self._service.base62_id()}"
        self._service.tokens.issue(token, time.monotonic(), speaks=kind == TOKEN_TYPES[0])
        return {"token": token}

    def _subscription(self) -> dict[str, Any]:
        plan = self._service.settings.plan
        credits = self._service.credits
        return {
            "tier": "enterprise" if plan is None else plan.name,
            "character_count": credits.used,
            "character_limit": _ENDLESS_CHARS if credits.limit is None else credits.limit,
            "max_credit_limit_extension": 0,
            "can_extend_character_limit": False,
            "allowed_to_extend_character_limit": False,
            "next_character_count_reset_unix": 2_000_000_000,
            "voice_slots_used": len(VOICES),
            "professional_voice_slots_used": 0,
            "professional_voice_slots_used_in_workspace": 0,
            "voice_limit": 160,
            "voice_add_edit_counter": 0,
            "professional_voice_limit": 1,
            "can_extend_voice_limit": False,
            "can_use_instant_voice_cloning": True,
            "can_use_professional_voice_cloning": plan is None or plan.rank >= PLANS["creator"].rank,
            "current_overage": {"amount": "0", "currency": "usd"},
            "status": "free" if plan is not None and plan.name == "free" else "active",
            "currency": "usd",
        }


def _page_start(token: str, count: int) -> int:
    """Where a page begins. Raises ApiError for a token that this server did not give out."""
    if token == "":
        return 0
    if not (token.isascii() and token.isdecimal()) or len(token) > 9 or int(token) > count:
        raise ApiError(errors.INVALID_PARAMETERS, "Invalid next_page_token.", param="next_page_token")
    return int(token)


def _known_voice(request: Request) -> Voice:
    voice_id: str = request.path_params["voice_id"]
    voice = VOICES.get(voice_id)
    if voice is None:
        raise ApiError(errors.VOICE_NOT_FOUND, f"A voice with voice_id '{voice_id[:100]}' was not found.")
    return voice


def _voice_json(voice: Voice) -> dict[str, Any]:
    return {
        "voice_id": voice.voice_id,
        "name": voice.name,
        "category": voice.category,
        "labels": dict(voice.labels),
        "description": f"{voice.name}, a voice of the mock.",
        "preview_url": None,
        "available_for_tiers": [],
        "settings": DEFAULT_SETTINGS,
        "high_quality_base_model_ids": list(MODELS),
        "is_owner": False,
        "is_legacy": False,
    }


def _model_json(model: Model) -> dict[str, Any]:
    return {
        "model_id": model.model_id,
        "name": model.name,
        "can_be_finetuned": False,
        "can_do_text_to_speech": True,
        "can_do_voice_conversion": False,
        "can_use_style": model.family in ("multilingual", "v3"),
        "can_use_speaker_boost": model.family == "multilingual",
        "serves_pro_voices": False,
        "token_cost_factor": 1.0,
        "description": model.name,
        "requires_alpha_access": False,
        "max_characters_request_free_user": min(2_500, model.max_chars),
        "max_characters_request_subscribed_user": model.max_chars,
        "maximum_text_length_per_request": model.max_chars,
        "languages": [{"language_id": language_id, "name": name} for language_id, name in _LANGUAGES],
        "model_rates": {"character_cost_multiplier": model.credits_per_char},
        "concurrency_group": "turbo" if model.family in ("flash", "turbo") else "standard",
    }
