"""What clients send over the sockets, as validated values."""

import json
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Message = TypeVar("Message", bound=BaseModel)


class BadMessage(Exception):
    """A message that is no JSON object or lacks what it must have; the text says what."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False, strict=True)


class GenerationConfig(_Message):
    chunk_length_schedule: Annotated[list[Annotated[float, Field(strict=False)]], Field(max_length=100)] | None = None


def _without_prefix(value: Any) -> Any:
    return value.removeprefix("Bearer ").strip() if isinstance(value, str) else value


def _finite(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """Raises ValueError for NaN and infinity, which the parser lets through where a field has no type."""
    json.dumps(value, allow_nan=False)
    return value


_Settings = Annotated[dict[str, Any] | None, AfterValidator(_finite)]
_Credential = Annotated[str | None, BeforeValidator(_without_prefix)]


class SpeechMessage(_Message):
    """Every message of the two text-to-speech sockets; which fields a message must have depends on the socket."""

    text: str | None = None
    context_id: str | None = None
    context_id_camel: Annotated[str | None, Field(alias="contextId")] = None
    voice_settings: _Settings = None
    generation_config: GenerationConfig | None = None
    generator_config: GenerationConfig | None = None
    try_trigger_generation: bool | None = None
    flush: bool | None = None
    close_context: bool | None = None
    close_socket: bool | None = None
    xi_api_key: _Credential = None
    xi_api_key_dashed: Annotated[_Credential, Field(alias="xi-api-key")] = None
    authorization: _Credential = None
    single_use_token: _Credential = None

    @property
    def context(self) -> str | None:
        return self.context_id or self.context_id_camel

    @property
    def credential(self) -> str:
        return self.xi_api_key or self.xi_api_key_dashed or self.authorization or self.single_use_token or ""

    @property
    def schedule(self) -> list[float] | None:
        config = self.generation_config or self.generator_config
        return None if config is None else config.chunk_length_schedule


class DialogueLine(_Message):
    text: str
    voice_id: str
    new_turn: bool | None = None


class DialogueMessage(_Message):
    """Every message of the two text-to-dialogue sockets."""

    context_id: str | None = None
    voices: list[str] | None = None
    inputs: list[DialogueLine] | None = None
    flush: bool | None = None
    keep_alive: bool | None = None
    close_context: bool | None = None
    close_socket: bool | None = None
    xi_api_key: _Credential = None
    xi_api_key_dashed: Annotated[_Credential, Field(alias="xi-api-key")] = None
    authorization: _Credential = None
    single_use_token: _Credential = None

    @property
    def credential(self) -> str:
        return self.xi_api_key or self.xi_api_key_dashed or self.authorization or self.single_use_token or ""


def parse_message(model: type[Message], raw: str | bytes) -> Message:
    """``raw`` as ``model``. Raises BadMessage."""
    if isinstance(raw, bytes):
        raise BadMessage("expected a text frame with a JSON object, found a binary frame")
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        row = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, row["loc"]))
        raise BadMessage(f"{where + ': ' if where else ''}{row['msg']}") from None
    except UnicodeEncodeError:
        raise BadMessage("expected Unicode text, found a lone surrogate") from None


def same_settings(first: dict[str, Any] | None, later: dict[str, Any]) -> bool:
    """Whether ``later`` voice settings do not change ``first``; absent and empty are the same."""
    return (first or {}) == later
