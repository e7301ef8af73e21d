"""The target and the speech service."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.plan.target import TargetSection, TtsSection


@pytest.mark.parametrize(
    "table",
    [
        {"pid": 1, "container": "x"},
        {"reference": "before", "command": "x"},
        {"command": "  "},
        {"reference": "during"},
        {"restart": "always"},
        {"pid": 0},
        {"time_scale": 0},
    ],
)
def test_what_is_not_one_target_is_refused(table: dict[str, Any]) -> None:
    """One way to find the target, and it means something."""
    with pytest.raises(ValidationError):
        TargetSection.model_validate(table)


def test_urls_lose_their_last_slash() -> None:
    """Paths are appended to them."""
    assert TtsSection.model_validate({"url": "http://127.0.0.1:80/"}).url == "http://127.0.0.1:80"
    assert TargetSection.model_validate({"base_url": "https://[::1]:8443"}).base_url == "https://[::1]:8443"
