"""Models, voices, plans."""

import pytest

from mock_tts.catalog import MODELS, PLANS, find_model, is_dialogue_model


@pytest.mark.parametrize(
    ("model_id", "family"),
    [("eleven_flash_v2_5", "flash"), ("eleven_turbo_v9", "turbo"), ("eleven_v4_preview", "v3"), ("nope", None)],
)
def test_later_members_of_a_family_are_known(model_id: str, family: str | None) -> None:
    """A model that is not listed takes the figures of its family; another name is unknown."""
    model = find_model(model_id)

    assert (model and model.family) == family


def test_limits_and_costs_are_the_documented_ones() -> None:
    """Half a credit on flash and turbo; 5,001 characters were accepted on v3."""
    assert MODELS["eleven_flash_v2_5"].credits_per_char == 0.5
    assert MODELS["eleven_multilingual_v2"].max_chars == 10_000
    assert MODELS["eleven_v3"].refused_above_chars > 5_001
    assert is_dialogue_model("eleven_v3")
    creator = PLANS["creator"]
    assert (creator.limit(MODELS["eleven_flash_v2"]), creator.limit(MODELS["eleven_v3"])) == (10, 5)
