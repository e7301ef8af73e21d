"""What all sockets have in common; the rules of each are tested with their sessions."""

from mock_tts.frames import MAX_REASON_BYTES, reason_of
from mock_tts.socket_rules import CONTEXTS_MESSAGE, timeout_message


def test_messages_are_the_words_of_the_api() -> None:
    """Clients match on them."""
    assert timeout_message(20).startswith("Have not received a new text input within the timeout of 20.0 seconds. ")
    assert timeout_message(20).endswith('to send the end of input text (empty string "") when done.')
    assert CONTEXTS_MESSAGE.startswith(
        "Maximum simultaneous contexts per WebSocket connection exceeded (5). Please close"
    )


def test_timeout_reason_stops_where_the_observed_one_does() -> None:
    """A user's log ends at "Please make sure to eit"; a close frame has room for one byte more."""
    reason = reason_of(timeout_message(20))

    assert len(reason) == MAX_REASON_BYTES
    assert reason.endswith("Please make sure to eith")
