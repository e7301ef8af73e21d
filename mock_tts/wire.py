"""Request bodies and query strings as validated values. Only shapes; what is allowed is decided by the routes."""

from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mock_tts.errors import MALFORMED_JSON, ApiError, invalid

MAX_INPUT_CHARS = 200
"""Longest value that a 422 repeats."""


class _Tolerant(BaseModel):
    """Unknown fields are ignored, as the API does; NaN and infinity are no JSON."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False, protected_namespaces=())


class VoiceSettings(_Tolerant):
    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None
    speed: float | None = None
    clone_strength: float | None = None


class DictionaryLocator(_Tolerant):
    pronunciation_dictionary_id: str
    version_id: str | None = None


_Locators = Annotated[list[DictionaryLocator], Field(max_length=3)] | None
_RequestIds = Annotated[list[str], Field(max_length=3)] | None
_Seed = Annotated[int, Field(ge=0, le=4294967295)] | None
_Switch = Literal["auto", "on", "off"]


class SpeechBody(_Tolerant):
    """Body of the four text-to-speech endpoints."""

    text: str
    model_id: str | None = None
    language_code: str | None = None
    voice_settings: VoiceSettings | None = None
    pronunciation_dictionary_locators: _Locators = None
    seed: _Seed = None
    previous_text: str | None = None
    next_text: str | None = None
    previous_request_ids: _RequestIds = None
    next_request_ids: _RequestIds = None
    use_pvc_as_ivc: bool | None = None
    apply_text_normalization: _Switch | None = None
    apply_language_text_normalization: bool | None = None
    audio_effects: dict[str, Any] | None = None


class DialogueInput(_Tolerant):
    text: str
    voice_id: str


class DialogueSettings(_Tolerant):
    stability: float | None = None


class DialogueBody(_Tolerant):
    """Body of the four text-to-dialogue endpoints."""

    inputs: Annotated[list[DialogueInput], Field(min_length=1)]
    model_id: str | None = None
    language_code: str | None = None
    settings: DialogueSettings | None = None
    pronunciation_dictionary_locators: _Locators = None
    seed: _Seed = None
    previous_text: str | None = None
    future_text: str | None = None
    apply_text_normalization: _Switch | None = None


class SpeechQuery(_Tolerant):
    """Query of every endpoint that answers with audio."""

    output_format: str = "mp3_44100_128"
    optimize_streaming_latency: Annotated[int, Field(ge=0, le=4)] | None = None
    enable_logging: bool = True


class SocketQuery(_Tolerant):
    """Query of the two text-to-speech sockets. Text that is no number or switch is refused at the upgrade."""

    model_id: str | None = None
    output_format: str = "mp3_44100_128"
    inactivity_timeout: Annotated[int, Field(ge=1)] = 20
    auto_mode: bool = False
    sync_alignment: bool = False
    enable_ssml_parsing: bool = False
    enable_logging: bool = True
    apply_text_normalization: _Switch = "auto"
    language_code: str | None = None
    seed: _Seed = None
    optimize_streaming_latency: Annotated[int, Field(ge=0, le=4)] | None = None
    authorization: str = ""
    single_use_token: str = ""


class VoicesQuery(_Tolerant):
    """Query of the second version of the voice list; what it does not know is ignored."""

    search: str = ""
    category: str = ""
    sort: str = ""
    sort_direction: str = ""
    next_page_token: str = ""
    page_size: Annotated[int, Field(ge=1, le=100)] = 10


Body = TypeVar("Body", bound=BaseModel)


def parse_body(model: type[Body], raw: bytes) -> Body:
    """``raw`` as ``model``. Raises ApiError: 400 when it is no JSON, 422 when its shape is wrong."""
    if not raw.strip():
        raise invalid([{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}])
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        rows = rows_of(error, "body")
        if rows[0]["type"] == "json_invalid":
            raise ApiError(MALFORMED_JSON, f"The request body is not valid JSON. {rows[0]['msg']}") from None
        raise invalid(rows) from None


def parse_query(model: type[Body], query_string: bytes) -> Body:
    """A query string as ``model``; the last of repeated names counts, empty values count as absent."""
    if not query_string:
        return model()
    pairs = dict(parse_qsl(query_string.decode("latin-1"), errors="replace"))
    try:
        return model.model_validate(pairs)
    except ValidationError as error:
        raise invalid(rows_of(error, "query")) from None


def rows_of(error: ValidationError, place: str) -> list[dict[str, Any]]:
    """FastAPI's rows for ``error``; long or nested input is not repeated."""
    return [
        {"type": row["type"], "loc": [place, *row["loc"]], "msg": row["msg"], "input": _shown(row["input"])}
        for row in error.errors(include_url=False, include_context=False)
    ]


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MAX_INPUT_CHARS else value[:MAX_INPUT_CHARS]
    return value if isinstance(value, bool | int | float) else None
