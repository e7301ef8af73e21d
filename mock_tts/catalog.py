"""The models, voices and plans that the server knows."""

import re
from dataclasses import dataclass

DEFAULT_MODEL_ID = "eleven_multilingual_v2"


@dataclass(frozen=True, slots=True)
class Model:
    """One model: what a character costs, how long a text may be, and which latency applies."""

    model_id: str
    name: str
    family: str
    credits_per_char: float
    max_chars: int
    refused_above_chars: int


def _model(model_id: str, name: str, family: str, credits: float, max_chars: int, refused: int = 0) -> Model:
    return Model(model_id, name, family, credits, max_chars, refused or max_chars)


MODELS: dict[str, Model] = {
    model.model_id: model
    for model in (
        _model("eleven_v3", "Eleven v3", "v3", 1.0, 5_000, 6_000),  # 5,001 characters were accepted when recorded
        _model("eleven_multilingual_v2", "Eleven Multilingual v2", "multilingual", 1.0, 10_000),
        _model("eleven_flash_v2_5", "Eleven Flash v2.5", "flash", 0.5, 40_000),
        _model("eleven_flash_v2", "Eleven Flash v2", "flash", 0.5, 30_000),
        _model("eleven_turbo_v2_5", "Eleven Turbo v2.5", "turbo", 0.5, 40_000),
        _model("eleven_turbo_v2", "Eleven Turbo v2", "turbo", 0.5, 30_000),
        _model("eleven_multilingual_v1", "Eleven Multilingual v1", "multilingual", 1.0, 10_000),
        _model("eleven_monolingual_v1", "Eleven English v1", "multilingual", 1.0, 10_000),
    )
}

_FAMILIES = re.compile(r"eleven_(?:(flash|turbo|multilingual)_|(v3|v4)(?:_|$)|(?:monolingual|english)_)", re.ASCII)


def find_model(model_id: str) -> Model | None:
    """The model called ``model_id``; a later member of a known family takes the family's figures. None when unknown."""
    if model_id in MODELS:
        return MODELS[model_id]
    match = _FAMILIES.match(model_id)
    if match is None:
        return None
    family = match.group(1) or ("v3" if match.group(2) else "multilingual")
    like = next(model for model in MODELS.values() if model.family == family)
    return Model(model_id, model_id, family, like.credits_per_char, like.max_chars, like.refused_above_chars)


def is_dialogue_model(model_id: str) -> bool:
    """Whether ``model_id`` speaks only on the text-to-dialogue sockets."""
    return model_id.startswith(("eleven_v3", "eleven_v4"))


@dataclass(frozen=True, slots=True)
class Voice:
    voice_id: str
    name: str
    category: str
    labels: tuple[tuple[str, str], ...]


def _voice(voice_id: str, name: str, gender: str, accent: str) -> Voice:
    return Voice(voice_id, name, "premade", (("gender", gender), ("accent", accent), ("use_case", "conversational")))


VOICES: dict[str, Voice] = {
    voice.voice_id: voice
    for voice in (
        _voice("21m00Tcm4TlvDq8ikWAM", "Rachel", "female", "american"),
        _voice("JBFqnCBsd6RMkjVDRZzb", "George", "male", "british"),
        _voice("EXAVITQu4vr4xnSDxMaL", "Sarah", "female", "american"),
        _voice("hpp4J3VqNfWAUOO0d1Us", "Bella", "female", "american"),
        _voice("pNInz6obpgDQGcFmaJgB", "Adam", "male", "american"),
        _voice("XB0fDUnXU5powFXDhCwa", "Charlotte", "female", "swedish"),
        _voice("onwK4e9ZLuTAKqWW03F9", "Daniel", "male", "british"),
        _voice("cgSgspJ2msm6clMCkdW9", "Jessica", "female", "american"),
    )
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests in flight that a subscription allows, by the two groups of models."""

    name: str
    slow_limit: int
    fast_limit: int
    rank: int

    def limit(self, model: Model) -> int:
        return self.fast_limit if model.family in ("flash", "turbo") else self.slow_limit


PLANS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan("free", 2, 4, 0),
        Plan("starter", 3, 6, 1),
        Plan("creator", 5, 10, 2),
        Plan("pro", 10, 20, 3),
        Plan("scale", 15, 30, 4),
        Plan("business", 15, 30, 5),
    )
}
