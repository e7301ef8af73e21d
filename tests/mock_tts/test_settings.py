"""Options for the open points of the protocol."""

import pytest

from mock_tts.errors import UsageError
from mock_tts.settings import Choices, parse_choices


def test_pairs_replace_defaults() -> None:
    """Named ones change, the others stay."""
    assert parse_choices(["empty_flush=eos", "retry_after=3"]) == Choices(empty_flush="eos", retry_after="3")


@pytest.mark.parametrize("pair", ["nothing=1", "empty_flush=maybe", "retry_after=soon", "ids"])
def test_wrong_pairs_name_what_is_allowed(pair: str) -> None:
    """One line: expected, found, what to do."""
    with pytest.raises(UsageError, match=r"expected .*, found .*; "):
        parse_choices([pair])
